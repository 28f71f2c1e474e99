"""Moments in UTC, to and from text."""

from __future__ import annotations

from datetime import datetime, timezone

from .values import to_time


def to_moment(text: str) -> datetime:
    """Read a moment as RFC 3339 or a date; no zone is UTC.

    Raises:
        ValueError: for anything else.
    """
    utc = to_time(text).removesuffix("Z")
    return datetime.fromisoformat(_whole_fraction(utc)).replace(tzinfo=timezone.utc)


def to_text(moment: datetime) -> str:
    """Write a moment in UTC, microseconds only where there are any."""
    naive = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return f"{naive.isoformat()}Z"


def _whole_fraction(text: str) -> str:
    # Python 3.10 reads fractions of three or six digits alone.
    whole, dot, fraction = text.partition(".")
    return f"{whole}{dot}{fraction:0<6}" if dot else whole
