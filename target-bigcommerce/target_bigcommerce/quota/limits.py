"""What the headers of an answer say of the store's request quota."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_ASKED_SECONDS = 900.0  # A longer wait than this is not believed.
NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
PREFIX = "x-rate-limit-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The figures of one answer; None for what it did not say."""

    left: int | None = None
    quota: int | None = None
    window_seconds: float | None = None
    reset_seconds: float | None = None
    retry_after_seconds: float | None = None

    @property
    def wait_seconds(self) -> float | None:
        """The longest wait that a 429 asks for; None if it names none."""
        asked = [self.reset_seconds, self.retry_after_seconds]
        return max((seconds for seconds in asked if seconds is not None), default=None)


NOTHING = Limits()


def read_limits(headers: Mapping[str, str]) -> Limits:
    """Read the headers, whatever their case; nonsense counts as absent."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    quota = _number(given.get(f"{PREFIX}requests-quota"))
    left = _number(given.get(f"{PREFIX}requests-left"))
    return Limits(
        left=None if left is None else int(left),
        quota=int(quota) if quota else None,
        window_seconds=_milliseconds(given.get(f"{PREFIX}time-window-ms")) or None,
        reset_seconds=_milliseconds(given.get(f"{PREFIX}time-reset-ms")),
        retry_after_seconds=_retry_after(given),
    )


def _retry_after(given: Mapping[str, str]) -> float | None:
    asked = [
        _number(given.get("x-retry-after")),
        _number(given.get("retry-after")),
        _until(given.get("retry-after"), given.get("date")),
    ]
    longest = max((seconds for seconds in asked if seconds is not None), default=None)
    return None if longest is None else min(longest, LONGEST_ASKED_SECONDS)


def _until(moment: str | None, now: str | None) -> float | None:
    """Seconds between two HTTP dates; the server's own clock tells both."""
    try:
        then, at = parsedate_to_datetime(moment or ""), parsedate_to_datetime(now or "")
        return max(0.0, (then - at).total_seconds())
    except (OverflowError, TypeError, ValueError):
        return None


def _milliseconds(text: str | None) -> float | None:
    number = _number(text)
    return None if number is None else min(number / 1000, LONGEST_ASKED_SECONDS)


def _number(text: str | None) -> float | None:
    return float(text) if text and NUMBER.fullmatch(text) else None
