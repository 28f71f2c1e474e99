"""A drain writes what is wanted of those who come with an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.customers import NAMES, TIER, VIP, person, put
from support.target_job import MakeJob, rejects_in
from target_bigcommerce.errors import AttributeConflictError

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox


def test_a_member_gets_fields_values_and_the_slug(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES, map_custom_attributes=[TIER])

    outcomes = job.write({"id": "17", "company": "After Ltd", "tier": "gold"})

    assert outcomes == {"updated": 1}
    assert box.store.customers[17]["company"] == "After Ltd"
    assert box.store.customers[17]["first_name"] == "First17"
    assert job.values() == {17: VIP}
    assert job.values("Tier") == {17: "gold"}


def test_a_second_run_writes_nothing(box: Sandbox, make_job: MakeJob) -> None:
    put(box, 17)
    record = {"id": 17, **person(17, company="After Ltd", tier="gold")}
    config = {"map_standard_fields": NAMES, "map_custom_attributes": [TIER]}
    make_job(box, **config).write(record)
    box.journal.clear()

    outcomes = make_job(box, **config).write(record)

    assert outcomes == {"unchanged": 1}
    assert all(entry.method == "GET" for entry in box.journal)


def test_an_id_that_the_store_does_not_have_is_rejected(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="create")

    outcomes = job.write({"id": 17}, {"id": 18, **person(18)})

    assert outcomes == {"updated": 1, "rejected": 1}
    assert rejects_in(tmp_path)[0]["reject"]["code"] == "unknown_customer"
    assert len(box.store.customers) == 1


def test_records_of_one_customer_are_merged_in_order(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES)

    outcomes = job.write(*({"id": 17, "company": name} for name in "ABA"))

    assert outcomes == {"merged": 2, "updated": 1}
    assert box.store.customers[17]["company"] == "A"
    assert box.journal.counts["PUT /customers"] == 1


def test_on_null_clear_empties_only_what_an_explicit_null_names(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17, company="Ltd", phone="1", notes="n")
    config: dict[str, Any] = {
        "map_standard_fields": [
            *NAMES,
            {"from": "phone", "to": "phone"},
            {"from": "notes", "to": "notes"},
        ],
        "map_custom_attributes": [TIER, {"from": "points", "to": "Points"}],
    }
    make_job(box, **config).write({"id": 17, "tier": "gold", "points": 3})
    nulls = {"company": None, "email": None, "notes": "", "tier": None, "points": ""}

    make_job(box, **config).write({"id": 17, **nulls})
    kept = {name: box.store.customers[17][name] for name in ("company", "phone")}
    job = make_job(box, **config, on_null="clear")
    job.write({"id": 17, **nulls})

    row = box.store.customers[17]
    assert kept == {"company": "Ltd", "phone": "1"}
    assert (row["company"], row["phone"], row["notes"]) == ("", "1", "n")
    assert row["email"] == "m17@example.com"
    assert job.values("Tier") == {}
    assert job.values("Points") == {17: "3"}


def test_a_form_field_is_written_and_the_others_stay(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17, form_fields=[{"name": "colour", "value": "red"}])
    job = make_job(box, map_standard_fields=[{"from": "forms", "to": "form_fields"}])

    job.write({"id": 17, "forms": [{"name": "size", "value": "M"}]})

    fields = {r["name"]: r["value"] for r in box.store.customers[17]["form_fields"]}
    assert fields == {"colour": "red", "size": "M"}


def test_store_credit_is_compared_before_it_is_written(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17, store_credit_amounts=[{"amount": 12.5}])
    mapped = [{"from": "credit", "to": "store_credit_amounts"}]
    job = make_job(box, map_standard_fields=mapped)

    job.write({"id": 17, "credit": "12.50"})

    assert "PUT /customers" not in job.calls()


def test_a_record_that_contradicts_its_schema_is_rejected(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES)
    job.sink(company={"type": "string"})

    outcomes = job.write({"id": 17, "company": 5})

    assert outcomes == {"rejected": 1}
    assert job.reject_codes == {"invalid_record": 1}


def test_an_attribute_that_cannot_be_had_is_refused_before_any_record(
    box: Sandbox, make_job: MakeJob
) -> None:
    box.store.add_attribute("Tier", "number")
    job = make_job(box, map_custom_attributes=[TIER])

    with pytest.raises(AttributeConflictError, match="'Tier' has the type number"):
        job.sink()


# Time.


def test_a_record_waits_no_longer_than_its_limit(
    box: Sandbox, make_job: MakeJob
) -> None:
    job = make_job(box, batch_wait_limit_seconds=60)
    before = job.run.seconds_to_drain()

    job.run.await_drain()
    box.clock.advance(45)
    job.run.await_drain()
    later = job.run.seconds_to_drain()
    box.clock.advance(45)
    overdue = job.run.seconds_to_drain()
    job.run.commit()

    assert before is None
    assert later == pytest.approx(15)
    assert overdue == 0
    assert job.run.seconds_to_drain() is None


# A dry run.


@pytest.mark.guarantee("dry-run-writes-nothing")
def test_a_dry_run_writes_nothing_at_all(
    box: Sandbox,
    make_job: MakeJob,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(box, 17)
    job = make_job(
        box,
        map_standard_fields=NAMES,
        map_custom_attributes=[TIER],
        on_missing_id="create",
        dry_run=True,
    )

    outcomes = job.write(
        {"id": 17, "company": "After", "tier": "gold"}, person(18), {"id": "x"}
    )

    assert outcomes == {"updated": 1, "created": 1, "rejected": 1}
    assert all(entry.method == "GET" for entry in box.journal)
    assert not list(tmp_path.iterdir())
    shown = capsys.readouterr().err
    assert "After" in shown
    assert "m18@example.com" not in shown
