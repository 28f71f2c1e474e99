"""Moments in UTC, to and from text."""

from __future__ import annotations

from datetime import datetime, timezone

from .values import to_datetime


def to_moment(text: str) -> datetime:
    """Read a moment as RFC 3339 or a date; no zone is UTC.

    Raises:
        ValueError: for anything else.
    """
    moment = to_datetime(text)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=timezone.utc)
    try:
        return moment.astimezone(timezone.utc)
    except OverflowError:  # The first and last days of the calendar.
        raise ValueError("out of the calendar") from None


def to_text(moment: datetime) -> str:
    """Write a moment in UTC, microseconds only where there are any."""
    naive = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return f"{naive.isoformat()}Z"
