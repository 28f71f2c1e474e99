"""The whole of throttle, threads and HTTP against the sandbox's quota, time scaled."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox import Clock
from target_bigcommerce.api.wire import Call
from target_bigcommerce.errors import InterruptedByUserError
from target_bigcommerce.interrupt import Interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Connect, Edge

    from sandbox import Sandbox

SCALE = 6.0  # A window takes 5 seconds: time for its calls on a busy machine, too.
QUOTA = 150
WINDOWS = 3
READ = Call(method="GET", path="/customers/attributes")


def run_windows(
    make_sandbox: Callable[..., Sandbox], connect: Connect, *, other: int
) -> Edge:
    """Call as fast as the throttle lets us, over whole windows."""
    box = make_sandbox(
        members=1,
        quota=QUOTA,
        other_app_calls_per_window=other,
        clock=Clock(scale=SCALE),
    )
    interrupt = Interrupt()
    edge = connect(
        box,
        clock=box.clock.now,
        wait=lambda seconds: interrupt.wait(seconds / SCALE),
        interrupt=interrupt,
    )
    end = box.clock.now() + WINDOWS * 30.0

    def keep_calling() -> None:
        while box.clock.now() < end:
            edge.throttle.expect(1_000_000)
            edge.transport.send(READ)

    box.journal.subscribe(lambda entry: interrupt.set(15) if entry.at >= end else None)
    with suppress(InterruptedByUserError):  # The last window's rest is not waited out.
        edge.client.calls.run([keep_calling] * 3)
    return edge


def test_alone_the_quota_is_used_up_and_not_one_429_comes(
    make_sandbox: Callable[..., Sandbox], connect: Connect
) -> None:
    edge = run_windows(make_sandbox, connect, other=0)

    used = edge.box.store.quota.used_by_window
    assert edge.counts[READ.endpoint, 429] == 0
    assert sum(used[n] for n in range(WINDOWS)) >= 0.97 * WINDOWS * QUOTA


def test_an_app_that_takes_half_gets_it_and_few_429s_come(
    make_sandbox: Callable[..., Sandbox], connect: Connect
) -> None:
    edge = run_windows(make_sandbox, connect, other=QUOTA // 2)

    quota = edge.box.store.quota
    assert edge.counts[READ.endpoint, 429] < 0.02 * edge.counts.total()
    assert quota.other_served >= 0.9 * (quota.other_served + quota.other_refused)
    assert edge.counts[READ.endpoint, 200] >= 0.4 * WINDOWS * QUOTA
