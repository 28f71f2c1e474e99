"""The thread-safe edge of the quota: a request waits here until it may start."""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from .quota import ConcurrencyLimit, Cooldown, QuotaTracker, read_rate_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SUCCESS = range(200, 300)


class Throttle:
    """Shared by all threads of a process.

    Args:
        share: the part of the store's quota that this process may use, 0 to 1.
        max_in_flight: requests in flight at once, as long as the store allows them.
        clock: monotonic seconds.
        wait: sleeps; raises when a shutdown is requested.
        jitter: returns a random number from 0 to 1.
        changed: the condition at which threads wait for a request to finish.
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

    @property
    def quota(self) -> int | None:
        """Requests per window, by the last response; None if it states no quota."""
        return self._quota.quota

    @property
    def window_seconds(self) -> float:
        """The length of a window."""
        return self._quota.window_seconds

    @property
    def waited_seconds(self) -> float:
        """Seconds in which at least one request waited for the quota."""
        with self._changed:
            is_waiting = self._waiting_threads > 0
            current = self._clock() - self._waiting_since if is_waiting else 0.0
            return self._waited + current

    @property
    def cooldown_seconds(self) -> float:
        """Seconds from now in which no request starts, because of a 429."""
        with self._changed:
            return self._cooldown.remaining(self._clock())

    @property
    def concurrency_limit(self) -> int:
        """Requests that may currently be in flight at once."""
        return self._concurrency.limit

    def expect(self, requests: int) -> None:
        """Announce the number of requests to come; 0 for unknown."""
        with self._changed:
            self._quota.expect(requests)

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """Wait until a request may start; it is in flight until the block ends.

        Raises:
            ShutdownRequestedError: raised by `wait`; the request does not start.
        """
        slot = self._acquire()
        try:
            yield slot
        finally:
            self._release(slot)

    def _acquire(self) -> Slot:
        while True:
            self._wait(0.0)  # Raises after a signal: no request starts then.
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
            self._wait_for_quota(pause)

    def _pause(self) -> float | None:
        now = self._clock()
        cooldown = self._cooldown.remaining(now)
        if cooldown > 0:
            return cooldown
        return None if self._concurrency.is_reached else self._quota.pause(now)

    def _wait_for_quota(self, seconds: float) -> None:
        with self._changed:
            if not self._waiting_threads:
                self._waiting_since = self._clock()
            self._waiting_threads += 1
        try:
            self._wait(seconds)
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
    """The permission for one request in flight."""

    def __init__(self, throttle: Throttle, *, started_at: float, window: int) -> None:
        self._throttle = throttle
        self.started_at = started_at
        self.window = window
        self.has_response = False

    def record(self, status: int, headers: Mapping[str, str]) -> None:
        """Report the response to the throttle."""
        self.has_response = True
        self._throttle._record(self, status, headers)  # noqa: SLF001 - its other half
