"""Dates in the forms that databases and languages write them. Pure.

Accepts every form of ISO 8601 that names a day, with or without a time, and what
PostgreSQL, BigQuery and Snowflake print for dates and timestamps:

- 2026-11-24, 20261124, 2026-W48-2, 2026-328
- 2026-11-24T10:00:00Z, 2026-11-24 10:00:00.5+01, 2026-11-24 10:00:00 UTC,
  2026-11-24 10:00:00.000 -0800

A date whose order of day and month must be guessed, a number, and a date without a day
are not accepted.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

_DATE = (
    r"(?P<year>\d{4})"
    r"(?:-(?P<month>\d\d)-(?P<day>\d\d)|(?P<month_>\d\d)(?P<day_>\d\d)"
    r"|-W(?P<week>\d\d)-(?P<weekday>[1-7])|W(?P<week_>\d\d)(?P<weekday_>[1-7])"
    r"|-?(?P<ordinal>\d{3}))"
)
_TIME = (
    # ISO 8601 allows 24:00 for the end of a day, and 60 for a leap second.
    r"(?P<hour>[01]\d|2[0-4])(?::?(?P<minute>[0-5]\d)(?::?(?P<second>[0-5]\d|60))?)?"
    r"(?:[.,](?P<fraction>\d{1,18}))?"
)
_ZONE = (
    r" ?(?P<utc>Z|UTC)|"
    r" ?(?P<sign>[+-])(?P<hours>[01]\d|2[0-3])"
    r"(?::?(?P<minutes>[0-5]\d)(?::?(?P<seconds>[0-5]\d))?)?"
)
_FORM = re.compile(rf"{_DATE}(?:(?:T| ){_TIME}(?:{_ZONE})?)?", re.ASCII | re.IGNORECASE)
# RFC 3339, and the same without a time or without its zone: sent as it is.
_PLAIN = re.compile(
    r"\d{4}-\d\d-\d\d(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?)?",
    re.ASCII,
)
_ZERO = re.compile(
    r"(0001-01-01|0000-00-00)([T ]00:00(:00(\.0+)?)?( ?(Z|UTC|[+-]00(:?00)?))?)?",
    re.ASCII | re.IGNORECASE,
)
_DAY = timedelta(days=1)
LEAP_SECOND = 60


def is_zero_date(text: str) -> bool:
    """Whether a text is the zero time of Go, .NET or MySQL, which means no date."""
    return _ZERO.fullmatch(text) is not None


def parse_date(text: str) -> date | datetime:
    """Read a date, or a date with a time; microseconds at most.

    Raises:
        ValueError: when it is neither, or not in the calendar.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError("not a date in a known form")
    try:
        day = _day(match)
        return day if match["hour"] is None else _with_time(day, match)
    except OverflowError:  # Near the years 1 and 9999.
        raise ValueError("not in the calendar") from None


def to_iso_date(text: str) -> str:
    """Write a date in the form of RFC 3339; without a zone if it has none.

    Raises:
        ValueError: when `parse_date` cannot read it.
    """
    read = parse_date(text)
    if _PLAIN.fullmatch(text):
        return text
    if isinstance(read, datetime) and read.tzinfo is not None:
        if read.utcoffset() == timedelta(0):
            return read.replace(tzinfo=None).isoformat() + "Z"
        if (read.utcoffset() or _DAY) % timedelta(minutes=1):
            return read.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    return read.isoformat()


def _day(match: re.Match[str]) -> date:
    year = int(match["year"])
    week, weekday = match["week"] or match["week_"], match["weekday"]
    if week:
        return date.fromisocalendar(year, int(week), int(weekday or match["weekday_"]))
    if match["ordinal"]:
        day = date(year, 1, 1) + (int(match["ordinal"]) - 1) * _DAY
        if day.year != year:
            raise ValueError("not in the calendar")
        return day
    month, number = match["month"] or match["month_"], match["day"] or match["day_"]
    return date(year, int(month), int(number))


def _with_time(day: date, match: re.Match[str]) -> datetime:
    hour, minute, second = (int(match[n] or 0) for n in ("hour", "minute", "second"))
    unit = timedelta(hours=1)
    if match["minute"]:
        unit = timedelta(minutes=1)
    if match["second"]:
        unit = timedelta(seconds=1)
    since = timedelta(hours=hour, minutes=minute, seconds=second)
    if match["fraction"]:
        digits = match["fraction"]
        since += timedelta(
            microseconds=int(digits)
            * (unit // timedelta(microseconds=1))
            // 10 ** len(digits)
        )
    if since > _DAY and second != LEAP_SECOND:
        raise ValueError("not a time")
    zone = _zone(match)
    return datetime.combine(day, datetime.min.time(), tzinfo=zone) + since


def _zone(match: re.Match[str]) -> timezone | None:
    if match["utc"]:
        return UTC
    if not match["sign"]:
        return None
    hours, minutes, seconds = (
        int(match[name] or 0) for name in ("hours", "minutes", "seconds")
    )
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-offset if match["sign"] == "-" else offset)
