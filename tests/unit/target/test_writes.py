"""A rejected call is bisected to its offending rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import AuthError
from target_bigcommerce.api.reads import CallSize
from target_bigcommerce.api.writes import (
    UNCONFIRMED,
    WriteCall,
    is_too_large,
    named_rows,
    renumber,
    write_rows,
)
from target_bigcommerce.errors import ErrorDetails, RequestRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from target_bigcommerce.api.models import Row, WriteResult


MAX_ROWS = 20


@dataclass(slots=True, kw_only=True)
class FakeStore:
    """A store that responds to bad rows in one of several ways."""

    bad: set[int]
    named: str = "index"  # or "email", "no", or several: one word per call
    applies_valid_rows: bool = False
    max_rows: int = MAX_ROWS
    omits: frozenset[int] = frozenset()
    calls: int = 0
    stored: set[int] = field(default_factory=set)

    def put(self, rows: list[Row]) -> list[Row]:
        """Respond to a call."""
        self.calls += 1
        if len(rows) > self.max_rows:
            raise RequestRejectedError("413", ErrorDetails(status=413))
        bad = [at for at, row in enumerate(rows) if row["id"] in self.bad]
        if not bad or self.applies_valid_rows:
            self.stored |= {row["id"] for row in rows} - self.bad
        if bad:
            raise RequestRejectedError("422", self._details(bad[0], rows[bad[0]]))
        omitted, self.omits = self.omits, frozenset()
        return [row for row in reversed(rows) if row["id"] not in omitted]

    def look_up(self, rows: list[Row]) -> dict[object, Row]:
        """Find rows that were applied although their call was rejected."""
        ids = {row["id"] for row in rows} & self.stored
        return {number: {"id": number, "_found": True} for number in ids}

    def _details(self, at: int, row: Row) -> ErrorDetails:
        kinds = self.named.split()
        errors = {
            "index": {f"{at}.field": "wrong"},
            "email": {".update": f"email {row['email']} already in use"},
            "no": {".update": "something is wrong"},
        }[kinds[self.calls % len(kinds)]]
        return ErrorDetails(status=422, title=f"bad {row['id']}", errors=errors)


def rows_of(count: int) -> list[tuple[int, Row]]:
    """Rows whose ids differ from their indices."""
    return [
        (index, {"id": 100 + index, "email": f"p{index}@example.com"})
        for index in range(count)
    ]


def call_by_id(send: Callable[[list[Row]], list[Row]]) -> WriteCall:
    return WriteCall(
        send=send,
        key_of_sent=lambda row: row["id"],
        key_of_confirmed=lambda row: row["id"],
    )


def write(store: FakeStore, count: int, *, looks_up: bool = False) -> WriteResult:
    """Write a number of rows to a store."""
    call = call_by_id(store.put)
    if looks_up:
        call = replace(call, look_up=store.look_up)
    return write_rows(rows_of(count), call, CallSize(MAX_ROWS))


counts = st.integers(1, MAX_ROWS)
stores = st.builds(
    FakeStore,
    bad=st.sets(st.integers(100, 100 + MAX_ROWS)),
    named=st.lists(st.sampled_from(["index", "email", "no"]), min_size=1).map(" ".join),
    applies_valid_rows=st.booleans(),
    max_rows=st.integers(1, MAX_ROWS),
)


@given(store=stores, count=counts, looks_up=st.booleans())
def test_only_bad_rows_are_rejected_in_two_calls_per_row(
    store: FakeStore, count: int, *, looks_up: bool
) -> None:
    written = write(store, count, looks_up=looks_up)

    bad = {index for index in range(count) if 100 + index in store.bad}
    assert set(written.rejected) == bad
    assert set(written.done) == set(range(count)) - bad
    assert all(row["id"] == 100 + index for index, row in written.done.items())
    assert store.calls <= 2 * count


@given(stores, counts, st.sets(st.integers(100, 100 + MAX_ROWS)))
def test_row_is_either_done_or_rejected(
    store: FakeStore, count: int, omits: set[int]
) -> None:
    store.omits = frozenset(omits)

    written = write(store, count)

    assert sorted([*written.done, *written.rejected]) == list(range(count))
    assert {100 + index for index in written.done} & store.bad == set()
    assert store.calls <= 2 * count


def test_bad_row_keeps_its_own_error() -> None:
    store = FakeStore(bad={101, 103}, named="no")

    written = write(store, 4)

    titles = {index: details.title for index, details in written.rejected.items()}
    assert titles == {1: "bad 101", 3: "bad 103"}


def test_accepted_call_is_made_once() -> None:
    store = FakeStore(bad=set())

    write(store, 10)

    assert store.calls == 1


def test_named_row_costs_one_more_call() -> None:
    store = FakeStore(bad={104}, named="index")

    write(store, 10)

    assert store.calls == 2


def test_unconfirmed_rows_are_sent_once_more() -> None:
    store = FakeStore(bad=set(), omits=frozenset({102, 105}))

    written = write(store, 10)

    assert store.calls == 2
    assert len(written.done) == 10


def test_row_that_is_never_confirmed_is_rejected() -> None:
    call = call_by_id(lambda rows: [row for row in rows if row["id"] != 101])

    written = write_rows(rows_of(3), call, CallSize(MAX_ROWS))

    assert written.rejected == {1: UNCONFIRMED}
    assert set(written.done) == {0, 2}


def test_size_is_lowered_for_the_run() -> None:
    store, size = FakeStore(bad=set(), max_rows=5), CallSize(10)
    call = call_by_id(store.put)

    write_rows(rows_of(10), call, size)
    first = store.calls
    write_rows(rows_of(10), call, size)

    assert (first, store.calls - first, size.limit) == (3, 2, 5)


def test_calls_are_bounded_if_a_wrong_row_is_named() -> None:
    calls = [0]

    def send(rows: list[Row]) -> list[Row]:
        calls[0] += 1
        # The error always names the last row.
        raise RequestRejectedError(
            "422", ErrorDetails(status=422, errors={f"{len(rows) - 1}.x": ""})
        )

    call = call_by_id(send)
    written = write_rows(rows_of(10), call, CallSize(MAX_ROWS))

    assert len(written.rejected) == 10
    assert calls[0] <= 20


def test_undecided_rows_are_rejected() -> None:
    calls, alone = [0], ErrorDetails(status=422, title="only one at a time, please")

    def send(rows: list[Row]) -> list[Row]:
        calls[0] += 1
        if len(rows) > 1:
            raise RequestRejectedError("422", alone)
        return []  # A success that confirms nothing.

    call = call_by_id(send)
    written = write_rows(rows_of(4), call, CallSize(MAX_ROWS))

    assert calls[0] == 8
    assert written.rejected == dict.fromkeys(range(4), alone)


def test_other_errors_are_raised() -> None:
    def send(_rows: list[Row]) -> list[Row]:
        raise AuthError("no")

    call = call_by_id(send)

    with pytest.raises(AuthError):
        write_rows(rows_of(3), call, CallSize(MAX_ROWS))


# The rows that an error names.

ROWS = [{"id": n, "email": f"p{n}@example.com"} for n in range(5)]


def details_with(
    errors: dict[str, str], title: str = "Update customers failed."
) -> ErrorDetails:
    return ErrorDetails(status=422, title=title, errors=errors)


@pytest.mark.parametrize(
    ("errors", "named"),
    [
        ({"3.email": "error.email"}, [3]),
        ({"3": "bad"}, [3]),
        ({"1.a": "x", "4.b": "y"}, [1, 4]),
        ({"9.email": "there is no such row"}, []),
        ({".customer_update": "no row is named"}, []),
        ({"id": "error.path.missing"}, []),
        ({".x": "Error: email P2@Example.com already in use"}, [2]),
        ({".x": "email p2@example.com."}, [2]),
        ({".x": "email 'p2@example.com' is taken"}, [2]),
        ({".x": "email p2@example.community is taken"}, []),
        ({".x": "email xp2@example.com is taken"}, []),
        ({}, []),
    ],
)
def test_rows_are_named_by_index_or_email(
    errors: dict[str, str], named: list[int]
) -> None:
    assert named_rows(details_with(errors), ROWS) == named


def test_email_within_another_is_not_named() -> None:
    rows = [{"email": "brien@example.com"}, {"email": "o'brien@example.com"}]

    named = named_rows(details_with({".x": "o'brien@example.com already in use"}), rows)

    assert named == [1]


def test_single_row_is_always_named() -> None:
    assert named_rows(details_with({"7.x": "?"}), ROWS[:1]) == [0]


def test_indices_are_translated_back() -> None:
    details = details_with({"0.email": "a", "1": "b", ".x": "c", "7.y": "d"})

    assert renumber(details, [3, 8]).errors == {
        "3.email": "a",
        "8": "b",
        ".x": "c",
        "7.y": "d",
    }


@pytest.mark.parametrize(
    ("details", "large"),
    [
        (ErrorDetails(status=413), True),
        (ErrorDetails(status=422, title="Max batch size allowed is 10"), True),
        (ErrorDetails(status=422, title="Update customers failed."), False),
    ],
)
def test_too_many_rows_differ_from_bad_rows(
    details: ErrorDetails, *, large: bool
) -> None:
    assert is_too_large(details) is large
