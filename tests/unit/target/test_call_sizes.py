"""How much is sent in one call, and what is remembered about a store."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Fault
from singer_kit.errors import AuthError
from support.customers import member, put_customers
from support.history import rows_of
from support.target_job import VIP
from target_bigcommerce.api.client import MAX_TRIES
from target_bigcommerce.api.limits import (
    MAX_ROWS_PER_CALL,
    VALUE_CUSTOMERS,
    CallSize,
    StoreFacts,
    ValuesCallSize,
    cut_by_customer,
    smaller,
)
from target_bigcommerce.errors import AttributeConflictError

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from sandbox.http import Response
    from sandbox.journal import Entry
    from support.store import MakeBox
    from support.target_job import Job, MakeJob

PUT = "PUT /customers/attribute-values"
READS = ("GET /customers", "GET /customers/attribute-values")
COUNTS_CUSTOMERS = {"cap_counts_customers": True}


def store_of(make_box: MakeBox, customers: int, **options: object) -> Sandbox:
    """A store with customers from 1."""
    box = make_box(**options)
    put_customers(box, *range(1, customers + 1))
    return box


def attributes_job(
    make_job: MakeJob, box: Sandbox, count: int, **config: object
) -> Job:
    """A job that writes a number of attributes, the audience's among them."""
    mapped = [{"from": f"a{n}", "to": f"A{n}"} for n in range(1, count)]
    defaults: dict[str, Any] = {
        "map_standard_fields": [],
        "map_custom_attributes": mapped,
    }
    return make_job(box, **{**defaults, **config})


def members(customers: int, value: str = "x") -> list[dict[str, Any]]:
    """Records with a value for each attribute."""
    fields = {f"a{n}": value for n in range(1, 12)}
    return [member(number, **fields) for number in range(1, customers + 1)]


def writes(box: Sandbox) -> list[Entry]:
    return box.journal.calls(PUT)


def refused(box: Sandbox) -> list[int]:
    """Statuses of the calls that were refused."""
    return [entry.status for entry in box.journal if entry.status >= 400]


def facts_in(folder: Path) -> dict[str, str]:
    """What the history holds about the stores."""
    query = "SELECT name, value FROM store_facts"
    return dict(rows_of(folder / "history.sqlite", query))


def customers_in(entry: Entry) -> int:
    return len({row["customer_id"] for row in entry.sent()})


