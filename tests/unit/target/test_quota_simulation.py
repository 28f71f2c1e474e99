"""The quota tracker against the sandbox's quota, on a simulated clock."""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

import pytest

from sandbox import Clock, Options, Sandbox
from sandbox.http import to_request
from target_bigcommerce.api.quota import QuotaTracker, read_rate_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.http import Response

WINDOW = 30.0
QUOTA = 150
ALWAYS_MORE = 1_000_000


class Simulation:
    """Three clients that always have another request, over whole windows."""

    def __init__(
        self,
        *,
        share: float = 1.0,
        other: int = 0,
        latency: float = 0.2,
        spread: bool = True,
        start: float = 0.0,
        lag: float = 0.0,
    ) -> None:
        self.clock = Clock.still(1_000_000.0)
        options = Options(
            members=1, quota=QUOTA, other_app_calls_per_window=other, in_flight=10
        )
        self.store = Sandbox(options, clock=self.clock).store
        self.clock.advance(start)
        self.tracker = QuotaTracker(share)
        self.statuses: Counter[int] = Counter()
        self._spread = spread
        self._latency = latency
        self._lag = lag
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._idle = 3
        self._next_try = 0.0
        headers = {"X-Auth-Token": options.store_token}
        path = f"/stores/{options.store_hash}/v3/customers/attributes"
        self._request = to_request("GET", path, headers=headers)

    def run(self, windows: float) -> None:
        """Run for so many windows."""
        end = self.clock.now() + windows * WINDOW
        self._try_to_call()
        while self._due and self._due[0][0] < end:
            at, _, act = heapq.heappop(self._due)
            self.clock.set(at)
            act()
        self.clock.set(end)
        self.store.catch_up()

    @property
    def used(self) -> int:
        """Own requests that the store accepted."""
        return self.statuses[200]

    @property
    def throttled(self) -> float:
        """The part of the own requests that got a 429."""
        return self.statuses[429] / max(1, self.statuses.total())

    @property
    def others_served(self) -> float:
        """The part of the other app's requests that the store accepted."""
        quota = self.store.quota
        return quota.other_served / (quota.other_served + quota.other_refused)

    def _try_to_call(self) -> None:
        while self._idle:
            if self._spread:
                self.tracker.expect(ALWAYS_MORE)
            pause = self.tracker.pause(self.clock.now())
            if pause is None:
                return  # A request is in flight.
            if pause > 0:
                self._try_again_in(pause)
                return
            self._idle -= 1
            self._call()

    def _try_again_in(self, seconds: float) -> None:
        at = self.clock.now() + seconds
        if self._next_try <= self.clock.now() or at < self._next_try:
            self._next_try = at
            self._later(seconds, self._try_to_call)

    def _call(self) -> None:
        window = self.tracker.start_request(self.clock.now())
        self._later(self._lag, lambda: self._arrive(window))

    def _arrive(self, window: int) -> None:
        call = self.store.begin(self._request)

        def leave() -> None:
            response = call.finish()
            self._later(self._lag, lambda: self._land(window, response))

        self._later(self._latency, leave)

    def _land(self, window: int, response: Response) -> None:
        self.tracker.record_response(
            self.clock.now(), read_rate_limits(response.headers), window
        )
        self.tracker.finish_request()
        self.statuses[response.status] += 1
        self._idle += 1
        self._try_to_call()

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.clock.now() + seconds, next(self._order), act))


@pytest.mark.parametrize("spread", [True, False])
@pytest.mark.parametrize("latency", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("lag", [0.0, 0.03])
def test_whole_quota_is_used_without_a_429(
    latency: float, lag: float, *, spread: bool
) -> None:
    simulation = Simulation(latency=latency, lag=lag, spread=spread)

    simulation.run(windows=5)

    assert simulation.used >= 0.97 * 5 * QUOTA
    assert simulation.statuses[429] == 0


def test_start_within_a_window_wastes_no_quota() -> None:
    simulation = Simulation(start=17.0)

    simulation.run(windows=4 + 13 / 30)

    assert simulation.used >= 0.97 * 5 * QUOTA
    assert simulation.statuses[429] == 0


@pytest.mark.parametrize("spread", [True, False])
@pytest.mark.parametrize("share", [1.0, 0.9])
def test_app_that_uses_half_is_not_starved(share: float, *, spread: bool) -> None:
    simulation = Simulation(other=QUOTA // 2, share=share, spread=spread)

    simulation.run(windows=5)

    assert simulation.throttled < 0.02
    assert simulation.others_served >= 0.9
    assert simulation.used >= 0.4 * 5 * QUOTA


@pytest.mark.parametrize("other", [20, 75, 140, 200])
def test_greedy_app_does_not_starve_this_one(other: int) -> None:
    simulation = Simulation(other=other)

    simulation.run(windows=5)

    assert simulation.throttled < 0.02
    assert simulation.used >= min(0.49, 0.98 - other / QUOTA) * 5 * QUOTA


@pytest.mark.guarantee("quota-share")
@pytest.mark.parametrize("other", [0, 20, 75])
@pytest.mark.parametrize("share", [0.5, 0.25, 0.1])
@pytest.mark.parametrize("spread", [True, False])
def test_no_window_exceeds_the_share(share: float, other: int, *, spread: bool) -> None:
    simulation = Simulation(share=share, other=other, spread=spread)

    simulation.run(windows=4)

    by_window = simulation.store.quota.used_by_window
    assert max(by_window.values()) <= share * QUOTA
    assert simulation.used >= 4 * share * QUOTA / 3
    assert simulation.statuses[429] == 0


def test_requests_are_spread_if_the_window_is_too_small() -> None:
    simulation = Simulation(spread=True, latency=0.05)

    simulation.run(windows=0.5)

    assert 0.45 * QUOTA <= simulation.used <= 0.6 * QUOTA


def test_requests_that_fit_the_window_are_not_spread() -> None:
    simulation = Simulation(spread=False, latency=0.05)

    simulation.run(windows=0.2)

    assert simulation.used == QUOTA - 3
