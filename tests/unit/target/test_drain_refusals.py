"""What the store refuses in a drain costs only itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault, Sandbox
from support.customers import NAMES, VIP, person, put
from target_bigcommerce.errors import AttributeConflictError

if TYPE_CHECKING:
    from support.store import MakeBox
    from support.target_job import MakeJob

SLUG = {17: VIP}
TIER = {"from": "tier", "to": "Tier"}


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
    box.store.data.delete_attribute(next(iter(box.store.attributes)))

    with pytest.raises(AttributeConflictError, match="LyticsAudience_vip_customers"):
        job.write({"id": 17})
    make_job(box, map_standard_fields=[]).write({"id": 17})

    assert job.values() == SLUG


def test_a_customer_whose_records_are_written_apart_is_changed_once(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 1, 2)
    job = make_job(box, map_standard_fields=NAMES)

    job.write(
        {"id": 1, "company": "One"},
        {"id": 1, "email": person(2)["email"]},
        {"id": 1, "company": "Two"},
    )

    assert job.outcomes == {"updated": 2, "rejected": 1}
    assert job.run.stats.customers_changed == 1


def test_a_customer_who_is_rejected_when_half_is_written_was_changed(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 1)
    born = {"from": "born", "to": "Born", "type": "date"}
    job = make_job(box, map_standard_fields=NAMES, map_custom_attributes=[born])

    job.write({"id": 1, "company": "New", "born": "1990-01-01T10:00:00,5Z"})

    assert job.outcomes == {"rejected": 1}
    assert job.run.stats.customers_changed == 1
