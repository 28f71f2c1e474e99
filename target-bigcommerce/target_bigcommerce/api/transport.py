"""Sends one request to BigCommerce within the store's quota, with retries.

All threads share the throttle. A request is retried only where that is safe: after a
POST with an unknown outcome, the caller looks up its rows first. After a 429 the
throttle delays all threads, so the retry itself does not wait.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from singer_kit.errors import (
    ConnectionFailedError,
    NoResponseError,
    RetriableError,
    UnexpectedResponseError,
    UnreachableError,
)
from singer_kit.http import (
    MAX_ATTEMPTS,
    HttpSession,
    call_with_retries,
    exponential_backoff,
    max_attempts,
    parse_http_date,
)
from target_bigcommerce.errors import (
    ErrorDetails,
    OutcomeUnknownError,
    ThrottledError,
)

from .quota import (
    LONG_AGO,
    ConcurrencyLimit,
    Cooldown,
    QuotaTracker,
    read_rate_limits,
)
from .responses import outcome_unknown, parse_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from singer_kit.http import HttpSender

    from .models import ApiRequest, ApiResponse

T = TypeVar("T")

SUCCESS = range(200, 300)
WAIT_LOG_SECONDS = 30.0
LONG_WAIT_SECONDS = 5.0  # Shorter ones are logged together.
SHORTEST_PART_SECONDS = 0.01
HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip"}
HINT = "the state does not cover what was not written, so the next run writes it."

logger = logging.getLogger("target-bigcommerce.transport")


def open_session(
    base_url: str, *, access_token: str, user_agent: str, timeout_seconds: float
) -> HttpSession:
    """Open a session with a store; `base_url` is `{api_url}/stores/{hash}/v3`."""
    return HttpSession(
        base_url=base_url,
        token_header="X-Auth-Token",  # noqa: S106 - a header's name
        token=access_token,
        user_agent=user_agent,
        timeout_seconds=timeout_seconds,
        headers=HEADERS,
    )


# Throttling.


class WaitLog:
    """Logs what is waited for: at least every 30 seconds of waiting, and no more often.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._logged_at = LONG_AGO
        self._waited = 0.0  # By all threads since the last line.

    def record_line(self) -> None:
        """Record that another line has just said what is waited for."""
        with self._lock:
            self._logged_at, self._waited = self._clock(), 0.0

    def wait(self, seconds: float, what: str, wait: Callable[[float], None]) -> None:
        """Wait, in parts if a line is due in between.

        Args:
            seconds: how long.
            what: completes "Waiting for …".
            wait: sleeps for a number of seconds; raises when a shutdown is requested.
        """
        left = seconds
        while left > 0:
            part = min(left, self._log_if_due(left, what))
            wait(part)
            left -= part
            with self._lock:
                self._waited += part

    def _log_if_due(self, left: float, what: str) -> float:
        """Log a line if one is due; return the seconds until the next one may be."""
        with self._lock:
            now = self._clock()
            due = self._logged_at + WAIT_LOG_SECONDS - now
            if due > 0:
                return max(due, SHORTEST_PART_SECONDS)
            is_long = left >= LONG_WAIT_SECONDS
            if not is_long and self._waited < LONG_WAIT_SECONDS:
                return WAIT_LOG_SECONDS
            self._logged_at, self._waited = now, 0.0
        if is_long:
            logger.info("Waiting %.0f s for %s.", left, what)
        else:
            logger.info("Waiting before each call for %s.", what)
        return WAIT_LOG_SECONDS