def calls_for(counts: list[int], per_call: int = 10) -> int:
    return sum(-(-count // per_call) for count in counts)


def batches_of(customers: int, size: int) -> list[int]:
    return [min(size, customers - at) for at in range(0, customers, size)]


# Attribute values of 10 customers per call.


@pytest.mark.parametrize("batch", [1, 10, 99, 100, 250, 1000])
@pytest.mark.parametrize("attributes", [1, 2, 3, 5, 10])
def test_values_are_sent_by_customer_where_accepted(
    make_box: MakeBox, make_job: MakeJob, attributes: int, batch: int
) -> None:
    count = 300 if batch > 100 else 120
    box = store_of(make_box, count, **COUNTS_CUSTOMERS)
    job = attributes_job(make_job, box, attributes, batch_size_rows=batch)

    assert job.write(*members(count)) == {"updated": count}

    assert len(writes(box)) == calls_for(batches_of(count, batch))
    assert max(map(customers_in, writes(box))) <= 10
    assert len(box.store.values) == count * attributes
    assert not refused(box)


@pytest.mark.guarantee("fewest-calls")
@pytest.mark.parametrize("batch", [1, 10, 99, 100, 250, 1000])
@pytest.mark.parametrize("attributes", [1, 2, 3, 5, 10])
def test_store_that_counts_rows_refuses_one_call(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, attributes: int, batch: int
) -> None:
    count = 300 if batch > 100 else 120
    box = store_of(make_box, count, overflow_status=413 if batch % 2 else 422)
    config = {"batch_size_rows": batch}

    first = attributes_job(make_job, box, attributes, **config).write(*members(count))

    tries = int(min(batch, 10) * attributes > MAX_ROWS_PER_CALL)
    least = tries + calls_for([size * attributes for size in batches_of(count, batch)])
    assert first == {"updated": count}
    assert least <= len(writes(box)) <= least + tries
    assert len(refused(box)) == tries
    assert facts_in(tmp_path) == ({VALUE_CUSTOMERS: "0"} if tries else {})

    box.journal.clear()
    again = attributes_job(make_job, box, attributes, **config)
    again.write(*members(count, "y"))
    assert not refused(box)
    assert all(entry.rows <= MAX_ROWS_PER_CALL for entry in writes(box))


@pytest.mark.parametrize(("options", "most"), [(COUNTS_CUSTOMERS, 100), ({}, 301)])
def test_thousand_customers_with_three_attributes(
    make_box: MakeBox, make_job: MakeJob, options: dict[str, bool], most: int
) -> None:
    box = store_of(make_box, 1000, **options)

    assert attributes_job(make_job, box, 3).write(*members(1000)) == {"updated": 1000}

    assert len(writes(box)) == most


def test_accepted_size_is_remembered(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path
) -> None:
    box = store_of(make_box, 100, **COUNTS_CUSTOMERS)
    attributes_job(make_job, box, 3).write(*members(100))
    assert facts_in(tmp_path) == {VALUE_CUSTOMERS: "10"}
    box.journal.clear()

    attributes_job(make_job, box, 3).write(*members(100, "y"))

    assert len(writes(box)) == 10
    assert {entry.rows for entry in writes(box)} == {20}


def test_first_large_call_is_made_alone(make_box: MakeBox, make_job: MakeJob) -> None:
    box = store_of(make_box, 100, **COUNTS_CUSTOMERS)
    running, most = Counter[str](), []

    def watch(name: str, change: int) -> None:
        running[name] += change
        most.append((len(writes(box)), running[PUT]))

    handle = box.store.handle

    def watched(method: str, path: str, *rest: Any) -> Any:  # noqa: ANN401 - passed on
        name = f"{method} {path.partition('/v3')[2]}"
        watch(name, 1)
        try:
            return handle(method, path, *rest)
        finally:
            watch(name, -1)

    box.store.handle = watched  # type: ignore[method-assign]
    attributes_job(make_job, box, 3).write(*members(100))

    assert all(at_once <= 1 for done, at_once in most if done == 0)


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500, 503])
def test_any_refusal_of_a_large_call_is_remembered(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, status: int
) -> None:
    box = store_of(make_box, 40, overflow_status=status)

    assert attributes_job(make_job, box, 3).write(*members(40)) == {"updated": 40}

    assert facts_in(tmp_path) == {VALUE_CUSTOMERS: "0"}
    large = [entry for entry in writes(box) if entry.rows > 10]
    assert len(large) == (10 if status >= 500 else 1)
    assert len({entry.body for entry in large}) == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [({"overflow_status": 403}, None), ({"read_only_token": True}, AuthError)],
)
def test_forbidden_large_first_write_is_made_smaller(
    make_box: MakeBox,
    make_job: MakeJob,
    options: dict[str, Any],
    error: type[Exception] | None,
) -> None:
    box = store_of(make_box, 40, **options)
    for name in (f"LyticsAudience_{VIP}", "A1", "A2"):
        box.store.add_attribute(name)
    job = attributes_job(make_job, box, 3)

    with pytest.raises(error) if error else nullcontext():
        job.write(*members(40))

    assert len(box.store.values) == (0 if error else 120)
    assert [entry.rows for entry in writes(box) if entry.status == 403] == (
        [30, 10, 10] if error else [30]
    )


@pytest.mark.parametrize("status", [400, 404, 422, 500])
@pytest.mark.parametrize("options", [{}, {"apply_valid_rows": True}])
@pytest.mark.parametrize("known", [False, True])
def test_bad_row_decides_nothing(
    make_box: MakeBox,
    make_job: MakeJob,
    tmp_path: Path,
    *,
    status: int,
    options: dict[str, bool],
    known: bool,
) -> None:
    box = store_of(make_box, 40, **COUNTS_CUSTOMERS, **options)
    if known:
        attributes_job(make_job, box, 3).write(*members(40))
    box.store.bad_rows.update({"7": status})
    records = members(10, "y")

    outcomes = attributes_job(make_job, box, 3).write(*records)

    assert outcomes == {"updated": 9, "rejected": 1}
    assert facts_in(tmp_path).get(VALUE_CUSTOMERS) == ("10" if known else None)
    box.store.bad_rows.clear()
    attributes_job(make_job, box, 3).write(*members(40, "z"))
    assert facts_in(tmp_path)[VALUE_CUSTOMERS] == "10"
    assert writes(box)[-1].rows > MAX_ROWS_PER_CALL


