"""Decides when a request may start under the store's quota. No I/O, clock or lock.

BigCommerce counts the requests of all apps of a store in fixed windows and returns the
count in four headers of every response:
https://developer.bigcommerce.com/docs/start/best-practices/api-rate-limits
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING

from singer_kit.http import exponential_backoff, parse_http_date

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_WAIT_SECONDS = 900.0  # Longer waits are cut to this.
NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
PREFIX = "x-rate-limit-"

DEFAULT_WINDOW_SECONDS = 30.0
CLOCK_SKEW_SECONDS = 0.05  # Reset times are rounded, and server clocks differ.
MIN_PAUSE_SECONDS = 0.001  # Less could vanish when added to a clock.
LONG_AGO = float("-inf")

RESERVED_REQUESTS = 3  # BigCommerce advises waiting for the reset at 3 left.
# Fractions of a window:
PROBE_INTERVAL = 1 / 6  # Time between probes while other apps use up the quota.
MARGIN = 0.05  # Time left free at the end when requests are spread.
SMOOTHING = 1 / 30  # Weight of the rate of the previous window.

SUCCESSES_TO_RECOVER = 50


# Rate-limit headers.


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The rate-limit headers of a response; None for an absent or invalid header.

    Args:
        left: requests left in the window.
        quota: requests per window.
        window_seconds: length of a window.
        reset_seconds: time until the window ends.
        retry_after_seconds: wait that a 429 or 503 asks for.
    """

    left: int | None = None
    quota: int | None = None
    window_seconds: float | None = None
    reset_seconds: float | None = None
    retry_after_seconds: float | None = None

    @property
    def wait_seconds(self) -> float | None:
        """The longest wait that the headers state; None if they state none."""
        stated = [self.reset_seconds, self.retry_after_seconds]
        return max((seconds for seconds in stated if seconds is not None), default=None)


def read_rate_limits(headers: Mapping[str, str]) -> RateLimits:
    """Read the headers, ignoring case. Waits are cut to 15 minutes."""
    values = {name.lower(): value.strip() for name, value in headers.items()}
    quota = _number(values.get(f"{PREFIX}requests-quota"))
    left = _number(values.get(f"{PREFIX}requests-left"))
    return RateLimits(
        left=None if left is None else int(left),
        quota=int(quota) if quota else None,
        window_seconds=_milliseconds(values.get(f"{PREFIX}time-window-ms")) or None,
        reset_seconds=_milliseconds(values.get(f"{PREFIX}time-reset-ms")),
        retry_after_seconds=_retry_after(values),
    )


def _retry_after(values: Mapping[str, str]) -> float | None:
    stated = [
        _number(values.get("x-retry-after")),
        _number(values.get("retry-after")),
        _seconds_between(values.get("date"), values.get("retry-after")),
    ]
    longest = max((seconds for seconds in stated if seconds is not None), default=None)
    return None if longest is None else min(longest, MAX_WAIT_SECONDS)


def _seconds_between(now: str | None, until: str | None) -> float | None:
    """Compute a wait from two dates of the server, independent of the local clock."""
    start, end = parse_http_date(now), parse_http_date(until)
    return max(0.0, (end - start).total_seconds()) if start and end else None


def _milliseconds(text: str | None) -> float | None:
    number = _number(text)
    return None if number is None else min(number / 1000, MAX_WAIT_SECONDS)


def _number(text: str | None) -> float | None:
    return float(text) if text and NUMBER.fullmatch(text) else None


# The decision: may a request start now?


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaState:
    """The state of the current window. Times are in seconds.

    Args:
        share: share of the quota that this process may use, from 0 to 1.
        quota: requests per window, for all apps together.
        window: length of the window.
        left: requests left for all apps, from the last response.
        elapsed: time since the window started.
        remaining: time until the window ends.
        since_response: time since the last response.
        since_request: time since the last request started.
        in_flight: own requests without a response.
        own: own requests in this window.
        others: requests of other apps in this window, from the last response.
        previous_rate: requests of other apps per second in the previous window.
        expected: own requests to come; 0 if unknown.
    """

    share: float
    quota: int
    window: float
    left: int
    elapsed: float
    remaining: float
    since_response: float
    since_request: float
    in_flight: int
    own: int
    others: int
    previous_rate: float
    expected: int


def own_share(quota: int, share: float) -> int:
    """Return the requests that this process may make per window; at least 1."""
    return max(1, floor(round(share * quota, 6)))


