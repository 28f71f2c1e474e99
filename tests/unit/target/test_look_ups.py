"""Which customers and values are read, and how many in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.bigcommerce.responses import error_response
from support.customers import TIER, leaver, member, put_customers
from support.history import rows_of
from support.target_job import VIP, clearing_job, rejects_in

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from sandbox.http import Response
    from support.customers import Record
    from support.store import MakeBox
    from support.target_job import Job, MakeJob

CUSTOMERS = "GET /customers"
VALUES = "GET /customers/attribute-values"
NO_FIELDS: dict[str, Any] = {"map_standard_fields": []}
EMAIL: dict[str, Any] = {"map_standard_fields": [{"from": "email", "to": "email"}]}


def store_of(make_box: MakeBox, *ids: int, **options: object) -> Sandbox:
    """A store with customers."""
    box = make_box(**options)
    put_customers(box, *ids)
    return box


def audience_of(make_job: MakeJob, box: Sandbox, *ids: int) -> None:
    """Write an audience, and forget the calls."""
    make_job(box, **NO_FIELDS).write(*map(member, ids))
    box.journal.clear()


def reads(box: Sandbox) -> tuple[int, int]:
    counts = box.journal.counts
    return counts[CUSTOMERS], counts[VALUES]


def looked_up(box: Sandbox) -> set[int]:
    """Ids of the customers that were looked up."""
    lists = [entry.query.get("id:in", "") for entry in box.journal.calls(CUSTOMERS)]
    return {int(number) for listed in lists if listed for number in listed.split(",")}


def facts_in(folder: Path) -> dict[str, str]:
    query = "SELECT name, value FROM store_facts"
    return dict(rows_of(folder / "history.sqlite", query))


def refused(box: Sandbox) -> list[int]:
    return [entry.status for entry in box.journal if entry.status >= 400]


# Values first, where no customer field is mapped.


def test_customer_with_a_value_is_not_looked_up(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = store_of(make_box, 1, 2, 3, 4)
    audience_of(make_job, box, 1, 2)

    outcomes = make_job(box, **NO_FIELDS).write(*map(member, (1, 2, 3, 4, 404)))

    assert outcomes == {"unchanged": 2, "updated": 2, "rejected": 1}
    assert looked_up(box) == {3, 4, 404}
    assert reads(box) == (1, 1)


@pytest.mark.parametrize("config", [NO_FIELDS, EMAIL])
@pytest.mark.parametrize("batch", [10, 99, 100, 250])
def test_new_customers_take_no_more_reads(
    make_box: MakeBox, make_job: MakeJob, config: dict[str, Any], batch: int
) -> None:
    box = store_of(make_box, *range(1, 301))
    audience_of(make_job, box, 300)

    job = make_job(box, **config, batch_size_rows=batch)
    job.write(*map(member, range(1, 300)))

    batches = -(-299 // batch)
    assert reads(box) == (batches, batches)


@pytest.mark.parametrize("attribute", ["LyticsAudience_vip_customers", "Tier"])
def test_value_of_any_mapped_attribute_proves_a_customer(
    make_box: MakeBox, make_job: MakeJob, attribute: str
) -> None:
    box = store_of(make_box, 1, 2)
    config = {**NO_FIELDS, "map_custom_attributes": [TIER]}
    make_job(box, **config).write(member(1, tier="gold"), member(2, tier="gold"))
    for (customer, number), _ in list(box.store.values.items()):
        if box.store.attributes[number]["name"] != attribute and customer == 1:
            value_id = str(box.store.values[customer, number]["id"])
            box.store.call("DELETE", "/customers/attribute-values", id__in=value_id)
    box.journal.clear()

    outcomes = make_job(box, **config).write(*(member(n, tier="gold") for n in (1, 2)))

    assert outcomes == {"updated": 1, "unchanged": 1}
    assert reads(box) == (0, 1)


@pytest.mark.parametrize(
    ("config", "record", "is_read"),
    [
        ({}, {"email": "m1@example.com"}, True),
        ({}, {}, False),
        ({}, {"email": None}, False),
        ({}, {"email": " "}, False),
        ({"on_null": "clear"}, {"company": None}, True),
        ({"on_missing_id": "match"}, {"email": "m1@example.com"}, True),
    ],
)
def test_customer_is_looked_up_if_a_field_is_compared(
    make_box: MakeBox,
    make_job: MakeJob,
    config: dict[str, Any],
    record: Record,
    *,
    is_read: bool,
) -> None:
    box = store_of(make_box, 1, 2)
    audience_of(make_job, box, 1, 2)
    fields = [{"from": name, "to": name} for name in ("email", "company")]

    job = make_job(box, map_standard_fields=fields, **config)
    job.write(member(1, **record), member(2))

    assert looked_up(box) == ({1, 2} if is_read else set())


def test_record_matched_by_email_is_found_beside_ids(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = store_of(make_box, 1, 2, 3)
    audience_of(make_job, box, 1, 2)

    job = make_job(box, on_missing_id="match", **EMAIL)
    outcomes = job.write(member(1), member(None, email="m3@example.com"), member(2))

    assert outcomes == {"unchanged": 2, "updated": 1}
    assert job.values()[3] == VIP


def test_duplicate_ids_are_one_customer(make_box: MakeBox, make_job: MakeJob) -> None:
    box = store_of(make_box, 1, 2)
    audience_of(make_job, box, 1)

    outcomes = make_job(box, **NO_FIELDS).write(*map(member, (1, 2, "1", 1.0, 2)))

    assert outcomes == {"merged": 3, "unchanged": 1, "updated": 1}
    assert looked_up(box) == {2}


def test_dry_run_reads_values_first_too(make_box: MakeBox, make_job: MakeJob) -> None:
    box = store_of(make_box, 1, 2)
    audience_of(make_job, box, 1)

    job = make_job(box, dry_run=True, **NO_FIELDS)

    assert job.write(*map(member, (1, 2, 404))) == {
        "unchanged": 1,
        "updated": 1,
        "rejected": 1,
    }
    assert looked_up(box) == {2, 404}


@pytest.mark.parametrize("order", ["member first", "exit first"])
def test_exits_are_cleared_without_a_look_up(
    make_box: MakeBox, make_job: MakeJob, order: str
) -> None:
    box = store_of(make_box, 1, 2)
    audience_of(make_job, box, 1, 2)
    records = [member(1), leaver(1), member(2)]
    if order == "exit first":
        records = [leaver(1), member(1), member(2)]

    job = clearing_job(make_job, box)
    job.write(*records)

    assert set(job.values()) == ({2} if order == "member first" else {1, 2})
    assert not looked_up(box)


@pytest.mark.parametrize("config", [NO_FIELDS, EMAIL])
def test_refused_id_is_rejected_alone(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, config: dict[str, Any]
) -> None:
    box = store_of(make_box, 1, 2, 3, largest_id=2**31 - 1)
    audience_of(make_job, box, 1, 2)

    outcomes = make_job(box, **config).write(*map(member, (1, 2, 3, 2**40)))

    assert outcomes == {"unchanged": 2, "updated": 1, "rejected": 1}
    assert [row["record"]["id"] for row in rejects_in(tmp_path)] == [2**40]
    assert facts_in(tmp_path) == {}


# The size of lists.


def sized_job(make_job: MakeJob, box: Sandbox, **config: object) -> Job:
    return make_job(box, **{**EMAIL, "batch_size_rows": 250, **config})


def people(count: int) -> list[Record]:
    return [
        member(number, email=f"m{number}@example.com") for number in range(1, count + 1)
    ]


@pytest.mark.guarantee("fewest-calls")
@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({"in_list_limit": 250}, None),
        ({"in_list_limit": 100}, 100),
        ({"in_list_limit": 125}, 125),
        ({"in_list_limit": 99}, 50),
        ({"in_list_limit": 50}, 50),
        ({"in_list_limit": 7}, 7),
        ({"url_limit": 1000}, 125),
        ({"url_limit": 300}, 50),
    ],
)
def test_refused_size_is_halved_and_remembered(
    make_box: MakeBox,
    make_job: MakeJob,
    tmp_path: Path,
    options: dict[str, int],
    known: int | None,
) -> None:
    box = store_of(make_box, *range(1, 501), **options)

    assert sized_job(make_job, box).write(*people(500)) == {"updated": 500}

    facts = {name: n for name, n in facts_in(tmp_path).items() if "ids" in name}
    assert facts == ({} if known is None else {"ids_per_call": str(known)})
    box.journal.clear()
    assert sized_job(make_job, box).write(*people(500)) == {"unchanged": 500}
    assert not refused(box)
    assert reads(box)[0] == 2 * -(-250 // (known or 250))


def refusing(box: Sandbox, endpoint: str, *, above: int, status: int) -> Sandbox:
    """Make a store refuse longer lists of ids at an endpoint with a status."""
    handle = box.store.handle
    verb, _, name = endpoint.partition(" ")

    def refuse_long(
        method: str,
        path: str,
        query: str,
        *rest: Any,  # noqa: ANN401 - passed on
    ) -> Response:
        lists = [
            text for text in query.split("&") if "_id:in" in text or "id:in" in text
        ]
        is_long = any(text.count(",") >= above for text in lists)
        if method == verb and path.endswith(name) and is_long:
            return error_response(status, "No.")
        return handle(method, path, query, *rest)

    box.store.handle = refuse_long  # type: ignore[method-assign, assignment]
    return box


@pytest.mark.parametrize(
    ("status", "is_remembered"),
    [
        *((status, True) for status in (400, 413, 414, 422, 431)),
        *((status, False) for status in (404, 405, 409, 500)),
    ],
)
@pytest.mark.parametrize("endpoint", [CUSTOMERS, VALUES])
def test_size_is_remembered_by_status(
    make_box: MakeBox,
    make_job: MakeJob,
    tmp_path: Path,
    endpoint: str,
    status: int,
    is_remembered: bool,  # noqa: FBT001 - a parameter
) -> None:
    box = store_of(make_box, *range(1, 251))
    audience_of(make_job, box, *range(1, 251))
    refusing(box, endpoint, above=100, status=status)

    outcomes = sized_job(make_job, box).write(*people(250))

    assert outcomes == {"unchanged": 250}
    expected = {"ids_per_call": "100"} if is_remembered else {}
    assert facts_in(tmp_path) == expected


@pytest.mark.parametrize(("url_limit", "known"), [(2048, None), (300, 50), (200, 25)])
def test_refused_number_of_deletions_is_remembered(
    make_box: MakeBox,
    make_job: MakeJob,
    tmp_path: Path,
    url_limit: int,
    known: int | None,
) -> None:
    box = store_of(make_box, *range(1, 101), url_limit=url_limit)
    config = {"max_clear_percent": 100, "batch_size_rows": 10}
    clearing_job(make_job, box, **config).write(*map(member, range(1, 101)))

    job = clearing_job(make_job, box, **config)
    assert job.write(*map(leaver, range(1, 101))) == {"cleared": 100}

    found = facts_in(tmp_path).get("deletions_per_call")
    assert found == (None if known is None else str(known))


def test_refused_list_of_emails_is_remembered(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path
) -> None:
    box = store_of(make_box, *range(1, 101), in_list_limit=12)
    records = [{**record, "id": None} for record in people(100)]
    config = {"on_missing_id": "match"}

    assert sized_job(make_job, box, **config).write(*records) == {"updated": 100}

    assert facts_in(tmp_path)["emails_per_call"] == "10"
    box.journal.clear()
    sized_job(make_job, box, **config).write(*records)
    assert not refused(box)


def test_size_lasts_for_a_run_without_history(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = store_of(make_box, *range(1, 501), in_list_limit=100)
    job = sized_job(make_job, box, history=False)

    job.write(*people(250))
    assert refused(box)
    box.journal.clear()
    job.write(*people(500)[250:])

    assert not refused(box)


def test_dry_run_uses_the_size_and_keeps_none(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path
) -> None:
    box = store_of(make_box, *range(1, 251), in_list_limit=100)
    sized_job(make_job, box).write(*people(250))
    box.journal.clear()

    sized_job(make_job, box, dry_run=True).write(*people(250))
    assert not refused(box)

    known = facts_in(tmp_path)
    strict = store_of(make_box, *range(1, 251), in_list_limit=7)
    sized_job(make_job, strict, dry_run=True).write(*people(250))
    assert refused(strict)
    assert facts_in(tmp_path) == known


@pytest.mark.parametrize("bad", [2**31, 2**33, 2**45])
def test_bad_id_does_not_lower_the_size(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, bad: int
) -> None:
    box = store_of(make_box, *range(1, 301), largest_id=2**31 - 1)
    job = sized_job(make_job, box)
    records = people(300)

    outcomes = job.write(*records[:100], member(bad), *records[100:249])

    assert outcomes == {"updated": 249, "rejected": 1}
    assert facts_in(tmp_path) == {}
    box.journal.clear()
    sized_job(make_job, box).write(*records)
    assert reads(box) == (2, 2)


def test_size_is_found_beside_a_bad_id(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path
) -> None:
    options = {"largest_id": 2**31 - 1, "in_list_limit": 100}
    box = store_of(make_box, *range(1, 301), **options)
    records = [*people(249), member(2**40)]

    outcomes = sized_job(make_job, box).write(*records)

    assert outcomes == {"updated": 249, "rejected": 1}
    assert facts_in(tmp_path)["ids_per_call"] == "100"


@pytest.mark.parametrize("rows", [3, 5, 9])
@pytest.mark.parametrize("overflow", [413, 422])
def test_refused_number_of_customers_is_remembered(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, rows: int, overflow: int
) -> None:
    box = store_of(
        make_box, *range(1, 31), rows_per_call=rows, overflow_status=overflow
    )
    config = {"map_standard_fields": [{"from": "company", "to": "company"}]}
    records = [member(number, company="A") for number in range(1, 31)]
    make_job(box, **config).write(*records)
    assert refused(box)
    half = {3: "2", 5: "5", 9: "5"}[rows]
    assert facts_in(tmp_path) == {"customers_per_call": half, "values_per_call": half}
    box.journal.clear()

    outcomes = make_job(box, **config).write(
        *(member(n, company="B") for n in range(1, 31))
    )

    assert outcomes == {"updated": 30}
    assert not refused(box)


# Any mix.


@settings(max_examples=settings().max_examples // 4)
@given(
    stored=st.sets(st.integers(1, 40)),
    written=st.sets(st.integers(1, 40)),
    records=st.lists(st.integers(1, 45), max_size=40),
    batch=st.integers(1, 20),
)
def test_outcomes_are_those_of_a_full_look_up(
    make_box: MakeBox,
    open_job: MakeJob,
    stored: set[int],
    written: set[int],
    records: list[int],
    batch: int,
) -> None:
    found = []
    for config in (NO_FIELDS, EMAIL):
        box = store_of(make_box, *stored)
        job = open_job(box, **NO_FIELDS)
        job.write(*map(member, written & stored))
        job.close()
        job = open_job(box, batch_size_rows=batch, **config)
        people = [member(number, email=f"m{number}@example.com") for number in records]
        found.append((job.write(*people), job.values(), job.reject_codes))
        job.close()

    assert found[0] == found[1]
