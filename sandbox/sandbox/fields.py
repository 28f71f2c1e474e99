"""What a user field of the account is, with the moments that fields share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .clock import DAY, NANOS, stamp
from .people import People, Person

BASE = 1_735_689_600  # 2025-01-01T00:00:00Z: what is seeded changed in 2025.

Value = Callable[[Person], Any]
Known = Callable[[People, int], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of the account's schema.

    `known` says whether a seeded person has a value, where that is quicker to tell
    than to make it.
    """

    name: str
    type: str
    value: Value
    known: Known | None = None
    label: str = ""
    is_by: bool = False
    merge: str = "latest"


def modified_nanos(person: Person) -> int:
    """Say when the seeded profile was last changed (all in 2025)."""
    return (BASE + person.bits % (300 * DAY)) * NANOS + (person.bits >> 30) % NANOS


def created(person: Person) -> int:
    """Say when the profile began, in seconds since 1970."""
    return BASE - DAY - person.bits % (700 * DAY)


def offset_time(person: Person) -> str:
    """Write a moment with an offset and milliseconds, as some sources do."""
    text = stamp(created(person) + person.bits % 5000)
    return text.removesuffix("Z") + f".{person.bits % 1000:03d}-07:00"


def sometimes(every: int, value: Value) -> Value:
    """Leave the value out for one person in so many."""
    return lambda p: value(p) if p.bits % every else None
