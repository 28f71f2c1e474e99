"""How many requests an audience takes, and what fits into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.customers import NAMES, VIP, Record, person
from target_bigcommerce.api.models import ApiRequest, encode
from target_bigcommerce.api.reads import chunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox import Sandbox
    from support.store import MakeBox
    from support.target_job import Job, MakeJob

ATTRIBUTES = "/customers/attributes"
READS = ("GET /customers", "GET /customers/attribute-values")
MEMBERS = 1000
COMPANY = {"from": "company", "to": "company"}


def thousand_customers(make_box: MakeBox) -> Sandbox:
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


def calls_of(job: Job) -> dict[str, int]:
    """Requests by endpoint, without the one that reads the attributes."""
    calls = job.calls()
    assert calls.pop(f"GET {ATTRIBUTES}") == 1
    return calls


@pytest.fixture
def known(make_box: MakeBox, make_job: MakeJob) -> Sandbox:
    """A store that the audience has already been written to."""
    box = thousand_customers(make_box)
    make_job(box, map_standard_fields=[COMPANY]).write(*members())
    box.journal.clear()
    return box


def test_unchanged_audience_takes_20_reads(known: Sandbox, make_job: MakeJob) -> None:
    job = make_job(known, map_standard_fields=[COMPANY])

    outcomes = job.write(*members())

    assert calls_of(job) == dict.fromkeys(READS, 10)
    assert outcomes == {"unchanged": MEMBERS}


def test_new_audience_takes_100_writes(make_box: MakeBox, make_job: MakeJob) -> None:
    job = make_job(thousand_customers(make_box), map_standard_fields=[COMPANY])

    outcomes = job.write(*members())

    calls = calls_of(job)
    assert calls.pop(f"POST {ATTRIBUTES}") == 1
    assert calls.pop("PUT /customers/attribute-values") == 100
    assert sum(calls.pop(read) for read in READS if read in calls) <= 20
    assert not calls
    assert outcomes == {"updated": MEMBERS}


def test_changed_audience_takes_200_writes(known: Sandbox, make_job: MakeJob) -> None:
    job = make_job(known, map_standard_fields=[COMPANY], audience_attribute="VIP")

    job.write(*members(range(1, MEMBERS + 1)))

    calls = calls_of(job)
    assert calls["PUT /customers"] == 100
    assert calls["PUT /customers/attribute-values"] == 100
    assert sum(calls.get(read, 0) for read in READS) <= 20


def test_few_changes_take_one_write_per_batch(
    known: Sandbox, make_job: MakeJob
) -> None:
    changed = range(1, MEMBERS + 1, 20)
    job = make_job(known, map_standard_fields=[COMPANY])

    outcomes = job.write(*members(changed))

    assert calls_of(job) == {**dict.fromkeys(READS, 10), "PUT /customers": 10}
    assert outcomes == {"updated": 50, "unchanged": 950}


EMAIL = {"from": "email", "to": "email"}


@pytest.mark.parametrize(
    ("fields", "attributes", "batch", "customers", "values"),
    [
        ([EMAIL], 1, 250, 4, 4),
        ([EMAIL], 3, 250, 4, 12),
        ([EMAIL], 1, 1000, 4, 4),
        ([EMAIL], 2, 100, 10, 10),
        ([COMPANY], 3, 100, 10, 20),
        ([], 1, 250, 0, 4),
        ([], 3, 250, 0, 12),
        ([], 3, 1000, 0, 12),
        ([], 1, 100, 0, 10),
        ([], 2, 100, 0, 10),
        ([], 5, 100, 0, 20),
    ],
)
def test_reads_of_an_unchanged_audience(  # noqa: PLR0913, PLR0917 - parameters
    make_box: MakeBox,
    make_job: MakeJob,
    fields: list[dict[str, str]],
    attributes: int,
    batch: int,
    customers: int,
    values: int,
) -> None:
    box = make_box()
    ids = range(100_000, 100_000 + MEMBERS)
    people = [{"email": f"m{number}@example.com", "company": "A"} for number in ids]
    records = [{"id": number, **row} for number, row in zip(ids, people, strict=True)]
    for number in ids:
        box.store.put_customer(number, email=f"m{number}@example.com", company="A")
    mapped = [{"value": "x", "to": f"A{n}"} for n in range(1, attributes)]
    config: dict[str, Any] = {
        "map_standard_fields": fields,
        "map_custom_attributes": mapped,
        "batch_size_rows": batch,
    }
    make_job(box, **config).write(*records)
    box.journal.clear()

    job = make_job(box, **config)

    assert job.write(*records) == {"unchanged": MEMBERS}
    calls = calls_of(job)
    assert (calls.pop(READS[0], 0), calls.pop(READS[1])) == (customers, values)
    assert not calls
    assert not [entry for entry in box.journal if entry.status != 200]


def test_update_sends_only_documented_keys(known: Sandbox) -> None:
    assert not any(entry.extra_keys for entry in known.journal)


def test_new_customer_with_ten_values_takes_one_write(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = make_box()
    names = [f"A{number}" for number in range(9)]
    for name in (f"LyticsAudience_{VIP}", *names):
        box.store.add_attribute(name)
    job = make_job(
        box,
        on_missing_id="create",
        map_standard_fields=NAMES,
        map_custom_attributes=[{"from": "email", "to": name} for name in names],
    )

    outcomes = job.write(person(1))

    assert calls_of(job) == {"GET /customers": 1, "POST /customers": 1}
    assert outcomes == {"created": 1}
    assert len(box.store.values) == 10


# Lists in a query.


@given(
    st.lists(st.text(min_size=1, max_size=60)),
    st.integers(1, 100),
    st.integers(600, 2000),
)
def test_parts_respect_both_limits_and_lose_nothing(
    values: list[str], most: int, room: int
) -> None:
    parts = chunks(values, most, room)

    assert [value for part in parts for value in part] == values
    assert all(1 <= len(part) <= most for part in parts)
    lengths = [len(",".join(map(encode, part))) for part in parts]
    assert all(n <= room for n, part in zip(lengths, parts, strict=True) if part[1:])


def test_too_long_value_is_sent_alone() -> None:
    assert chunks(["a", "b" * 3000, "c"], 100, 1900) == [["a"], ["b" * 3000], ["c"]]


def test_only_lists_stay_readable_in_a_query() -> None:
    request = ApiRequest(
        method="GET",
        path="/customers",
        query={"id:in": "1,2,3", "email:in": "o'brien+x@example.com,é&=@example.com"},
    )

    assert request.target == (
        "/customers?id:in=1,2,3"
        "&email:in=o%27brien%2Bx@example.com,%C3%A9%26%3D@example.com"
    )