def reserve(quota: int, share: float) -> int:
    """Return the requests that are always left to other apps."""
    return min(max(RESERVED_REQUESTS, quota - own_share(quota, share)), quota - 1)


def others_rate(state: QuotaState) -> float:
    """Estimate the requests of other apps per second, from the last response."""
    smoothing = state.window * SMOOTHING
    seen = state.others + state.previous_rate * smoothing
    return seen / (max(0.0, state.elapsed - state.since_response) + smoothing)


def available(state: QuotaState) -> float:
    """Return how many requests may start now, as an upper bound.

    `left` may not include requests that are in flight, or that other apps have made
    since the last response.
    """
    uncounted = state.in_flight + others_rate(state) * state.since_response
    kept = reserve(state.quota, state.share)
    own_left = own_share(state.quota, state.share) - state.own
    return min(state.left - uncounted - kept, own_left)


def fair_share(state: QuotaState) -> float:
    """Return how many requests may start without taking what other apps will use.

    This process may always use half of its share.
    """
    theirs = others_rate(state) * (state.since_response + state.remaining)
    room = state.left - state.in_flight - theirs - RESERVED_REQUESTS
    return max(room, own_share(state.quota, state.share) / 2 - state.own)


def pause_before_request(state: QuotaState) -> float | None:
    """Return the seconds to wait before asking again.

    0 means that a request may start; None means to wait for a response.
    """
    now = available(state)
    if now <= 0:
        return _pause_until_available(state)
    if fair_share(state) < min(1, now):
        return _pause_until_probe(state)
    return _pause_to_spread(state, now)


def _pause_until_available(state: QuotaState) -> float | None:
    left = state.left - reserve(state.quota, state.share)
    if left <= 0 or state.own >= own_share(state.quota, state.share):
        return state.remaining
    return None if state.in_flight else _pause_until_probe(state)


def _pause_until_probe(state: QuotaState) -> float:
    """Probe regularly, because only a response shows what other apps leave."""
    due = max(0.0, state.window * PROBE_INTERVAL - state.since_request)
    return min(due, state.remaining)


def _pause_to_spread(state: QuotaState, now: float) -> float:
    """Spread requests over the window if it allows fewer than expected.

    Do not spread them if other apps will use up the quota before the window ends.
    """
    allowed = min(now, fair_share(state))
    if state.expected <= allowed or now <= others_rate(state) * state.remaining:
        return 0.0
    usable_seconds = max(0.0, state.remaining - MARGIN * state.window)
    return max(0.0, usable_seconds / max(allowed, 1) - state.since_request)


# Tracking.


