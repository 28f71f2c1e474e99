"""A line now and then that says how far a long run is."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from .tally import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .tally import Tally

INTERVAL_SECONDS = 30.0

logger = logging.getLogger("target-bigcommerce")


class Progress:
    """Speaks after a drain, not more often than every so many seconds."""

    def __init__(
        self, tally: Tally, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tally = tally
        self._clock = clock
        self._spoke = clock()
        self._told = 0

    def tell(self) -> None:
        """Say the outcomes so far, if it is time and there is something new."""
        now, read = self._clock(), self._tally.read
        if now - self._spoke < INTERVAL_SECONDS or read == self._told:
            return
        self._spoke, self._told = now, read
        counts = self._tally.outcomes
        parts = [f"{counts[name]:,} {name}" for name in OUTCOMES if counts[name]]
        logger.info("So far %s records: %s.", f"{read:,}", ", ".join(parts))
