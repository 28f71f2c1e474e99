"""Records without a customer id are skipped, matched by email, or created."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Fault, Sandbox
from support.customers import NAMES, TIER, VIP, person, put_customers
from support.target_job import MakeJob, rejects_in

if TYPE_CHECKING:
    from pathlib import Path


def test_record_is_skipped(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 17)
    job = make_job(box, map_standard_fields=NAMES)

    outcomes = job.write(person(17), {"id": None}, {"id": " "})

    assert outcomes == {"skipped": 3}
    assert not job.calls().keys() - {"GET /customers/attributes"}


def test_record_is_matched_by_email(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 17)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="match")
    record = person(17, email="M17@Example.com", company="After Ltd")

    outcomes = job.write(record, person(18), {"company": "no email"})

    assert outcomes == {"updated": 1, "skipped": 2}
    assert box.store.customers[17]["company"] == "After Ltd"
    assert box.store.customers[17]["email"] == "m17@example.com"
    assert job.values() == {17: VIP}
    assert len(box.store.customers) == 1


def test_customer_is_created(box: Sandbox, make_job: MakeJob, tmp_path: Path) -> None:
    put_customers(box, 17)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="create")
    incomplete = {"email": "m20@example.com", "first_name": "Only"}

    outcomes = job.write(person(17), person(18), incomplete, {"company": "no email"})

    assert outcomes == {"updated": 1, "created": 1, "rejected": 2}
    codes = {row["reject"]["code"] for row in rejects_in(tmp_path)}
    assert codes == {"incomplete_customer"}
    number = box.store.customers.by_email("m18@example.com")
    assert number is not None
    assert job.values() == {17: VIP, number: VIP}


def test_rejected_creation_does_not_block_batch(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="create")

    outcomes = job.write(person(17), person(18, email="x@invalid"), person(19))

    assert outcomes == {"created": 2, "rejected": 1}
    [reject] = rejects_in(tmp_path)
    assert reject["reject"]["code"] == "refused"
    assert reject["record"]["email"] == "x@invalid"


def test_two_records_create_one_customer(box: Sandbox, make_job: MakeJob) -> None:
    job = make_job(box, map_standard_fields=NAMES, on_missing_id="create")

    outcomes = job.write(
        person(18), person(18, email="M18@example.com", company="After Ltd")
    )

    assert outcomes == {"merged": 1, "created": 1}
    assert len(box.store.customers) == 1
    [row] = box.store.customers.values()
    assert row["company"] == "After Ltd"


def test_records_with_and_without_id_are_merged(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 17)
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
def test_email_written_in_the_batch_is_matched(
    box: Sandbox, make_job: MakeJob, on_missing_id: str
) -> None:
    put_customers(box, 17)
    job = make_job(box, map_standard_fields=NAMES, on_missing_id=on_missing_id)
    new = "new@example.com"

    outcomes = job.write(
        {"id": 17, "email": new}, person(17, email=new, company="After Ltd")
    )

    assert outcomes == {"merged": 1, "updated": 1}
    assert len(box.store.customers) == 1
    assert box.store.customers[17]["company"] == "After Ltd"
    assert box.journal.counts["PUT /customers/attribute-values"] == 1


def test_values_beyond_ten_follow_the_creation(box: Sandbox, make_job: MakeJob) -> None:
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


def test_lost_creation_response_makes_no_duplicate(
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