class QuotaTracker:
    """Tracks the quota across requests and windows.

    The first request runs alone, because its response contains the quota. Without a
    quota in the response, requests are not limited.

    Args:
        share: share of the quota that this process may use, from 0 to 1.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._expected = 0
        self._in_flight = 0
        self._has_response = False
        self._requested_at = LONG_AGO
        self.quota: int | None = None
        self.window_seconds = DEFAULT_WINDOW_SECONDS
        self._window_number = 0
        self._window_end: float | None = None
        self._left = 0
        self._responded_at = 0.0
        self._own = 0
        self._others = 0
        self._previous_rate = 0.0

    def expect(self, requests: int) -> None:
        """Set the number of requests to come; 0 if unknown."""
        self._expected = max(0, requests)

    def pause(self, now: float) -> float | None:
        """Return the seconds to wait, like `pause_before_request`."""
        if not self._has_response:
            return None if self._in_flight else 0.0
        if self.quota is None:
            return 0.0
        self._advance_window(now)
        seconds = pause_before_request(self._state(now, self.quota))
        return max(seconds, MIN_PAUSE_SECONDS) if seconds else seconds

    def start_request(self, now: float) -> int:
        """Count a request as started; return the number of its window."""
        self._in_flight += 1
        self._own += 1
        self._expected = max(0, self._expected - 1)
        self._requested_at = now
        return self._window_number

    def finish_request(self) -> None:
        """Count a request as finished, with or without a response."""
        self._in_flight -= 1

    def record_no_response(self, window: int) -> None:
        """Count a request without a response: the store may have counted it."""
        if window == self._window_number:
            self._left = max(0, self._left - 1)

    def record_response(self, now: float, limits: RateLimits, window: int) -> None:
        """Update from the response to a request that started in a given window."""
        self._has_response = True
        if limits.quota is None and limits.left is None:
            return
        self.window_seconds = limits.window_seconds or self.window_seconds
        end = self._window_end_by(now, limits)
        if self._is_stale(end, window):
            return
        if (
            self._window_end is not None
            and end > self._window_end + self.window_seconds / 2
        ):
            self._start_window()  # The window ended earlier than stated.
        self._window_end = (
            end if self._window_end is None else min(self._window_end, end)
        )
        self._update_counts(now, limits)

    def _update_counts(self, now: float, limits: RateLimits) -> None:
        left = limits.left
        quota = limits.quota or self.quota or (left or 0) + self._own
        self.quota = max(1, quota)
        self._left = max(0, self.quota - self._own) if left is None else left
        self._others = max(0, self.quota - self._left - self._own)
        self._responded_at = now

    def _window_end_by(self, now: float, limits: RateLimits) -> float:
        if limits.reset_seconds is not None:
            return now + limits.reset_seconds + CLOCK_SKEW_SECONDS
        return self._window_end or now + self.window_seconds

    def _is_stale(self, end: float, window: int) -> bool:
        """Whether a response describes the window before the current one."""
        current = self._window_end if self._window_end is not None else end
        is_older = window != self._window_number
        return is_older and end < current - self.window_seconds / 2

    def _advance_window(self, now: float) -> None:
        if self._window_end is None or now < self._window_end:
            return
        start = self._window_end
        skipped = int((now - start) // self.window_seconds)
        self._start_window()
        self._window_end = start + (skipped + 1) * self.window_seconds
        self._left = self.quota or 0
        self._responded_at = self._window_end - self.window_seconds

    def _start_window(self) -> None:
        """Start a new window; requests in flight may count in it."""
        self._previous_rate = self._others / self.window_seconds
        self._window_number += 1
        self._own, self._others = self._in_flight, 0
        self._window_end = None

    def _state(self, now: float, quota: int) -> QuotaState:
        end = self._window_end
        remaining = max(0.0, end - now) if end is not None else self.window_seconds
        return QuotaState(
            share=self._share,
            quota=quota,
            window=self.window_seconds,
            left=self._left,
            elapsed=max(0.0, self.window_seconds - remaining),
            remaining=remaining,
            since_response=max(0.0, now - self._responded_at),
            since_request=now - self._requested_at,
            in_flight=self._in_flight,
            own=self._own,
            others=self._others,
            previous_rate=self._previous_rate,
            expected=self._expected,
        )


# After a 429.


class Cooldown:
    """The time after a 429 during which no request starts.

    It ends when the longest wait that a 429 asked for is over. A 429 without a stated
    wait backs off exponentially.

    Args:
        jitter: returns a random number from 0 to 1.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._until = LONG_AGO
        self._last_backoff_at = LONG_AGO
        self._backoffs = 0

    def remaining(self, now: float) -> float:
        """Return the seconds until it ends."""
        return max(0.0, self._until - now)

    def record_success(self) -> None:
        """Reset the backoff."""
        self._backoffs = 0

    def record_throttled(
        self, now: float, started_at: float, limits: RateLimits
    ) -> None:
        """Extend the cooldown after a 429 to a request started at `started_at`."""
        seconds = limits.wait_seconds
        if seconds is None:
            seconds = self._backoff(now, started_at)
        self._until = max(self._until, now + seconds)

    def _backoff(self, now: float, started_at: float) -> float:
        # Requests in flight at the same time are throttled together; count them as one
        # failed attempt.
        if started_at < self._last_backoff_at:
            return 0.0
        self._last_backoff_at = now
        self._backoffs += 1
        return exponential_backoff(self._backoffs, self._jitter())


class ConcurrencyLimit:
    """Limits the number of requests in flight.

    A 429 while the window has requests left means too many in flight: the limit drops
    by one. It rises by one after 50 successes.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._in_flight = 0
        self._successes = 0
        self.limit = maximum

    @property
    def is_reached(self) -> bool:
        """Whether a new request must wait until another finishes."""
        return self._in_flight >= self.limit

    def start_request(self) -> None:
        """Count a request as started."""
        self._in_flight += 1

    def finish_request(self) -> None:
        """Count a request as finished."""
        self._in_flight -= 1

    def decrease(self) -> None:
        """Lower the limit by one, to a minimum of one."""
        self.limit = max(1, self.limit - 1)
        self._successes = 0

    def record_success(self) -> None:
        """Count a success towards a higher limit."""
        self._successes += 1
        if self._successes >= SUCCESSES_TO_RECOVER:
            self.limit = min(self._maximum, self.limit + 1)
            self._successes = 0
