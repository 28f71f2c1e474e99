"""Throttle, threads and HTTP together against the sandbox's quota.

Time is virtual and passes only while every thread waits, so the machine's load does
not matter.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from sandbox import Clock
from target_bigcommerce.api.models import ApiRequest

if TYPE_CHECKING:
    from support.store import MakeBox
    from support.store_client import Connect, ConnectedClient

START = 1_700_000_000.0
QUOTA = 150
WINDOWS = 3
THREADS = 3
READ = ApiRequest(method="GET", path="/customers/attributes")


class VirtualTime:
    """Advances a clock to the next alarm as soon as all threads wait for one."""

    def __init__(self, clock: Clock, threads: int) -> None:
        self._clock = clock
        self._awake = threads
        self._alarms: list[float] = []
        self._passed = threading.Condition()

    def wait(self, seconds: float) -> None:
        """Wait until the clock has advanced by a number of seconds."""
        if seconds <= 0:
            return
        with self._passed:
            until = self._clock.now() + seconds
            self._alarms.append(until)
            self._rest()
            self._passed.wait_for(lambda: self._clock.now() >= until)

    def leave(self) -> None:
        """End this thread: time no longer waits for it."""
        with self._passed:
            self._rest()

    def _rest(self) -> None:
        self._awake -= 1
        if self._awake or not self._alarms:
            return
        now = min(self._alarms)
        self._clock.set(now)
        self._awake = self._alarms.count(now)
        self._alarms = [until for until in self._alarms if until > now]
        self._passed.notify_all()


def run_windows(
    make_sandbox: MakeBox,
    connect: Connect,
    *,
    quota: int = QUOTA,
    other: int = 0,
    share: float = 1.0,
) -> ConnectedClient:
    """Send requests as fast as the throttle allows, for whole windows."""
    clock = Clock.still(START)
    time = VirtualTime(clock, THREADS)
    box = make_sandbox(
        members=1, quota=quota, other_app_calls_per_window=other, clock=clock
    )
    connected = connect(box, wait=time.wait, share=share)
    end = START + WINDOWS * 30.0

    def keep_sending() -> None:
        try:
            while clock.now() < end:
                connected.throttle.expect(1_000_000)
                connected.transport.send(READ)
        finally:
            time.leave()

    connected.client.run_parallel([keep_sending] * THREADS)
    return connected


def test_whole_quota_is_used_without_a_429(
    make_sandbox: MakeBox, connect: Connect
) -> None:
    connected = run_windows(make_sandbox, connect)

    used = connected.box.store.quota.used_by_window
    assert connected.counts[READ.endpoint, 429] == 0
    assert sum(used[n] for n in range(WINDOWS)) >= 0.97 * WINDOWS * QUOTA


@pytest.mark.guarantee("quota-share")
@pytest.mark.parametrize("quota", [QUOTA, 30])
def test_other_app_that_uses_half_gets_it(
    quota: int, make_sandbox: MakeBox, connect: Connect
) -> None:
    connected = run_windows(make_sandbox, connect, quota=quota, other=quota // 2)

    theirs = connected.box.store.quota
    assert connected.counts[READ.endpoint, 429] < 0.02 * connected.counts.total()
    assert theirs.other_served >= 0.9 * (theirs.other_served + theirs.other_refused)
    assert connected.counts[READ.endpoint, 200] >= 0.4 * WINDOWS * quota


def test_small_quota_is_never_exceeded(make_sandbox: MakeBox, connect: Connect) -> None:
    connected = run_windows(make_sandbox, connect, quota=20, share=0.9)

    used = connected.box.store.quota.used_by_window
    assert connected.counts[READ.endpoint, 429] == 0
    assert max(used.values()) <= 18
    assert min(used[n] for n in range(WINDOWS)) >= 17