def test_later_large_call_decides_in_the_same_drain(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = store_of(make_box, 1000, **COUNTS_CUSTOMERS, bad_rows={"7": 422})
    job = attributes_job(make_job, box, 3, batch_size_rows=1000)

    assert job.write(*members(1000)) == {"updated": 999, "rejected": 1}

    assert len(writes(box)) <= 120


def test_tries_of_one_drain_are_bounded(make_box: MakeBox, make_job: MakeJob) -> None:
    bad = {str(number): 422 for number in range(1, 200, 10)}
    box = store_of(make_box, 200, bad_rows=bad, **COUNTS_CUSTOMERS)
    job = attributes_job(make_job, box, 3, batch_size_rows=200)

    assert job.write(*members(200)) == {"updated": 180, "rejected": 20}

    assert sum(entry.rows > 10 for entry in writes(box)) == 3


def test_size_refused_later_is_corrected(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path
) -> None:
    box = store_of(make_box, 100, **COUNTS_CUSTOMERS)
    attributes_job(make_job, box, 3).write(*members(100))
    strict = store_of(make_box, 100)  # The same store, which has changed.

    assert attributes_job(make_job, strict, 3).write(*members(100)) == {"updated": 100}

    assert facts_in(tmp_path) == {VALUE_CUSTOMERS: "0"}
    assert len(refused(strict)) <= 3  # Those in flight at once.


def test_each_store_is_tried(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path
) -> None:
    for store_hash, options in {"aaa": {}, "bbb": COUNTS_CUSTOMERS, "ccc": {}}.items():
        box = store_of(make_box, 10, store_hash=store_hash, **options)
        attributes_job(make_job, box, 3).write(*members(10))

    query = "SELECT store, value FROM store_facts"
    found = dict(rows_of(tmp_path / "history.sqlite", query))
    assert found == {"aaa": "0", "bbb": "10", "ccc": "0"}


@pytest.mark.parametrize("options", [COUNTS_CUSTOMERS, {}])
def test_two_jobs_at_once_agree(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, options: dict[str, bool]
) -> None:
    box = store_of(make_box, 40, **options)
    jobs = [
        attributes_job(make_job, box, 3, job_id=name, audience_attribute=name)
        for name in ("one", "two")
    ]

    for at in range(0, 40, 20):
        for job in jobs:
            job.write(*members(40, job.config["job_id"])[at : at + 20])

    assert facts_in(tmp_path) == {VALUE_CUSTOMERS: "10" if options else "0"}
    assert len(refused(box)) == (0 if options else 2)


def partly_applied(response: Response, rows: int, answer: str) -> Response:
    """Change a response to say what became of the rows after the tenth."""
    if rows <= 10:
        return response
    if answer == "nothing":
        return replace(response, status=202, body=b"")
    content = msgspec.json.decode(response.body)
    if answer == "named":
        content["errors"] = {str(at): "too many" for at in range(10, rows)}
    if answer != "rows":
        content["meta"] = {"total": rows, "success": 10, "failed": rows - 10}
    status = 200 if answer == "rows" else 207
    return replace(response, status=status, body=msgspec.json.encode(content))


def applying_first_rows(box: Sandbox, answer: str) -> Sandbox:
    """Make a store apply only the first 10 rows of a call.

    Args:
        box: the store.
        answer: how it responds: `rows` lists them, `named` also names the others,
            `failed` only counts them, and `nothing` has no rows.
    """
    handle = box.store.handle

    def first_rows(
        method: str,
        path: str,
        query: Any,  # noqa: ANN401 - passed on
        headers: Any,  # noqa: ANN401 - passed on
        body: bytes,
    ) -> Response:
        if method != "PUT" or not path.endswith("attribute-values"):
            return handle(method, path, query, headers, body)
        rows = msgspec.json.decode(body)
        kept = msgspec.json.encode(rows[:10])
        response = handle(method, path, query, headers, kept)
        return partly_applied(response, len(rows), answer)

    box.store.handle = first_rows  # type: ignore[method-assign, assignment]
    return box


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("answer", ["rows", "named", "failed", "nothing"])
def test_store_that_applies_ten_rows_is_found(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, answer: str, *, known: bool
) -> None:
    if known:
        other = store_of(make_box, 40, **COUNTS_CUSTOMERS)
        attributes_job(make_job, other, 3).write(*members(40))
    box = applying_first_rows(store_of(make_box, 40, **COUNTS_CUSTOMERS), answer)

    assert attributes_job(make_job, box, 3).write(*members(40)) == {"updated": 40}

    assert facts_in(tmp_path) == {VALUE_CUSTOMERS: "0"}
    assert len(box.store.values) == 120
    states = rows_of(tmp_path / "history.sqlite", "SELECT DISTINCT state FROM changes")
    assert states == [("done",)]


@pytest.mark.parametrize(
    "kind", ["500", "503_after", "cut", "cut_after", "truncated", "429", "row_missing"]
)
@pytest.mark.parametrize("options", [COUNTS_CUSTOMERS, {}])
def test_large_call_is_retried(
    make_box: MakeBox,
    make_job: MakeJob,
    tmp_path: Path,
    kind: str,
    options: dict[str, bool],
) -> None:
    box = store_of(make_box, 40, **options)
    box.faults.queue(Fault(kind=kind, match=PUT, times=2))

    assert attributes_job(make_job, box, 3).write(*members(40)) == {"updated": 40}

    assert len(box.store.values) == 120
    assert facts_in(tmp_path) == {VALUE_CUSTOMERS: "10" if options else "0"}


@pytest.mark.parametrize("options", [COUNTS_CUSTOMERS, {}])
def test_attribute_deleted_during_the_run_is_named(
    make_box: MakeBox, make_job: MakeJob, options: dict[str, bool]
) -> None:
    box = store_of(make_box, 40, **options)
    job = attributes_job(make_job, box, 3, batch_size_rows=20)
    job.write(*members(20))
    deleted = str(min(box.store.attributes))
    box.store.call("DELETE", "/customers/attributes", id__in=deleted)

    with pytest.raises(AttributeConflictError, match="was deleted"):
        job.write(*members(40, "y")[20:])

    assert not job.reject_codes


@pytest.mark.parametrize("config", [{"history": False}, {"dry_run": True}])
def test_run_without_history_remembers_for_itself(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, config: dict[str, bool]
) -> None:
    box = store_of(make_box, 300)
    job = attributes_job(make_job, box, 3, **config)

    job.write(*members(300))

    assert refused(box) == ([] if config.get("dry_run") else [413])
    assert not (tmp_path / "history.sqlite").exists()


def test_history_that_cannot_be_written_is_used(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path
) -> None:
    box = store_of(make_box, 40)
    attributes_job(make_job, box, 3).write(*members(40))
    (tmp_path / "history.sqlite.run-2").mkdir()  # The lock of the second run.
    box.journal.clear()

    job = attributes_job(make_job, box, 3)

    assert job.write(*members(40, "y")) == {"updated": 40}
    assert not refused(box)
    assert rows_of(tmp_path / "history.sqlite", "SELECT count(*) FROM runs") == [(1,)]


@pytest.mark.parametrize("value", ["many", "", "-1", "0", "250"])
def test_odd_fact_harms_no_run(
    make_box: MakeBox, make_job: MakeJob, tmp_path: Path, value: str
) -> None:
    box = store_of(make_box, 40)
    attributes_job(make_job, box, 3).write(*members(40))
    with closing(sqlite3.connect(tmp_path / "history.sqlite")) as connection:
        for name in ("ids_per_call", "values_per_call", VALUE_CUSTOMERS):
            connection.execute(
                "INSERT OR REPLACE INTO store_facts VALUES (?, ?, ?, 0)",
                (box.options.store_hash, name, value),
            )
        connection.commit()

    assert attributes_job(make_job, box, 3).write(*members(40, "y")) == {"updated": 40}


@pytest.mark.parametrize(("options", "calls"), [(COUNTS_CUSTOMERS, 10), ({}, 20)])
def test_dry_run_uses_what_is_known(
    make_box: MakeBox,
    make_job: MakeJob,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    options: dict[str, bool],
    calls: int,
) -> None:
    box = store_of(make_box, 100, **options)
    attributes_job(make_job, box, 3).write(*members(100))
    known = facts_in(tmp_path)
    caplog.set_level("INFO")

    job = attributes_job(make_job, box, 3, dry_run=True)
    job.write(*members(100, "y"))
    job.run.dry_run.report(is_finished=True)  # type: ignore[union-attr]

    assert f"{calls} writes" in caplog.text
    assert facts_in(tmp_path) == known


# Any mix.


@settings(max_examples=settings().max_examples // 4)
@given(
    options=st.fixed_dictionaries(
        {},
        optional={
            "cap_counts_customers": st.booleans(),
            "rows_per_call": st.sampled_from([1, 3, 10]),
            "overflow_status": st.sampled_from([400, 413, 422]),
            "apply_valid_rows": st.booleans(),
            "answer_order": st.sampled_from(["request", "reversed"]),
            "duplicate_rows_refused": st.booleans(),
        },
    ),
    bad=st.sets(st.integers(1, 40), max_size=3),
    attributes=st.integers(1, 6),
    batch=st.integers(1, 45),
)
def test_any_store_gets_all_values(
    make_box: MakeBox,
    open_job: MakeJob,
    options: dict[str, Any],
    bad: set[int],
    attributes: int,
    batch: int,
) -> None:
    box = store_of(make_box, 40, **options, bad_rows={str(n): 422 for n in bad})
    job = attributes_job(open_job, box, attributes, batch_size_rows=batch)

    outcomes = job.write(*members(40))
    job.close()

    counts = {"updated": 40 - len(bad), "rejected": len(bad)}
    assert outcomes == {name: count for name, count in counts.items() if count}
    good = {customer for customer, _ in box.store.values}
    assert good == set(range(1, 41)) - bad
    assert len(box.store.values) == len(good) * attributes
    states = rows_of(
        job.config["history_path"],
        "SELECT state, count(*) FROM changes GROUP BY state ORDER BY state",
    )
    kept = {"done": len(good) * attributes, "dropped": len(bad) * attributes}
    assert dict(states) == {state: count for state, count in kept.items() if count}
    large = [e for e in writes(box) if e.rows > 10 and e.status in {400, 413}]
    assert len(large) <= MAX_TRIES * calls_for([40], batch)
    if not bad:
        assert len(large) <= 1


# Cutting.

ROWS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), max_size=150)
KNOWN = st.fixed_dictionaries(
    {},
    optional={
        VALUE_CUSTOMERS: st.sampled_from([0, 10]),
        "values_per_call": st.integers(1, 10),
    },
)


