"""The store's rate limits: calls per window, and calls in flight.

BigCommerce counts the calls of all apps of a store in fixed windows.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.clock import Clock
    from sandbox.options import Options


class Quota:
    """Counts calls in fixed windows; another app can call too, evenly spread."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now()
        self._window = 0
        self._used = 0
        self._other_seen = 0
        self.limit = options.quota
        self.seconds = options.window_seconds
        self.max_in_flight = options.in_flight
        self.other_per_window = options.other_app_calls_per_window
        self.other_served = 0
        self.other_refused = 0
        self.in_flight: Counter[str] = Counter()
        self.used_by_window: dict[int, int] = {}

    @property
    def left(self) -> int:
        """The calls left in this window."""
        return max(0, self.limit - self._used)

    @property
    def reset_ms(self) -> int:
        """Milliseconds until the next window, at least 1."""
        end = self._start + (self._window + 1) * self.seconds
        return max(1, round((end - self._clock.now()) * 1000))

    def catch_up(self) -> None:
        """Start a new window if it is due, and count the other app's calls."""
        elapsed = max(0.0, self._clock.now() - self._start)
        window = int(elapsed // self.seconds)
        if window != self._window:
            self._other_calls(self.other_per_window)
            self._window, self._used, self._other_seen = window, 0, 0
        part = elapsed / self.seconds - window
        self._other_calls(int(self.other_per_window * part))

    def spend(self) -> bool:
        """Count a call in the window; False if none is left."""
        if self._used >= self.limit:
            return False
        self._used += 1
        self.used_by_window[self._window] = self.used_by_window.get(self._window, 0) + 1
        return True

    def acquire(self, endpoint: str) -> bool:
        """Count a call as in flight; False if too many are."""
        if self.in_flight[endpoint] >= self.max_in_flight:
            return False
        self.in_flight[endpoint] += 1
        return True

    def release(self, endpoint: str) -> None:
        """Count a call as no longer in flight."""
        self.in_flight[endpoint] -= 1

    def headers(self) -> dict[str, str]:
        """Return the four rate-limit headers of a response."""
        return {
            "X-Rate-Limit-Requests-Left": str(self.left),
            "X-Rate-Limit-Requests-Quota": str(self.limit),
            "X-Rate-Limit-Time-Window-Ms": str(round(self.seconds * 1000)),
            "X-Rate-Limit-Time-Reset-Ms": str(self.reset_ms),
        }

    def _other_calls(self, due: int) -> None:
        number = max(0, due - self._other_seen)
        served = min(number, self.left)
        self._used += served
        self.other_served += served
        self.other_refused += number - served
        self._other_seen = max(due, self._other_seen)
