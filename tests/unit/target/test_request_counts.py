"""How many requests an audience takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox import Sandbox
    from support.store import MakeBox
    from support.target_job import Job, MakeJob

Record = dict[str, Any]
DEFINITIONS = "/customers/attributes"
READS = ("GET /customers", "GET /customers/attribute-values")
MEMBERS = 1000
COMPANY = {"from": "company", "to": "company"}


def shop(make_box: MakeBox) -> Sandbox:
    """A store with a thousand customers."""
    box = make_box()
    for number in range(1, MEMBERS + 1):
        box.store.put_customer(
            number, email=f"m{number}@example.com", company="Before Ltd"
        )
    return box


def members(changed: Sequence[int] = ()) -> list[Record]:
    return [
        {
            "id": number,
            "email": f"m{number}@example.com",
            "company": "After Ltd" if number in changed else "Before Ltd",
        }
        for number in range(1, MEMBERS + 1)
    ]


def cost(job: Job) -> dict[str, int]:
    """Requests by endpoint, without the one that reads the definitions."""
    calls = job.calls()
    assert calls.pop(f"GET {DEFINITIONS}") == 1
    return calls


@pytest.fixture
def known(make_box: MakeBox, make_job: MakeJob) -> Sandbox:
    """A store that the audience has already been written to."""
    box = shop(make_box)
    make_job(box, map_standard_fields=[COMPANY]).write(*members())
    box.journal.clear()
    return box


def test_unchanged_audience_takes_20_reads(known: Sandbox, make_job: MakeJob) -> None:
    job = make_job(known, map_standard_fields=[COMPANY])

    outcomes = job.write(*members())

    assert cost(job) == dict.fromkeys(READS, 10)
    assert outcomes == {"unchanged": MEMBERS}


def test_new_audience_takes_100_writes(make_box: MakeBox, make_job: MakeJob) -> None:
    job = make_job(shop(make_box), map_standard_fields=[COMPANY])

    outcomes = job.write(*members())

    calls = cost(job)
    assert calls.pop(f"POST {DEFINITIONS}") == 1
    assert calls.pop("PUT /customers/attribute-values") == 100
    assert sum(calls.pop(read) for read in READS if read in calls) <= 20
    assert not calls
    assert outcomes == {"updated": MEMBERS}


def test_changed_audience_takes_200_writes(known: Sandbox, make_job: MakeJob) -> None:
    job = make_job(known, map_standard_fields=[COMPANY], audience_attribute="VIP")

    job.write(*members(range(1, MEMBERS + 1)))

    calls = cost(job)
    assert calls["PUT /customers"] == 100
    assert calls["PUT /customers/attribute-values"] == 100
    assert sum(calls.get(read, 0) for read in READS) <= 20


def test_few_changes_take_one_write_per_batch(
    known: Sandbox, make_job: MakeJob
) -> None:
    changed = range(1, MEMBERS + 1, 20)
    job = make_job(known, map_standard_fields=[COMPANY])

    outcomes = job.write(*members(changed))

    assert cost(job) == {**dict.fromkeys(READS, 10), "PUT /customers": 10}
    assert outcomes == {"updated": 50, "unchanged": 950}


@pytest.mark.parametrize(("attributes", "reads"), [(2, 10), (3, 20), (5, 20)])
def test_values_are_read_250_at_a_time(
    make_box: MakeBox, make_job: MakeJob, attributes: int, reads: int
) -> None:
    box = shop(make_box)
    mapped = [{"value": "x", "to": f"A{n}"} for n in range(attributes - 1)]
    for _ in range(2):
        box.journal.clear()
        job = make_job(box, map_standard_fields=[], map_custom_attributes=mapped)
        job.write(*members())

    assert cost(job) == {"GET /customers": 10, "GET /customers/attribute-values": reads}


def test_update_sends_only_documented_keys(known: Sandbox) -> None:
    assert not any(entry.extra_keys for entry in known.journal)


def test_new_customer_with_ten_values_takes_one_write(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = make_box()
    names = [f"A{number}" for number in range(9)]
    for name in ("LyticsAudience_vip_customers", *names):
        box.store.add_attribute(name)
    job = make_job(
        box,
        on_missing_id="create",
        map_standard_fields=[
            {"from": name, "to": name} for name in ("email", "first_name", "last_name")
        ],
        map_custom_attributes=[{"from": "email", "to": name} for name in names],
    )

    record = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Byron"}
    outcomes = job.write(record)

    assert cost(job) == {"GET /customers": 1, "POST /customers": 1}
    assert outcomes == {"created": 1}
    assert len(box.store.values) == 10
