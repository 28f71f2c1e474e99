"""What the headers of an answer say, as far as they can be believed. No I/O here."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

SECONDS = re.compile(r"[0-9]+")  # `isdigit` takes more than `float` does.
LONGEST_ASKED_WAIT_SECONDS = 900.0  # Of a Retry-After: a longer one is not believed.


def retry_after(header: str | None, *, now: datetime | None = None) -> float | None:
    """Read a Retry-After, seconds or a date, as seconds; None if there is none."""
    if header is None:
        return None
    if SECONDS.fullmatch(header.strip()):
        seconds = float(header)
    else:
        at = to_date(header)
        if at is None:
            return None
        seconds = (at - (now or datetime.now(timezone.utc))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_ASKED_WAIT_SECONDS)


def to_date(header: str | None) -> datetime | None:
    """Read the date of an HTTP header; None if there is none that can be read."""
    try:
        at = parsedate_to_datetime(header or "")
        return (
            at.astimezone(timezone.utc)
            if at.tzinfo
            else at.replace(tzinfo=timezone.utc)
        )
    except (OverflowError, TypeError, ValueError):
        return None
