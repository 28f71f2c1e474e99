"""Until when a 429 wants no calls at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .limits import Limits

LONGEST_BACKOFF_SECONDS = 60.0


class Hold:
    """The longest of what the 429s asked for, or a growing wait without a hint."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._until = float("-inf")
        self._bare_at = float("-inf")
        self._bare = 0

    def seconds(self, now: float) -> float:
        """How long it still lasts."""
        return max(0.0, self._until - now)

    def answered(self) -> None:
        """A good answer ends a row of refusals."""
        self._bare = 0

    def refused(self, now: float, began: float, limits: Limits) -> None:
        """Take in a 429 to a call that began then."""
        asked = limits.wait_seconds
        if asked is None:
            asked = self._backoff(now, began)
        self._until = max(self._until, now + asked)

    def _backoff(self, now: float, began: float) -> float:
        # Calls that were under way together are refused together: that is once.
        if began < self._bare_at:
            return 0.0
        self._bare_at = now
        self._bare += 1
        return backoff_seconds(self._bare, self._chance())


def backoff_seconds(times: int, chance: float) -> float:
    """The full-jitter wait after so many refusals in a row without a hint."""
    return chance * min(LONGEST_BACKOFF_SECONDS, 2.0 ** min(times - 1, 10))
