"""Calls run side by side, as many as the store bears, and end together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from target_bigcommerce.errors import (
    AuthError,
    InterruptedByUserError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Edge


def test_three_calls_are_in_flight_and_never_more(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store(latency_ms=10, in_flight=3)
    most, quota = [0], edge.box.store.quota
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:120]]
    edge.box.journal.subscribe(
        lambda _: most.append(1 + max(quota.in_flight.values(), default=0))
    )

    edge.client.update_customers(rows)

    assert edge.box.journal.statuses == {"store 200": 12}
    assert max(most) == 3


def test_writes_that_the_window_does_not_cover_are_spread_over_it(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store(quota=10)
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:100]]

    written = edge.client.update_customers(rows)

    assert len(written.done) == 100
    assert min(edge.waits) < 10
    assert edge.box.journal.statuses == {"store 200": 10}


def test_a_store_that_bears_fewer_calls_at_once_gets_fewer(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store(latency_ms=10, in_flight=1, members=300)
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:300]]

    written = edge.client.update_customers(rows)

    assert len(written.done) == 300
    assert edge.throttle.in_flight_limit == 1
    assert edge.box.journal.statuses["store 429"] <= 4


def test_an_error_ends_the_run_and_no_further_call_begins(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store()
    edge.box.faults.queue(Fault(kind="401", match="PUT *", times=50))
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:120]]

    with pytest.raises(AuthError):
        edge.client.update_customers(rows)

    assert edge.box.journal.total <= 3


def test_a_signal_lets_calls_under_way_finish_and_no_further_one_begins(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store(latency_ms=5)
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:120]]
    edge.box.journal.subscribe(
        lambda entry: edge.interrupt.set(15) if entry.n == 4 else None
    )

    with pytest.raises(InterruptedByUserError):
        edge.client.update_customers(rows)

    total = edge.box.journal.total
    assert 4 <= total <= 6
    assert len(edge.box.store.diff()["customers"]["updated"]) == 10 * total
