"""When the next request starts: quota, cooldown, concurrency and retries."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest
from requests.structures import CaseInsensitiveDict
from typing_extensions import override

from singer_kit.errors import ShutdownRequestedError
from singer_kit.http import HttpResponse
from singer_kit.shutdown import ShutdownSignal
from target_bigcommerce.api.models import ApiRequest
from target_bigcommerce.api.quota import ConcurrencyLimit, Cooldown, RateLimits
from target_bigcommerce.api.transport import Throttle, Transport, WaitLog
from target_bigcommerce.errors import OutcomeUnknownError

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def make_throttle(
    time: Time, *, share: float = 1.0, max_in_flight: int = 3
) -> Throttle:
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
    throttle = make_throttle(time)
    request(throttle, 200, headers(left=3, reset=10.0))

    request(throttle, 200, headers(left=149, reset=29.9))

    assert time.waits == [10.05]
    assert throttle.waited_seconds == pytest.approx(10.05)
    assert (throttle.quota, throttle.window_seconds) == (150, 30.0)


def test_store_without_headers_is_not_limited() -> None:
    time = Time()
    throttle = make_throttle(time)

    for _ in range(1000):
        request(throttle, 200, {})

    assert time.waits == []
    assert throttle.quota is None


def test_429_delays_the_next_request_as_stated() -> None:
    time = Time()
    throttle = make_throttle(time)
    request(throttle, 429, {"X-Retry-After": "17"})

    cooldown = throttle.cooldown_seconds
    request(throttle, 200, {})

    assert cooldown == 17.0
    assert time.waits == [17.0]


def test_429_with_requests_left_lowers_the_concurrency() -> None:
    throttle = make_throttle(Time())

    request(throttle, 429, headers(left=0))
    used_up = throttle.concurrency_limit
    request(throttle, 429, headers(left=90))

    assert (used_up, throttle.concurrency_limit) == (3, 2)


def test_lost_response_counts_as_a_used_request() -> None:
    time = Time()
    throttle = make_throttle(time)
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

    def wait(seconds: float) -> None:
        if seconds:
            shutdown.set(2)  # The signal arrives during the wait.
        shutdown.wait(seconds)

    throttle = Throttle(share=1.0, max_in_flight=3, wait=wait)
    request(throttle, 200, headers(left=0, reset=600.0))

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
        thread.join(30)

    assert not any(thread.is_alive() for thread in threads)
    assert most[0] <= 2


class WatchedCondition(threading.Condition):
    """A condition that knows whether a thread has begun to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.is_awaited = threading.Event()

    @override
    def wait(self, timeout: float | None = None) -> bool:
        self.is_awaited.set()
        return super().wait(timeout)


def test_first_request_runs_alone() -> None:
    changed, second = WatchedCondition(), threading.Event()
    throttle = Throttle(
        share=1.0, max_in_flight=3, wait=ShutdownSignal().wait, changed=changed
    )

    def follow() -> None:
        with throttle.slot() as slot:
            second.set()
            slot.record(200, {})

    with throttle.slot() as slot:
        thread = threading.Thread(target=follow)
        thread.start()
        assert changed.is_awaited.wait(30)
        assert not second.is_set()
        slot.record(200, headers(left=100))
    thread.join(30)

    assert second.is_set()


def test_expected_requests_are_spread_over_the_window() -> None:
    time = Time()
    throttle = make_throttle(time)
    request(throttle, 200, headers(left=149, reset=30.0))
    throttle.expect(10_000)

    for left in range(148, 48, -1):
        request(throttle, 200, headers(left=left, reset=1030.0 - time.now))

    assert time.now - 1000.0 == pytest.approx(100 * 28.5 / 146, rel=0.05)


# Cooldown and concurrency limit.

NO_HEADERS = RateLimits()


def test_429_sets_the_cooldown_that_it_states() -> None:
    cooldown = Cooldown(jitter=lambda: 1.0)

    cooldown.record_throttled(
        100.0, 99.0, RateLimits(reset_seconds=7.0, retry_after_seconds=2.0)
    )

    assert cooldown.remaining(101.0) == 6.0


def test_429_without_headers_doubles_the_wait() -> None:
    cooldown, now, waits = Cooldown(jitter=lambda: 1.0), 0.0, []

    for _ in range(8):
        cooldown.record_throttled(now, now, NO_HEADERS)
        waits.append(cooldown.remaining(now))
        now += 1000

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_requests_throttled_together_count_once() -> None:
    cooldown = Cooldown(jitter=lambda: 1.0)

    for started_at in (9.7, 9.8, 9.9):
        cooldown.record_throttled(10.0, started_at, NO_HEADERS)

    assert cooldown.remaining(10.0) == 1.0


def test_success_restarts_the_backoff() -> None:
    cooldown = Cooldown(jitter=lambda: 1.0)
    cooldown.record_throttled(0.0, 0.0, NO_HEADERS)
    cooldown.record_throttled(100.0, 100.0, NO_HEADERS)

    cooldown.record_success()
    cooldown.record_throttled(200.0, 200.0, NO_HEADERS)

    assert cooldown.remaining(200.0) == 1.0


def test_concurrency_limit_never_falls_below_one() -> None:
    concurrency = ConcurrencyLimit(3)

    for _ in range(5):
        concurrency.decrease()

    assert concurrency.limit == 1


