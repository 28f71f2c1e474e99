"""Lines in the log that say how far a scan is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

INTERVAL_SECONDS = 10.0  # At most one line in so long.


class Progress:
    """Counts members and speaks up now and then."""

    def __init__(
        self,
        logger: logging.Logger,
        *,
        size: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._clock = clock
        self.size = size
        self.read = 0
        self._began = self._spoke = clock()

    def add(self, members: int, *, total: int | None = None) -> None:
        """Count a page's members; the page's own total corrects the audience's size."""
        self.read += members
        self.size = self.size if total is None else total
        now = self._clock()
        if now - self._spoke >= INTERVAL_SECONDS:
            self._spoke = now
            self._logger.info("%s.", self.line())

    def line(self) -> str:
        """Say how many members were read, of how many, and how fast."""
        seconds = max(self._clock() - self._began, 1e-9)
        rate = f"{self.read / seconds:,.0f} a second"
        if not self.size:
            return f"Read {self.read:,} members, {rate}"
        share = min(100 * self.read / self.size, 100)
        return f"Read {self.read:,} of {self.size:,} members, {share:.0f} %, {rate}"
