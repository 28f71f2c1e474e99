"""The throttle with a clock that only its own waits advance."""

from __future__ import annotations

import threading

import pytest

from singer_kit.errors import ShutdownRequestedError
from singer_kit.shutdown import ShutdownSignal
from target_bigcommerce.api.transport import Throttle


class Time:
    """A clock that advances when the throttle waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def clock(self) -> float:
        """Monotonic seconds."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Advance the clock."""
        if seconds:
            self.waits.append(round(seconds, 2))
        self.now += seconds


def headers(left: int, *, quota: int = 150, reset: float = 10.0) -> dict[str, str]:
    return {
        "X-Rate-Limit-Requests-Left": str(left),
        "X-Rate-Limit-Requests-Quota": str(quota),
        "X-Rate-Limit-Time-Window-Ms": "30000",
        "X-Rate-Limit-Time-Reset-Ms": str(round(reset * 1000)),
    }


def make(time: Time, *, share: float = 1.0, max_in_flight: int = 3) -> Throttle:
    return Throttle(
        share=share,
        max_in_flight=max_in_flight,
        clock=time.clock,
        wait=time.wait,
        jitter=lambda: 1.0,
    )


def request(throttle: Throttle, status: int, response: dict[str, str]) -> None:
    with throttle.slot() as slot:
        slot.record(status, response)


def test_wait_for_a_used_up_window_is_counted() -> None:
    time = Time()
    throttle = make(time)
    request(throttle, 200, headers(left=3, reset=10.0))

    request(throttle, 200, headers(left=149, reset=29.9))

    assert time.waits == [10.05]
    assert throttle.waited_seconds == pytest.approx(10.05)
    assert (throttle.quota, throttle.window_seconds) == (150, 30.0)


def test_store_without_headers_is_not_limited() -> None:
    time = Time()
    throttle = make(time)

    for _ in range(1000):
        request(throttle, 200, {})

    assert time.waits == []
    assert throttle.quota is None


def test_429_delays_the_next_request_as_stated() -> None:
    time = Time()
    throttle = make(time)
    request(throttle, 429, {"X-Retry-After": "17"})

    cooldown = throttle.cooldown_seconds
    request(throttle, 200, {})

    assert cooldown == 17.0
    assert time.waits == [17.0]


def test_429_with_requests_left_lowers_the_concurrency() -> None:
    throttle = make(Time())

    request(throttle, 429, headers(left=0))
    used_up = throttle.concurrency_limit
    request(throttle, 429, headers(left=90))

    assert (used_up, throttle.concurrency_limit) == (3, 2)


def test_lost_response_counts_as_a_used_request() -> None:
    time = Time()
    throttle = make(time)
    request(throttle, 200, headers(left=4))

    with throttle.slot():
        pass  # No response arrives.
    request(throttle, 200, headers(left=149))

    assert time.waits == [10.05]


def test_no_request_starts_after_a_signal() -> None:
    shutdown = ShutdownSignal()
    throttle = Throttle(share=1.0, max_in_flight=3, wait=shutdown.wait)
    shutdown.set(15)

    with pytest.raises(ShutdownRequestedError), throttle.slot():
        pytest.fail("it started")


def test_signal_ends_a_wait_for_the_quota() -> None:
    shutdown = ShutdownSignal()
    throttle = Throttle(share=1.0, max_in_flight=3, wait=shutdown.wait)
    request(throttle, 200, headers(left=0, reset=600.0))
    timer = threading.Timer(0.05, shutdown.set, [2])

    timer.start()

    with pytest.raises(ShutdownRequestedError), throttle.slot():
        pytest.fail("it started")


def test_requests_in_flight_never_exceed_the_maximum() -> None:
    throttle = Throttle(share=1.0, max_in_flight=2, wait=ShutdownSignal().wait)
    lock, inside, most = threading.Lock(), [0], [0]

    def work() -> None:
        for _ in range(50):
            with throttle.slot() as slot:
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                slot.record(200, {})
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert not any(thread.is_alive() for thread in threads)
    assert most[0] <= 2


def test_first_request_runs_alone() -> None:
    throttle = Throttle(share=1.0, max_in_flight=3, wait=ShutdownSignal().wait)
    second = threading.Event()

    def follow() -> None:
        with throttle.slot() as slot:
            second.set()
            slot.record(200, {})

    with throttle.slot() as slot:
        thread = threading.Thread(target=follow)
        thread.start()
        early = second.wait(0.05)
        slot.record(200, headers(left=100))
    thread.join(5)

    assert not early
    assert second.is_set()


def test_expected_requests_are_spread_over_the_window() -> None:
    time = Time()
    throttle = make(time)
    request(throttle, 200, headers(left=149, reset=30.0))
    throttle.expect(10_000)

    for left in range(148, 48, -1):
        request(throttle, 200, headers(left=left, reset=1030.0 - time.now))

    assert time.now - 1000.0 == pytest.approx(100 * 28.5 / 146, rel=0.05)
