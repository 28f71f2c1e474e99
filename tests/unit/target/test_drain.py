"""A drain writes the desired fields and values of a batch of records."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault, Sandbox
from singer_kit.errors import AuthError
from support.customers import NAMES, TIER, VIP, person, put_customers
from support.target_job import MakeJob, rejects_in
from target_bigcommerce.errors import (
    AttributeConflictError,
    LimitReachedError,
    TooManyRejectsError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.store import MakeBox
    from support.target_job import Job


def test_member_gets_fields_values_and_the_slug(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 17)
    job = make_job(box, map_standard_fields=NAMES, map_custom_attributes=[TIER])

    outcomes = job.write({"id": "17", "company": "After Ltd", "tier": "gold"})

    assert outcomes == {"updated": 1}
    assert box.store.customers[17]["company"] == "After Ltd"
    assert box.store.customers[17]["first_name"] == "First17"
    assert job.values() == {17: VIP}
    assert job.values("Tier") == {17: "gold"}


def test_second_run_writes_nothing(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 17)
    record = {"id": 17, **person(17, company="After Ltd", tier="gold")}
    config = {"map_standard_fields": NAMES, "map_custom_attributes": [TIER]}
    make_job(box, **config).write(record)
    box.journal.clear()

    outcomes = make_job(box, **config).write(record)

    assert outcomes == {"unchanged": 1}
    assert all(entry.method == "GET" for entry in box.journal)


def test_unknown_customer_is_rejected(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    put_customers(box, 17)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="create")

    outcomes = job.write({"id": 17}, {"id": 18, **person(18)})

    assert outcomes == {"updated": 1, "rejected": 1}
    assert rejects_in(tmp_path)[0]["reject"]["code"] == "unknown_customer"
    assert len(box.store.customers) == 1


def test_records_of_one_customer_are_merged_in_order(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 17)
    job = make_job(box, map_standard_fields=NAMES)

    outcomes = job.write(*({"id": 17, "company": name} for name in "ABA"))

    assert outcomes == {"merged": 2, "updated": 1}
    assert box.store.customers[17]["company"] == "A"
    assert box.journal.counts["PUT /customers"] == 1


def test_on_null_clear_clears_only_explicit_nulls(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 17, company="Ltd", phone="1", notes="n")
    config: dict[str, Any] = {
        "map_standard_fields": [
            *NAMES,
            *({"from": name, "to": name} for name in ("phone", "notes")),
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


def test_other_form_fields_are_kept(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 17, form_fields=[{"name": "colour", "value": "red"}])
    job = make_job(box, map_standard_fields=[{"from": "forms", "to": "form_fields"}])

    job.write({"id": 17, "forms": [{"name": "size", "value": "M"}]})

    fields = {r["name"]: r["value"] for r in box.store.customers[17]["form_fields"]}
    assert fields == {"colour": "red", "size": "M"}


@pytest.mark.parametrize(
    "act",
    [
        lambda job: job.sink().add_record({"id": 1, "tier": "gold"}, {}),
        lambda job: job.sink().add_record(
            {"id": 1, "_sdc_deleted_at": "2026-01-01"}, {}
        ),
        lambda job: job.activate(1),
    ],
    ids=["member", "exit", "version"],
)
def test_attribute_conflict_is_found_before_a_drain(
    box: Sandbox, make_job: MakeJob, act: Callable[[Job], object]
) -> None:
    box.store.add_attribute("Tier", "number")
    job = make_job(box, map_custom_attributes=[TIER], on_exit="clear")
    job.sink()
    before = job.calls()

    with pytest.raises(AttributeConflictError, match="'Tier' has the type number"):
        act(job)

    assert before == {}
    assert job.calls() == {"GET /customers/attributes": 1}


def test_drain_is_due_after_the_wait_limit(box: Sandbox, make_job: MakeJob) -> None:
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


@pytest.mark.guarantee("dry-run-writes-nothing")
def test_dry_run_writes_nothing(
    box: Sandbox,
    make_job: MakeJob,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    put_customers(box, 17)
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
    assert "After" not in caplog.text
    assert "m18@example.com" not in caplog.text


# Failures and limits.


def test_next_run_writes_what_a_failed_one_left(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 17)
    box.faults.queue(Fault(kind="401", match="PUT /customers/*"))
    job = make_job(box, map_standard_fields=NAMES)

    with pytest.raises(AuthError):
        job.write({"id": 17, "company": "After"})
    outcomes = make_job(box, map_standard_fields=NAMES).write(
        {"id": 17, "company": "After"}
    )

    assert job.run.stats.unfinished == 1
    assert job.run.stats.customers_changed == 1
    assert outcomes == {"updated": 1}
    assert job.values() == {17: VIP}


def test_too_many_rejects_end_the_run(box: Sandbox, make_job: MakeJob) -> None:
    job = make_job(box, map_standard_fields=[], max_rejects=2)
    job.write({"id": "x"}, {"id": "y"}, {"id": "y"})
    job.run.check_limits()

    job.write({"id": "z"})

    with pytest.raises(TooManyRejectsError, match="3 records were rejected"):
        job.run.check_limits()


def test_limit_ends_the_run(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, *range(1, 11))
    job = make_job(box, map_standard_fields=[], limit=4)
    job.write({"id": 1}, {"id": 2})
    job.run.check_limits()
    left = job.run.max_customers("vip")

    job.write({"id": 3}, {"id": 4})

    assert left == 2
    with pytest.raises(LimitReachedError):
        job.run.check_limits()


# Rows that the store rejects.


@pytest.mark.parametrize("apply_valid_rows", [False, True])
@pytest.mark.parametrize("errors_name_the_row", [False, True])
def test_rejected_row_does_not_block_batch(
    make_box: MakeBox,
    make_job: MakeJob,
    *,
    apply_valid_rows: bool,
    errors_name_the_row: bool,
) -> None:
    box = make_box(
        apply_valid_rows=apply_valid_rows, errors_name_the_row=errors_name_the_row
    )
    put_customers(box, *range(1, 21), company="Before Ltd")
    job = make_job(box, map_standard_fields=NAMES)
    records = [
        {"id": number, **person(number, company="After Ltd")} for number in range(1, 21)
    ]
    records[6]["email"] = "no.such.domain@invalid"  # Only the store rejects it.
    records[12]["email"] = "m1@example.com"

    outcomes = job.write(*records)

    assert outcomes == {"updated": 18, "rejected": 2}
    assert job.reject_codes == {"refused": 1, "email_taken": 1}
    companies = {n: row["company"] for n, row in box.store.customers.items()}
    assert [n for n, name in companies.items() if name == "Before Ltd"] == [7, 13]
    assert job.values().keys() == set(range(1, 21)) - {7, 13}


@pytest.mark.parametrize("apply_valid_rows", [False, True])
def test_rejected_value_does_not_block_batch(
    make_box: MakeBox, make_job: MakeJob, *, apply_valid_rows: bool
) -> None:
    box = make_box(apply_valid_rows=apply_valid_rows, bad_rows={"odd": 422})
    put_customers(box, *range(1, 11))
    job = make_job(box, map_standard_fields=[], map_custom_attributes=[TIER])
    records = [{"id": number, "tier": "gold"} for number in range(1, 11)]
    records[4]["tier"] = "odd"

    outcomes = job.write(*records)

    assert outcomes == {"updated": 9, "rejected": 1}
    assert job.values("Tier").keys() == set(range(1, 11)) - {5}


def test_customer_deleted_after_look_up_is_rejected(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 17, 18)
    job = make_job(box, map_standard_fields=NAMES)

    def delete(entry: Any) -> None:  # noqa: ANN401 - an entry of the journal
        if entry.endpoint == "GET /customers" and 18 in box.store.customers:
            del box.store.customers[18]

    box.journal.subscribe(delete)
    outcomes = job.write(*({"id": n, "company": "After"} for n in (17, 18)))

    assert outcomes == {"updated": 1, "rejected": 1}
    assert job.reject_codes == {"unknown_customer": 1}


@pytest.mark.parametrize("match", ["PUT /customers", "PUT /customers/*"])
def test_row_missing_from_the_response_is_read_back(
    box: Sandbox, make_job: MakeJob, match: str
) -> None:
    put_customers(box, 17, 18)
    box.faults.queue(Fault(kind="row_missing", match=match, times=2))
    job = make_job(box, map_standard_fields=NAMES)

    outcomes = job.write(*({"id": n, "company": "After"} for n in (17, 18)))

    assert outcomes == {"updated": 2}
    assert job.calls()[match.replace("*", "attribute-values")] == 1


def test_next_run_creates_a_deleted_attribute(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 17)
    job = make_job(box, map_standard_fields=[])
    job.write({"id": 17})
    box.store.data.delete_attribute(next(iter(box.store.attributes)))

    with pytest.raises(AttributeConflictError, match="LyticsAudience_vip_customers"):
        job.write({"id": 17})
    make_job(box, map_standard_fields=[]).write({"id": 17})

    assert job.values() == {17: VIP}


def test_customer_written_twice_counts_once(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, map_standard_fields=NAMES)

    job.write(
        {"id": 1, "company": "One"},
        {"id": 1, "email": person(2)["email"]},
        {"id": 1, "company": "Two"},
    )

    assert job.outcomes == {"updated": 2, "rejected": 1}
    assert job.run.stats.customers_changed == 1


def test_rejected_customer_counts_if_partly_written(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = make_box(bad_rows={"odd": 422})
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=NAMES, map_custom_attributes=[TIER])

    job.write({"id": 1, "company": "New", "tier": "odd"})

    assert job.outcomes == {"rejected": 1}
    assert job.run.stats.customers_changed == 1