class Throttle:
    """Decides when a request may start. Shared by all threads.

    Args:
        share: share of the store's quota that this process may use, from 0 to 1.
        max_in_flight: maximum number of concurrent requests; lowered after a 429.
        clock: returns monotonic seconds.
        wait: sleeps for a number of seconds; raises when a shutdown is requested.
        jitter: returns a random number from 0 to 1.
        changed: condition variable that is notified when a request finishes.
    """

    def __init__(
        self,
        *,
        share: float,
        max_in_flight: int,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None],
        jitter: Callable[[], float] = random.random,
        changed: threading.Condition | None = None,
    ) -> None:
        self._quota = QuotaTracker(share)
        self._cooldown = Cooldown(jitter)
        self._concurrency = ConcurrencyLimit(max_in_flight)
        self._clock = clock
        self._wait = wait
        self._changed = changed or threading.Condition()
        self._waiting_threads = 0
        self._waiting_since = 0.0
        self._waited = 0.0
        self.wait_log = WaitLog(clock)

    @property
    def quota(self) -> int | None:
        """Requests per window, from the last response; None if it has no quota."""
        return self._quota.quota

    @property
    def window_seconds(self) -> float:
        """Length of a quota window in seconds."""
        return self._quota.window_seconds

    @property
    def waited_seconds(self) -> float:
        """Seconds during which at least one request waited for the quota."""
        with self._changed:
            is_waiting = self._waiting_threads > 0
            current = self._clock() - self._waiting_since if is_waiting else 0.0
            return self._waited + current

    @property
    def cooldown_seconds(self) -> float:
        """Seconds until requests may start again after a 429."""
        with self._changed:
            return self._cooldown.remaining(self._clock())

    @property
    def concurrency_limit(self) -> int:
        """Current maximum number of concurrent requests."""
        return self._concurrency.limit

    def expect(self, requests: int) -> None:
        """Set the number of requests to come; 0 if unknown."""
        with self._changed:
            self._quota.expect(requests)

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """Wait until a request may start; it counts as in flight until the block ends.

        Raises:
            ShutdownRequestedError: by `wait`; the request must not start.
        """
        slot = self._acquire()
        try:
            yield slot
        finally:
            self._release(slot)

    def _acquire(self) -> Slot:
        while True:
            self._wait(0.0)  # Raises after a signal.
            with self._changed:
                pause = self._pause()
                if pause is None:
                    self._changed.wait()
                    continue
                if pause <= 0:
                    self._concurrency.start_request()
                    now = self._clock()
                    window = self._quota.start_request(now)
                    return Slot(self, started_at=now, window=window)
                is_cooldown = self._cooldown.remaining(self._clock()) > 0
            self._wait_for_quota(pause, "cooldown" if is_cooldown else "quota")

    def _pause(self) -> float | None:
        now = self._clock()
        cooldown = self._cooldown.remaining(now)
        if cooldown > 0:
            return cooldown
        return None if self._concurrency.is_reached else self._quota.pause(now)

    def _wait_for_quota(
        self, seconds: float, cause: Literal["cooldown", "quota"]
    ) -> None:
        what = "the store, which returned 429 (too many requests)"
        if cause == "quota":
            window = f"{self.window_seconds:.0f} s, shared with other apps"
            what = f"the store's quota ({self.quota:,} calls in {window})"
        with self._changed:
            if not self._waiting_threads:
                self._waiting_since = self._clock()
            self._waiting_threads += 1
        try:
            self.wait_log.wait(seconds, what, self._wait)
        finally:
            with self._changed:
                self._waiting_threads -= 1
                if not self._waiting_threads:
                    self._waited += self._clock() - self._waiting_since

    def _record(self, slot: Slot, status: int, headers: Mapping[str, str]) -> None:
        limits = read_rate_limits(headers)
        with self._changed:
            now = self._clock()
            self._quota.record_response(now, limits, slot.window)
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                self._cooldown.record_throttled(now, slot.started_at, limits)
                if limits.left:
                    self._concurrency.decrease()
            elif status in SUCCESS:
                self._cooldown.record_success()
                self._concurrency.record_success()

    def _release(self, slot: Slot) -> None:
        with self._changed:
            if not slot.has_response:
                self._quota.record_no_response(slot.window)
            self._quota.finish_request()
            self._concurrency.finish_request()
            self._changed.notify_all()


class Slot:
    """Permission for one request, which is in flight while it is held."""

    def __init__(self, throttle: Throttle, *, started_at: float, window: int) -> None:
        self._throttle = throttle
        self.started_at = started_at
        self.window = window
        self.has_response = False

    def record(self, status: int, headers: Mapping[str, str]) -> None:
        """Report the response to the throttle."""
        self.has_response = True
        self._throttle._record(self, status, headers)  # noqa: SLF001 - Slot is part of Throttle


# Sending.