def indexed(pairs: list[tuple[int, int]]) -> list[tuple[int, dict[str, Any]]]:
    rows = [{"customer_id": c, "attribute_id": a} for c, a in pairs]
    return list(enumerate(rows))


@given(ROWS, st.integers(1, 12))
def test_customers_are_not_split(pairs: list[tuple[int, int]], size: int) -> None:
    parts = cut_by_customer(indexed(pairs), size)

    found = [{row["customer_id"] for _, row in part} for part in parts]
    assert all(len(customers) <= size for customers in found)
    assert sum(map(len, found)) == len({customer for customer, _ in pairs})
    assert len(parts) == -(-len({customer for customer, _ in pairs}) // size)


@given(pairs=ROWS, known=KNOWN, may_try=st.booleans())
def test_calls_have_every_row_once_in_order(
    *, pairs: list[tuple[int, int]], known: dict[str, int], may_try: bool
) -> None:
    size = ValuesCallSize(MAX_ROWS_PER_CALL, StoreFacts(known), "values_per_call")
    waiting, calls = indexed(pairs), []

    while waiting:
        parts, waiting = size.next_calls(waiting, may_try=may_try)
        calls += parts

    assert sorted(at for part in calls for at, _ in part) == list(range(len(pairs)))
    by_key: dict[tuple[int, int], list[int]] = {}
    for at, row in (each for part in calls for each in part):
        by_key.setdefault((row["customer_id"], row["attribute_id"]), []).append(at)
    assert all(order == sorted(order) for order in by_key.values())
    for part in calls:
        customers = {row["customer_id"] for _, row in part}
        most = known.get("values_per_call", MAX_ROWS_PER_CALL)
        assert len(part) <= most or len(customers) <= MAX_ROWS_PER_CALL


@pytest.mark.parametrize("known", [None, 0, -5, 250, 100])
def test_size_starts_at_the_lower_limit(known: int | None) -> None:
    facts = StoreFacts({} if known is None else {"ids": known})

    assert CallSize(250, facts, "ids").limit == (100 if known == 100 else 250)


def test_size_only_decreases() -> None:
    facts = StoreFacts({"ids": 200})
    size = CallSize(250, facts, "ids")

    for limit in (125, 250, 63, 100):
        size.lower(limit)

    assert size.limit == 63
    assert facts.take_new() == {"ids": 63}
    assert facts.take_new() == {}


@pytest.mark.parametrize(
    ("size", "next_sizes"),
    [(250, [125, 100, 50, 25, 13, 7, 4, 2, 1]), (40, [20, 10, 5, 3, 2, 1])],
)
def test_refused_size_is_halved_with_100_on_the_way(
    size: int, next_sizes: list[int]
) -> None:
    found = [size]
    while found[-1] > 1:
        found.append(smaller(found[-1]))

    assert found[1:] == next_sizes
