"""The throttle's locking shell, with a clock that its own waits move."""

from __future__ import annotations

import threading

import pytest

from target_bigcommerce.errors import InterruptedByUserError
from target_bigcommerce.interrupt import Interrupt
from target_bigcommerce.throttle import Throttle


class Time:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def clock(self) -> float:
        """Running seconds."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let them pass at once."""
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
        chance=lambda: 1.0,
    )


def call(throttle: Throttle, status: int, answer: dict[str, str]) -> None:
    with throttle.slot() as slot:
        slot.observe(status, answer)


def test_a_spent_window_is_waited_out_and_the_seconds_are_counted() -> None:
    time = Time()
    throttle = make(time)
    call(throttle, 200, headers(left=3, reset=10.0))

    call(throttle, 200, headers(left=149, reset=29.9))

    assert time.waits == [10.05]
    assert throttle.waited_seconds == pytest.approx(10.05)
    assert (throttle.quota, throttle.window_seconds) == (150, 30.0)


def test_a_store_without_headers_is_not_held_back() -> None:
    time = Time()
    throttle = make(time)

    for _ in range(1000):
        call(throttle, 200, {})

    assert time.waits == []
    assert throttle.quota is None


def test_a_429_holds_the_next_call_as_long_as_it_asks() -> None:
    time = Time()
    throttle = make(time)
    call(throttle, 429, {"X-Retry-After": "17"})

    held = throttle.hold_seconds
    call(throttle, 200, {})

    assert held == 17.0
    assert time.waits == [17.0]


def test_a_429_while_calls_remain_lowers_the_concurrency_but_a_spent_quota_not() -> (
    None
):
    throttle = make(Time())

    call(throttle, 429, headers(left=0))
    spent = throttle.in_flight_limit
    call(throttle, 429, headers(left=90))

    assert (spent, throttle.in_flight_limit) == (3, 2)


def test_a_lost_answer_counts_as_a_spent_call() -> None:
    time = Time()
    throttle = make(time)
    call(throttle, 200, headers(left=4))

    with throttle.slot():
        pass  # No answer comes.
    call(throttle, 200, headers(left=149))

    assert time.waits == [10.05]


def test_no_call_begins_after_a_signal() -> None:
    interrupt = Interrupt()
    throttle = Throttle(share=1.0, max_in_flight=3, wait=interrupt.wait)
    interrupt.set(15)

    with pytest.raises(InterruptedByUserError), throttle.slot():
        pytest.fail("it began")


def test_a_wait_for_the_quota_ends_at_once_on_a_signal() -> None:
    interrupt = Interrupt()
    throttle = Throttle(share=1.0, max_in_flight=3, wait=interrupt.wait)
    call(throttle, 200, headers(left=0, reset=600.0))
    timer = threading.Timer(0.05, interrupt.set, [2])

    timer.start()

    with pytest.raises(InterruptedByUserError), throttle.slot():
        pytest.fail("it began")


def test_never_more_calls_at_once_than_the_crowd_allows() -> None:
    throttle = Throttle(share=1.0, max_in_flight=2, wait=Interrupt().wait)
    lock, inside, most = threading.Lock(), [0], [0]

    def work() -> None:
        for _ in range(50):
            with throttle.slot() as slot:
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                slot.observe(200, {})
                with lock:
                    inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert not any(thread.is_alive() for thread in threads)
    assert most[0] <= 2


def test_before_the_first_answer_one_call_goes_alone() -> None:
    throttle = Throttle(share=1.0, max_in_flight=3, wait=Interrupt().wait)
    second = threading.Event()

    def follow() -> None:
        with throttle.slot() as slot:
            second.set()
            slot.observe(200, {})

    with throttle.slot() as slot:
        thread = threading.Thread(target=follow)
        thread.start()
        early = second.wait(0.05)
        slot.observe(200, headers(left=100))
    thread.join(5)

    assert not early
    assert second.is_set()


def test_calls_to_come_that_the_window_does_not_cover_are_spread() -> None:
    time = Time()
    throttle = make(time)
    call(throttle, 200, headers(left=149, reset=30.0))
    throttle.expect(10_000)

    for left in range(148, 48, -1):
        call(throttle, 200, headers(left=left, reset=1030.0 - time.now))

    assert time.now - 1000.0 == pytest.approx(100 * 28.5 / 146, rel=0.05)