class Transport:
    """Sends requests from any thread and retries them.

    Args:
        base_url: prefix of every path, to compute URL lengths.
        open_session: opens a session; called once per thread.
        throttle: decides when a request may start.
        sleep: waits between attempts; raises when a shutdown is requested.
        jitter: returns a random number from 0 to 1, for the backoff.
        on_attempt: called after each attempt with the endpoint and the status, which is
            0 if there was no response. Calls do not overlap.
    """

    def __init__(
        self,
        *,
        base_url: str,
        open_session: Callable[[], HttpSender],
        throttle: Throttle,
        sleep: Callable[[float], None],
        jitter: Callable[[], float] = random.random,
        on_attempt: Callable[[str, int], None] = lambda _endpoint, _status: None,
    ) -> None:
        self.throttle = throttle
        self._base_url = base_url
        self._open_session = open_session
        self._sleep = sleep
        self._jitter = jitter
        self._on_attempt = on_attempt
        self._has_response = False
        self._was_accepted = False
        self._store_time: float | None = None
        self._local = threading.local()
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def send(self, request: ApiRequest) -> ApiResponse:
        """Send a request, with retries, and return its response.

        Raises:
            AuthError: for a 401 or 403.
            RequestRejectedError: when the store rejects rows or the length of a list.
            OutcomeUnknownError: when a POST may or may not have been applied.
            RetriesExhaustedError: when every attempt failed.
            UnexpectedResponseError: for any other response.
            ShutdownRequestedError: after a signal; no further attempt starts.
        """
        return self.retry(
            lambda: self._attempt(request), RetriableError, request.attempts
        )

    def retry(
        self,
        call: Callable[[], T],
        retry_on: type[Exception],
        attempts: int | None = None,
    ) -> T:
        """Call with retries after one type of error, with a backoff between attempts.

        Args:
            call: the call.
            retry_on: the type of error.
            attempts: number of attempts that got no 429; None for the usual number.

        Raises:
            RetriesExhaustedError: when every attempt failed.
        """
        counted = attempts or MAX_ATTEMPTS
        return call_with_retries(
            call,
            retry_on=retry_on,
            sleep=self._sleep_before_retry,
            wait=self._wait_before_retry,
            on_retry=partial(self._log_retry, counted),
            hint=HINT,
            counted_attempts=counted,
            is_counted=lambda error: not isinstance(error, ThrottledError),
        )

    def store_time(self) -> float | None:
        """Return the store's time at its last response in seconds since 1970, if known.

        It is the `Date` header of RFC 9110.
        """
        return self._store_time

    def url_length(self, request: ApiRequest) -> int:
        """Return the length of a request's URL in characters."""
        return len(self._base_url) + len(request.target)

    def _attempt(self, request: ApiRequest) -> ApiResponse:
        body = None if request.body is None else self._encoder.encode(request.body)
        with self.throttle.slot() as slot:
            try:
                response = self._session().send(
                    request.method, request.target, body=body
                )
            except NoResponseError as error:
                self._count(request, 0)
                if isinstance(error, UnreachableError) and not self._has_response:
                    raise ConnectionFailedError(request.endpoint, error) from None
                what = f"got no usable response ({error.reason})"
                details = ErrorDetails(status=0)
                raise outcome_unknown(request, what, details) from None
            except UnexpectedResponseError:
                self._count(request, 0)
                raise
            self._has_response = True
            if date := parse_http_date(response.headers.get("Date")):
                self._store_time = date.timestamp()
            slot.record(response.status, response.headers)
        self._count(request, response.status)
        parsed = parse_response(request, response, was_accepted=self._was_accepted)
        self._was_accepted = True
        return parsed

    def _session(self) -> HttpSender:
        session: HttpSender | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = self._open_session()
        return session

    def _count(self, request: ApiRequest, status: int) -> None:
        with self._lock:
            self._on_attempt(request.endpoint, status)

    def _wait_before_retry(self, error: Exception, attempt: int) -> float:
        if isinstance(error, ThrottledError):
            return 0.0  # The throttle waits.
        backoff = exponential_backoff(attempt, self._jitter())
        retry_after = None
        if isinstance(error, RetriableError | OutcomeUnknownError):
            retry_after = error.retry_after
        return max(backoff, retry_after or 0.0)

    def _sleep_before_retry(self, seconds: float) -> None:
        self.throttle.wait_log.wait(seconds, "the next attempt", self._sleep)

    def _log_retry(
        self, counted: int, error: Exception, attempt: int, seconds: float
    ) -> None:
        most = max_attempts(error)
        if isinstance(error, ThrottledError):
            seconds = self.throttle.cooldown_seconds
        else:
            most = min(most, counted)
        self.throttle.wait_log.record_line()
        logger.warning(
            "%s Retrying in %.1f s (attempt %d of %d).", error, seconds, attempt, most
        )