def test_concurrency_limit_rises_after_50_successes() -> None:
    concurrency = ConcurrencyLimit(3)
    concurrency.decrease()
    concurrency.decrease()

    limits = []
    for _ in range(200):
        concurrency.record_success()
        limits.append(concurrency.limit)

    assert [limits[at] for at in (48, 49, 98, 99, 199)] == [1, 2, 2, 3, 3]


# Progress lines.


class TimedLines(logging.Handler):
    """Collects the lines about waits, each with its second."""

    def __init__(self, time: Time) -> None:
        super().__init__(logging.INFO)
        self._time = time
        self._start = time.now
        self.lines: list[tuple[int, str]] = []

    @property
    def seconds(self) -> list[int]:
        """When the lines were logged."""
        return [second for second, _ in self.lines]

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((round(self._time.now - self._start), record.getMessage()))


@pytest.fixture
def timed(caplog: pytest.LogCaptureFixture) -> Iterator[tuple[Time, TimedLines]]:
    """A clock, and the lines that are logged by it."""
    time = Time()
    lines = TimedLines(time)
    caplog.set_level("INFO", "target-bigcommerce.transport")
    logger = logging.getLogger("target-bigcommerce.transport")
    logger.addHandler(lines)
    yield time, lines
    logger.removeHandler(lines)


@pytest.mark.parametrize(
    ("waits", "seconds"),
    [
        ([27.0], [0]),
        ([100.0], [0, 30, 60, 90]),
        ([27.0, 27.0, 27.0], [0, 30, 60]),
        ([45.0, 0.5, 40.0], [0, 30, 60]),
        ([3.0] * 30, [6, 36, 66]),
        ([0.5] * 9, []),
        ([4.9], []),
        ([900.0], list(range(0, 900, 30))),
    ],
    ids=str,
)
def test_line_is_logged_every_30_seconds_of_waiting(
    timed: tuple[Time, TimedLines], waits: list[float], seconds: list[int]
) -> None:
    time, lines = timed
    log = WaitLog(time.clock)

    for wait in waits:
        log.wait(wait, "something", time.wait)

    assert lines.seconds == seconds
    assert time.now - 1000.0 == pytest.approx(sum(waits))


def test_wait_for_the_quota_says_how_long(timed: tuple[Time, TimedLines]) -> None:
    time, lines = timed
    throttle = make_throttle(time)
    request(throttle, 200, headers(left=3, reset=26.95))

    request(throttle, 200, headers(left=149))

    [(_, line)] = lines.lines
    quota = "the store's quota (150 calls in 30 s, shared with other apps)"
    assert line == f"Waiting 27 s for {quota}."


def test_cooldown_says_why_it_waits(timed: tuple[Time, TimedLines]) -> None:
    time, lines = timed
    throttle = make_throttle(time)
    request(throttle, 429, {"X-Retry-After": "70"})

    request(throttle, 200, {})

    assert lines.lines == [
        (at, f"Waiting {left} s for the store, which returned 429 (too many requests).")
        for at, left in ((0, 70), (30, 40), (60, 10))
    ]


def test_long_backoff_has_a_line_of_its_own(timed: tuple[Time, TimedLines]) -> None:
    time, lines = timed
    sender = Sender("70")
    transport = Transport(
        base_url="",
        open_session=lambda: sender,
        throttle=make_throttle(time),
        sleep=time.wait,
        jitter=lambda: 0.0,
    )

    transport.send(READ)

    assert [line.partition(".")[0] for _, line in lines.lines] == [
        "GET /customers returned 503",
        "Waiting 40 s for the next attempt",
        "Waiting 10 s for the next attempt",
    ]
    assert lines.seconds == [0, 30, 60]


# Retries.

READ = ApiRequest(method="GET", path="/customers")
CREATION = ApiRequest(method="POST", path="/customers", body=[])


class Sender:
    """Returns 503 with a Retry-After, and then a success."""

    def __init__(self, retry_after: str) -> None:
        headers = CaseInsensitiveDict({"Retry-After": retry_after})
        self._responses = [
            HttpResponse(status=503, headers=headers, body=b""),
            HttpResponse(status=200, headers={}, body=b'{"data":[]}'),
        ]

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        """Return the next response."""
        del method, target, body, content_type
        return self._responses.pop(0)

    def close(self) -> None:
        """Close nothing."""


def waits_of(request: ApiRequest, retry_after: str, jitter: float) -> list[float]:
    """Send a request that is retried once and return the waits."""
    waits: list[float] = []
    sender = Sender(retry_after)
    transport = Transport(
        base_url="",
        open_session=lambda: sender,
        throttle=Throttle(share=1.0, max_in_flight=1, wait=lambda _seconds: None),
        sleep=waits.append,
        jitter=lambda: jitter,
    )
    transport.retry(lambda: transport.send(request), OutcomeUnknownError)
    return waits


@pytest.mark.parametrize(
    ("request_", "retry_after", "jitter", "expected"),
    [
        (READ, "7", 0.0, 7.0),
        (READ, "0", 1.0, 1.0),
        (READ, "7", 20.0, 20.0),
        (READ, "99999", 0.0, 900.0),
        (CREATION, "7", 0.0, 7.0),
    ],
)
def test_retry_waits_at_least_as_long_as_requested(
    request_: ApiRequest, retry_after: str, jitter: float, expected: float
) -> None:
    assert sum(waits_of(request_, retry_after, jitter)) == pytest.approx(expected)
