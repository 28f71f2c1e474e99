"""Refused calls are narrowed to the guilty rows, whatever the store's habits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.narrowing import UNCONFIRMED, CallSize, Way, narrow
from target_bigcommerce.errors import AuthError, Refusal, RefusedError

if TYPE_CHECKING:
    from target_bigcommerce.api.rows import Row, Written

MOST = 20


@dataclass(slots=True, kw_only=True)
class Habits:
    """A store that answers in one of the ways that BigCommerce may answer in."""

    bad: set[int]
    named: str = "index"  # or "email", "no", or a mixture: one word per call
    applies_valid_rows: bool = False
    most: int = MOST
    forgets: frozenset[int] = frozenset()
    calls: int = 0
    stored: set[int] = field(default_factory=set)

    def put(self, rows: list[Row]) -> list[Row]:
        """Answer a call of rows."""
        self.calls += 1
        if len(rows) > self.most:
            raise RefusedError("413", Refusal(status=413))
        bad = [at for at, row in enumerate(rows) if row["id"] in self.bad]
        if not bad or self.applies_valid_rows:
            self.stored |= {row["id"] for row in rows} - self.bad
        if bad:
            raise RefusedError("422", self._refusal(bad[0], rows[bad[0]]))
        forgotten, self.forgets = self.forgets, frozenset()
        return [row for row in reversed(rows) if row["id"] not in forgotten]

    def look_up(self, rows: list[Row]) -> dict[object, Row]:
        """Find what was applied although it was refused."""
        ids = {row["id"] for row in rows} & self.stored
        return {number: {"id": number, "_found": True} for number in ids}

    def _refusal(self, at: int, row: Row) -> Refusal:
        habits = self.named.split()
        errors = {
            "index": {f"{at}.field": "wrong"},
            "email": {".update": f"email {row['email']} already in use"},
            "no": {".update": "something is wrong"},
        }[habits[self.calls % len(habits)]]
        return Refusal(status=422, title=f"bad {row['id']}", errors=errors)


def rows_of(count: int) -> list[tuple[int, Row]]:
    """Rows whose ids differ from their places."""
    return [
        (place, {"id": 100 + place, "email": f"p{place}@example.com"})
        for place in range(count)
    ]


def write(store: Habits, count: int, *, looks_up: bool = False) -> Written:
    """Narrow so many rows against a store."""
    way = Way(
        send=store.put,
        key_of_sent=lambda row: row["id"],
        key_of_answered=lambda row: row["id"],
        before_resend=store.look_up if looks_up else lambda _: {},
    )
    return narrow(rows_of(count), way, CallSize(MOST))


counts = st.integers(1, MOST)
stores = st.builds(
    Habits,
    bad=st.sets(st.integers(100, 100 + MOST)),
    named=st.lists(st.sampled_from(["index", "email", "no"]), min_size=1).map(" ".join),
    applies_valid_rows=st.booleans(),
    most=st.integers(1, MOST),
)


@given(store=stores, count=counts, looks_up=st.booleans())
def test_exactly_the_guilty_rows_are_refused_in_at_most_two_calls_per_row(
    store: Habits, count: int, *, looks_up: bool
) -> None:
    written = write(store, count, looks_up=looks_up)

    guilty = {place for place in range(count) if 100 + place in store.bad}
    assert set(written.refused) == guilty
    assert set(written.done) == set(range(count)) - guilty
    assert all(row["id"] == 100 + place for place, row in written.done.items())
    assert store.calls <= 2 * count


@given(stores, counts, st.sets(st.integers(100, 100 + MOST)))
def test_a_row_is_done_or_refused_and_never_both_even_if_answers_lack_rows(
    store: Habits, count: int, forgets: set[int]
) -> None:
    store.forgets = frozenset(forgets)

    written = write(store, count)

    assert sorted([*written.done, *written.refused]) == list(range(count))
    assert {100 + place for place in written.done} & store.bad == set()
    assert store.calls <= 2 * count


def test_a_guilty_row_keeps_its_own_refusal() -> None:
    store = Habits(bad={101, 103}, named="no")

    written = write(store, 4)

    titles = {place: refusal.title for place, refusal in written.refused.items()}
    assert titles == {1: "bad 101", 3: "bad 103"}


def test_a_good_call_is_made_once() -> None:
    store = Habits(bad=set())

    write(store, 10)

    assert store.calls == 1


def test_a_named_row_costs_one_more_call() -> None:
    store = Habits(bad={104}, named="index")

    write(store, 10)

    assert store.calls == 2


def test_rows_missing_from_a_success_are_sent_once_more_together() -> None:
    store = Habits(bad=set(), forgets=frozenset({102, 105}))

    written = write(store, 10)

    assert store.calls == 2
    assert len(written.done) == 10


def test_a_row_that_is_never_confirmed_is_refused() -> None:
    way = Way(
        send=lambda rows: [row for row in rows if row["id"] != 101],
        key_of_sent=lambda row: row["id"],
        key_of_answered=lambda row: row["id"],
    )

    written = narrow(rows_of(3), way, CallSize(MOST))

    assert written.refused == {1: UNCONFIRMED}
    assert set(written.done) == {0, 2}


def test_a_refused_size_is_lowered_for_the_run() -> None:
    store, size = Habits(bad=set(), most=5), CallSize(10)
    way = Way(
        send=store.put,
        key_of_sent=lambda row: row["id"],
        key_of_answered=lambda row: row["id"],
    )

    narrow(rows_of(10), way, size)
    first = store.calls
    narrow(rows_of(10), way, size)

    assert (first, store.calls - first, size.most) == (3, 2, 5)


def test_a_store_that_refuses_even_the_lookup_of_blame_ends_within_the_bound() -> None:
    calls = [0]

    def send(rows: list[Row]) -> list[Row]:
        calls[0] += 1
        # It always blames somebody innocent: the rows are gone after one call each.
        raise RefusedError(
            "422", Refusal(status=422, errors={f"{len(rows) - 1}.x": ""})
        )

    way = Way(send=send, key_of_sent=id, key_of_answered=id)
    written = narrow(rows_of(10), way, CallSize(MOST))

    assert len(written.refused) == 10
    assert calls[0] <= 20


def test_after_two_calls_per_row_the_undecided_rows_are_refused() -> None:
    calls, alone = [0], Refusal(status=422, title="only one at a time, please")

    def send(rows: list[Row]) -> list[Row]:
        calls[0] += 1
        if len(rows) > 1:
            raise RefusedError("422", alone)
        return []  # A success that confirms nothing.

    way = Way(send=send, key_of_sent=id, key_of_answered=id)
    written = narrow(rows_of(4), way, CallSize(MOST))

    assert calls[0] == 8
    assert written.refused == dict.fromkeys(range(4), alone)


def test_what_is_no_refusal_passes_through() -> None:
    def send(_rows: list[Row]) -> list[Row]:
        raise AuthError("no")

    way = Way(send=send, key_of_sent=id, key_of_answered=id)

    with pytest.raises(AuthError):
        narrow(rows_of(3), way, CallSize(MOST))
