"""A drain writes what is wanted, and what is refused costs only itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault, Sandbox
from target_bigcommerce.errors import (
    AttributeConflictError,
    LimitReachedError,
    TooManyRejectsError,
    UnavailableError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Job

Record = dict[str, Any]
MakeBox = Callable[..., Sandbox]
MakeJob = Callable[..., "Job"]
VIP = "vip_customers"
SLUG = {17: VIP}
NAMES = [{"from": n, "to": n} for n in ("email", "first_name", "last_name", "company")]
TIER = {"from": "tier", "to": "Tier"}


def person(number: int, **more: object) -> Record:
    return {
        "email": f"m{number}@example.com",
        "first_name": f"First{number}",
        "last_name": "Last",
        **more,
    }


def put(box: Sandbox, *numbers: int, **more: object) -> None:
    for number in numbers:
        box.store.put_customer(number, **person(number, **more))


def rejects(tmp_path: Path) -> list[Record]:
    lines = (tmp_path / "rejects.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["type"] == "RECORD"]


# Records with an id.


def test_a_member_gets_fields_values_and_the_slug(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES, map_custom_attributes=[TIER])

    outcomes = job.write({"id": "17", "company": "After Ltd", "tier": "gold"})

    assert outcomes == {"updated": 1}
    assert box.store.customers[17]["company"] == "After Ltd"
    assert box.store.customers[17]["first_name"] == "First17"
    assert job.values() == SLUG
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
    assert rejects(tmp_path)[0]["reject"]["code"] == "unknown_customer"
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
    job.audience(company={"type": "string"})

    outcomes = job.write({"id": 17, "company": 5})

    assert outcomes == {"rejected": 1}
    assert job.reject_codes == {"invalid_record": 1}


def test_an_attribute_that_cannot_be_had_is_refused_before_any_record(
    box: Sandbox, make_job: MakeJob
) -> None:
    box.store.add_attribute("Tier", "number")
    job = make_job(box, map_custom_attributes=[TIER])

    with pytest.raises(AttributeConflictError, match="'Tier' has the type number"):
        job.audience()


# Records without an id.


def test_a_record_without_an_id_is_skipped(box: Sandbox, make_job: MakeJob) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES)

    outcomes = job.write(person(17), {"id": None}, {"id": " "})

    assert outcomes == {"skipped": 3}
    assert not job.calls().keys() - {"GET /customers/attributes"}


def test_a_record_without_an_id_is_matched_by_its_address(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="match")
    record = person(17, email="M17@Example.com", company="After Ltd")

    outcomes = job.write(record, person(18), {"company": "no address"})

    assert outcomes == {"updated": 1, "skipped": 2}
    assert box.store.customers[17]["company"] == "After Ltd"
    assert box.store.customers[17]["email"] == "m17@example.com"
    assert job.values() == SLUG
    assert len(box.store.customers) == 1


def test_a_record_without_an_id_is_created(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="create")
    lacking = {"email": "m20@example.com", "first_name": "Only"}

    outcomes = job.write(person(17), person(18), lacking, {"company": "no address"})

    assert outcomes == {"updated": 1, "created": 1, "rejected": 2}
    assert {row["reject"]["code"] for row in rejects(tmp_path)} == {
        "incomplete_customer"
    }
    number = box.store.customers.by_email("m18@example.com")
    assert number is not None
    assert job.values() == {17: VIP, number: VIP}


def test_a_new_customer_is_created_once_from_several_records(
    box: Sandbox, make_job: MakeJob
) -> None:
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="create")

    outcomes = job.write(
        person(18), person(18, email="M18@example.com", company="After Ltd")
    )

    assert outcomes == {"merged": 1, "created": 1}
    assert len(box.store.customers) == 1
    [row] = box.store.customers.values()
    assert row["company"] == "After Ltd"


def test_those_matched_and_those_with_the_id_are_merged_in_order(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="match")

    outcomes = job.write(
        {"id": 17, "company": "first"},
        person(17, company="second"),
        {"id": 17, "company": "third"},
        person(17, company="last"),
    )

    assert outcomes == {"merged": 3, "updated": 1}
    assert box.store.customers[17]["company"] == "last"
    assert box.journal.counts["PUT /customers"] == 1


@pytest.mark.parametrize("on_missing_id", ["match", "create"])
def test_who_gets_an_address_in_this_batch_is_matched_by_it(
    box: Sandbox, make_job: MakeJob, on_missing_id: str
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id=on_missing_id)
    new = "new@example.com"

    outcomes = job.write(
        {"id": 17, "email": new}, person(17, email=new, company="After Ltd")
    )

    assert outcomes == {"merged": 1, "updated": 1}
    assert len(box.store.customers) == 1
    assert box.store.customers[17]["company"] == "After Ltd"
    assert box.journal.counts["PUT /customers/attribute-values"] == 1


def test_attributes_beyond_ten_follow_a_creation(
    box: Sandbox, make_job: MakeJob
) -> None:
    mapped = [{"value": "x", "to": f"A{number}"} for number in range(12)]
    job = make_job(
        box,
        map_standard_fields=NAMES,
        map_custom_attributes=mapped,
        on_missing_id="create",
    )

    job.write(person(18))

    assert len(box.store.values) == 13
    assert box.journal.counts["PUT /customers/attribute-values"] == 1


def test_a_creation_whose_answer_is_lost_makes_no_twin(
    box: Sandbox, make_job: MakeJob
) -> None:
    box.faults.queue(Fault(kind="503_after", match="POST /customers"))
    job = make_job(
        box,
        map_standard_fields=NAMES,
        map_custom_attributes=[TIER],
        on_missing_id="create",
    )

    outcomes = job.write(person(18, tier="gold"))

    assert outcomes == {"created": 1}
    assert len(box.store.customers) == 1
    assert list(job.values("Tier").values()) == ["gold"]


# What the store refuses.


@pytest.mark.parametrize("apply_valid_rows", [False, True])
@pytest.mark.parametrize("errors_name_the_row", [False, True])
def test_a_refused_row_loses_only_the_guilty_customer(
    make_box: MakeBox,
    make_job: MakeJob,
    *,
    apply_valid_rows: bool,
    errors_name_the_row: bool,
) -> None:
    box = make_box(
        apply_valid_rows=apply_valid_rows, errors_name_the_row=errors_name_the_row
    )
    put(box, *range(1, 21), company="Before Ltd")
    job = make_job(box, map_standard_fields=NAMES)
    records = [
        {"id": number, **person(number, company="After Ltd")} for number in range(1, 21)
    ]
    records[6]["email"] = "no.such.domain@nowhere"  # Passes here, not there.
    records[12]["email"] = "m1@example.com"

    outcomes = job.write(*records)

    assert outcomes == {"updated": 18, "rejected": 2}
    assert job.reject_codes == {"refused": 1, "email_taken": 1}
    companies = {n: row["company"] for n, row in box.store.customers.items()}
    assert [n for n, name in companies.items() if name == "Before Ltd"] == [7, 13]
    assert job.values().keys() == set(range(1, 21)) - {7, 13}


@pytest.mark.parametrize("apply_valid_rows", [False, True])
def test_a_refused_value_loses_only_the_guilty_customer(
    make_box: MakeBox, make_job: MakeJob, *, apply_valid_rows: bool
) -> None:
    box = make_box(apply_valid_rows=apply_valid_rows)
    put(box, *range(1, 11))
    job = make_job(
        box, map_standard_fields=[], map_custom_attributes=[{**TIER, "type": "date"}]
    )
    records = [{"id": number, "tier": "2026-03-01"} for number in range(1, 11)]
    records[4]["tier"] = "2026-03-01T10:00:00,5Z"  # ISO 8601, and not to this store.

    outcomes = job.write(*records)

    assert outcomes == {"updated": 9, "rejected": 1}
    assert job.values("Tier").keys() == set(range(1, 11)) - {5}


def test_who_vanished_after_the_look_up_is_rejected_alone(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17, 18)
    job = make_job(box, map_standard_fields=NAMES)

    def vanish(entry: Any) -> None:  # noqa: ANN401 - an entry of the journal
        if entry.endpoint == "GET /customers" and 18 in box.store.customers:
            del box.store.customers[18]

    box.journal.subscribe(vanish)
    outcomes = job.write(*({"id": n, "company": "After"} for n in (17, 18)))

    assert outcomes == {"updated": 1, "rejected": 1}
    assert job.reject_codes == {"unknown_customer": 1}


def test_a_row_missing_from_an_answer_is_not_taken_for_written(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17, 18)
    box.faults.queue(Fault(kind="row_missing", match="PUT /customers", times=2))
    job = make_job(box, map_standard_fields=NAMES)

    outcomes = job.write(*({"id": n, "company": "After"} for n in (17, 18)))

    assert outcomes == {"updated": 1, "rejected": 1}
    assert job.reject_codes == {"unconfirmed": 1}


def test_a_row_missing_once_is_asked_for_again(box: Sandbox, make_job: MakeJob) -> None:
    put(box, 17, 18)
    match = "PUT /customers/attribute-values"
    box.faults.queue(Fault(kind="row_missing", match=match))
    job = make_job(box, map_standard_fields=[])

    outcomes = job.write({"id": 17}, {"id": 18})

    assert outcomes == {"updated": 2}


def test_an_attribute_deleted_meanwhile_ends_the_run_and_the_next_creates_it(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17)
    job = make_job(box, map_standard_fields=[])
    job.write({"id": 17})
    box.store.shelves.drop_attribute(next(iter(box.store.attributes)))

    with pytest.raises(AttributeConflictError, match="LyticsAudience_vip_customers"):
        job.write({"id": 17})
    make_job(box, map_standard_fields=[]).write({"id": 17})

    assert job.values() == SLUG


# What ends a run.


def test_a_drain_that_fails_counts_nothing_and_can_be_repeated(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17)
    box.faults.queue(Fault(kind="503", match="PUT /customers/*", times=10))
    job = make_job(box, map_standard_fields=NAMES)

    with pytest.raises(UnavailableError):
        job.write({"id": 17, "company": "After"})
    counted = dict(job.export.tally.outcomes)
    outcomes = job.write()

    assert not counted
    assert outcomes == {"updated": 1}
    assert job.values() == SLUG


def test_more_rejects_than_allowed_end_the_run(box: Sandbox, make_job: MakeJob) -> None:
    job = make_job(box, map_standard_fields=[], max_rejects=2)
    job.write({"id": "x"}, {"id": "y"}, {"id": "y"})
    job.export.stop_if_over()

    job.write({"id": "z"})

    with pytest.raises(TooManyRejectsError, match="3 records were rejected"):
        job.export.stop_if_over()


def test_a_limit_lets_no_more_customers_change(box: Sandbox, make_job: MakeJob) -> None:
    put(box, *range(1, 11))
    job = make_job(box, map_standard_fields=[], limit=4)
    job.write({"id": 1}, {"id": 2})
    job.export.stop_if_over()
    room = job.export.room("vip")

    job.write({"id": 3}, {"id": 4})

    assert room == 2
    with pytest.raises(LimitReachedError):
        job.export.stop_if_over()


# Time.


def test_a_record_waits_no_longer_than_its_limit(
    box: Sandbox, make_job: MakeJob
) -> None:
    job = make_job(box, batch_wait_limit_seconds=60)
    before = job.export.deadline()

    job.export.wait()
    box.clock.advance(45)
    job.export.wait()
    later = job.export.deadline()
    box.clock.advance(45)
    overdue = job.export.deadline()
    job.export.settle()

    assert before is None
    assert later == pytest.approx(15)
    assert overdue == 0
    assert job.export.deadline() is None


# A dry run.


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
