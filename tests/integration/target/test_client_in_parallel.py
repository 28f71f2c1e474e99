"""Requests run in parallel, as many as the store allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from singer_kit.errors import AuthError, ShutdownRequestedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.store_client import Edge


def test_three_requests_at_most_are_in_flight(
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


def test_writes_are_spread_over_a_small_window(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store(quota=10)
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:100]]

    written = edge.client.update_customers(rows)

    assert len(written.done) == 100
    assert min(edge.waits) < 10
    assert edge.box.journal.statuses == {"store 200": 10}


def test_concurrency_adapts_to_the_store(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store(latency_ms=10, in_flight=1, members=300)
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:300]]

    written = edge.client.update_customers(rows)

    assert len(written.done) == 300
    assert edge.throttle.concurrency_limit == 1
    assert edge.box.journal.statuses["store 429"] <= 4


def test_no_request_starts_after_an_error(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store()
    edge.box.faults.queue(Fault(kind="401", match="PUT *", times=50))
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:120]]

    with pytest.raises(AuthError):
        edge.client.update_customers(rows)

    assert edge.box.journal.total <= 3


def test_signal_lets_requests_in_flight_finish(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store(latency_ms=5)
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:120]]
    edge.box.journal.subscribe(
        lambda entry: edge.shutdown.set(15) if entry.n == 4 else None
    )

    with pytest.raises(ShutdownRequestedError):
        edge.client.update_customers(rows)

    total = edge.box.journal.total
    assert 4 <= total <= 6
    assert len(edge.box.store.diff()["customers"]["updated"]) == 10 * total
