"""From a value as Lytics sends it to one that its schema allows. No I/O here."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

import msgspec

Convert = Callable[[Any], Any]
JSON = Any  # Whatever msgspec makes of a JSON value.

INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
NUMBER = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
TIME = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([Tt ](?P<minute>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2}(\.[0-9]{1,9})?)?"
    r" ?(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
REMEMBERED = 16_384  # Numbers written as text: counts and amounts come again.
CONTAINERS = frozenset({list, dict})
DEEPEST = 100  # Levels: parsers give up at some hundreds.
INT64 = 2**63  # What Lytics, and every target's integer column, can hold.
LARGEST = 1.7976931348623157e308  # A float ends there; beyond it many read none.
LONGEST_UTC = len("2015-09-17T21:45:07.123456Z")
MICROSECONDS = LONGEST_UTC - 1
BOOLEANS = {  # What Go's strconv.ParseBool takes: Lytics is written in Go.
    **dict.fromkeys(("t", "T", "true", "True", "TRUE", "1"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE", "0"), False),
}


class ContradictionError(ValueError):
    """The value contradicts its field's type. Leave it out of the record, count it."""


def to_text(value: JSON) -> str:
    """Take text as it comes; a number or boolean is written as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return msgspec.json.encode(value).decode()
    raise ContradictionError


def to_integer(value: JSON) -> int:
    """Take whole numbers, also written as text or with a fraction of nothing."""
    if isinstance(value, str):
        return _integer_in(value)
    if isinstance(value, float):
        value = _whole(value)
    if type(value) is not int or not -INT64 <= value < INT64:
        raise ContradictionError
    return value


def to_number(value: JSON) -> int | float:
    """Take finite numbers, also written as text."""
    if isinstance(value, str):
        return _number_in(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ContradictionError
    if not -LARGEST <= value <= LARGEST:
        raise ContradictionError
    return value


def to_boolean(value: JSON) -> bool:
    """Take `true` and `false`, and the words and digits that Lytics writes for them."""
    if isinstance(value, bool):
        return value
    found = BOOLEANS.get(str(value)) if isinstance(value, (str, int)) else None
    if found is None:
        raise ContradictionError
    return found


def to_time(value: JSON) -> str:
    """Write a moment as RFC 3339 in UTC, microseconds at most; no zone is UTC.

    Text that is so already is given back unchanged; further digits are cut off.
    """
    if not isinstance(value, str):
        raise ContradictionError
    try:
        moment = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return _utc(_lenient(value))
    if value[-1:] != "Z" or value[10:11] != "T":
        return _utc(moment)
    return value if len(value) <= LONGEST_UTC else f"{value[:MICROSECONDS]}Z"


def to_datetime(text: str) -> datetime:
    """Read a moment; without a zone it is naive."""
    try:
        return msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return _lenient(text)


def to_list(item: Convert, exact: type | None = None) -> Convert:
    """Make the conversion of a set: a bare value is a set of one, nulls are dropped.

    Items of the type `exact` fit as they are.
    """

    def convert(value: JSON) -> list[Any]:
        values = value if isinstance(value, list) else [value]
        return [
            each if type(each) is exact else item(each)
            for each in values
            if each is not None
        ]

    return convert


def to_map(item: Convert, exact: type | None = None) -> Convert:
    """Make the conversion of a map; its keys stay as they are, its nulls too."""

    def convert(value: JSON) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ContradictionError
        return {
            k: v if v is None or type(v) is exact else item(v) for k, v in value.items()
        }

    return convert


def as_it_comes(value: JSON) -> JSON:
    """Take any JSON that is not too deep to be written and read again."""
    if type(value) in CONTAINERS and is_deep(value):
        raise ContradictionError
    return value


def is_deep(value: JSON, levels: int = DEEPEST) -> bool:
    """Say whether lists and objects stand in each other beyond so many levels."""
    if type(value) not in CONTAINERS:
        return False
    inner = value.values() if isinstance(value, dict) else value
    if CONTAINERS.isdisjoint(map(type, inner)):
        return False
    return not levels or any(is_deep(each, levels - 1) for each in inner)


@lru_cache(maxsize=REMEMBERED)
def _integer_in(text: str) -> int:
    return to_integer(int(text) if INTEGER.fullmatch(text) else _number_in(text))


@lru_cache(maxsize=REMEMBERED)
def _number_in(text: str) -> int | float:
    if not NUMBER.fullmatch(text):
        raise ContradictionError
    return to_number(float(text))


def _whole(value: float) -> int:
    if not value.is_integer():
        raise ContradictionError
    return int(value)


def _lenient(value: str) -> datetime:
    found = TIME.fullmatch(value.strip())
    if not found:
        raise ContradictionError
    minute, second = found["minute"] or "00:00", found["second"] or ":00"
    zone = (found["zone"] or "Z").upper()
    if len(zone) == len("+0000"):
        zone = f"{zone[:3]}:{zone[3:]}"
    try:
        return msgspec.convert(f"{found['day']}T{minute}{second}{zone}", datetime)
    except msgspec.ValidationError:
        raise ContradictionError from None


def _utc(moment: datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    try:
        text: str = msgspec.to_builtins(aware.astimezone(timezone.utc))
    except OverflowError:  # The first and last days of the calendar.
        raise ContradictionError from None
    return text
