"""The sandbox's time: the machine's by default, movable and scalable."""

from __future__ import annotations

import time
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NANOS = 1_000_000_000
DAY = 86_400
FIRST_DAY = date(1970, 1, 1).toordinal()


class Clock:
    """Seconds since 1970 as both vendors see them.

    `source` gives running seconds; `scale` how fast the sandbox lives by them
    (0 holds the clock still until it is advanced).
    """

    def __init__(
        self,
        *,
        source: Callable[[], float] = time.time,
        start: float | None = None,
        scale: float = 1.0,
    ) -> None:
        self._source = source
        self._scale = scale
        self._at = source()
        self._now = self._at if start is None else start

    @classmethod
    def still(cls, start: float) -> Clock:
        """Stand at `start` and move only when advanced."""
        return cls(source=lambda: 0.0, start=start)

    @property
    def scale(self) -> float:
        """Sandbox seconds per second of the source."""
        return self._scale

    @scale.setter
    def scale(self, value: float) -> None:
        self._now, self._at = self.now(), self._source()
        self._scale = value

    def now(self) -> float:
        """Seconds since 1970."""
        return self._now + (self._source() - self._at) * self._scale

    def nanos(self) -> int:
        """Nanoseconds since 1970, at a microsecond's precision."""
        return round(self.now() * 1_000_000) * 1000

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self._now += seconds

    def set(self, seconds: float) -> None:
        """Go to a moment, in seconds since 1970."""
        self._now, self._at = seconds, self._source()


def stamp(seconds: float) -> str:
    """Write a moment as BigCommerce does: `2023-02-01T05:42:34Z`."""
    day, rest = divmod(int(seconds), DAY)
    hour, rest = divmod(rest, 3600)
    return f"{_day(day)}T{hour:02d}:{rest // 60:02d}:{rest % 60:02d}Z"


def stamp_nanos(nanos: int) -> str:
    """Write a moment as Lytics does, with nine digits where they are needed."""
    seconds, fraction = divmod(nanos, NANOS)
    text = f".{fraction:09d}".rstrip("0") if fraction else ""
    return stamp(seconds)[:-1] + text + "Z"


@lru_cache(maxsize=1 << 15)  # Much faster than strftime, which would cost most.
def _day(number: int) -> str:
    return date.fromordinal(FIRST_DAY + number).isoformat()
