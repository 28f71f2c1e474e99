"""The time both vendors see, movable and scalable, and their timestamp formats."""

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

    `source` returns the seconds of a running clock; `scale` is how many sandbox seconds
    pass for each of them (0 stops the clock until it is advanced).
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
        """Create a clock that stays at `start` until it is advanced."""
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
        """Move forward by `seconds`."""
        self._now += seconds

    def set(self, seconds: float) -> None:
        """Move to a time, in seconds since 1970."""
        self._now, self._at = seconds, self._source()


MINUTES = tuple(f"{n // 60:02d}:{n % 60:02d}" for n in range(1440))  # Of a day.


def timestamp(seconds: float) -> str:
    """Format a time as BigCommerce does: `2023-02-01T05:42:34Z`."""
    day, rest = divmod(int(seconds), DAY)
    minute, second = divmod(rest, 60)
    return f"{_day(day)}T{MINUTES[minute]}:{second:02d}Z"


def timestamp_nanos(nanos: int) -> str:
    """Format a time as Lytics does, with up to nine digits of a second."""
    seconds, fraction = divmod(nanos, NANOS)
    text = f".{fraction:09d}".rstrip("0") if fraction else ""
    return timestamp(seconds)[:-1] + text + "Z"


@lru_cache(maxsize=1 << 15)  # strftime would take most of the time of a large read.
def _day(number: int) -> str:
    return date.fromordinal(FIRST_DAY + number).isoformat()
