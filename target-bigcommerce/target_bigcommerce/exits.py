"""How many values of an audience may be cleared: a guard against a broken audience."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from target_bigcommerce.errors import TooManyClearsError

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_SECONDS = 24 * 3600.0
ALWAYS_ALLOWED = 100  # So few are cleared whatever share of a small audience they are.


class ClearGuard:
    """Lets clears pass until they are too large a share of the attribute's values.

    Args:
        percent: the largest share within 24 hours.
        clock: seconds that never go backwards.
    """

    def __init__(
        self, percent: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._percent = percent
        self._clock = clock
        self._passed: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    def admit(self, count: int, *, attribute: str, total: Callable[[], int]) -> None:
        """Let so many be cleared.

        Args:
            count: how many values are to be cleared now.
            attribute: whose they are; each attribute is counted by itself.
            total: counts the values that the attribute has now; asked only if needed.

        Raises:
            TooManyClearsError: when it is too many; none of them may be cleared.
        """
        now, passed = self._clock(), self._passed[attribute]
        while passed and now - passed[0][0] >= DAY_SECONDS:
            passed.popleft()
        before = sum(cleared for _, cleared in passed)
        if before + count > ALWAYS_ALLOWED:
            whole = total() + before
            if (before + count) * 100 > self._percent * whole:
                text = self._refusal(before + count, whole, attribute)
                raise TooManyClearsError(text)
        if count:
            passed.append((now, count))

    def _refusal(self, count: int, whole: int, attribute: str) -> str:
        return (
            f"{count:,} of the {whole:,} values of {attribute} would be cleared within"
            f" 24 hours, more than max_clear_percent {self._percent} allows. None of"
            " these were cleared, and state stays behind them. If the audience did"
            f" shrink so much, run once with max_clear_percent"
            f" {min(100, -(-count * 100 // max(whole, 1)))}."
        )
