"""The expected store: every record applied on its own by a perfect target."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .cast import STREAMS, audience_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .entries import Entry, Who
    from .scenario import Scenario

    Things = dict[tuple[Who | None, str], str | None]

ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def applied(entries: Iterable[Entry], things: Things, if_empty: set[str]) -> Things:
    """Apply records to what is stored."""
    for entry in entries:
        for name, value in entry.desired.items():
            if name not in if_empty or (value and not things.get((entry.who, name))):
                things[entry.who, name] = value
    return things


def at_first(scenario: Scenario) -> Things:
    """What is stored at the start."""
    cast = scenario.cast
    things: Things = {
        (number, name): value or None
        for number, row in cast.fields.items()
        for name, value in row.items()
    }
    return things | dict(cast.values)


def at_last(scenario: Scenario) -> Things:
    """What must be stored at the end."""
    things = at_first(scenario)
    for entry in scenario.entries:
        name = audience_of(entry.stream)
        if entry.leaves and scenario.settings["on_exit"] == "clear":
            if things.get((entry.who, name)) == entry.stream:
                things[entry.who, name] = None
        else:
            applied([entry], things, if_empty_of(scenario.settings))
    for number, name in leavers(scenario):
        things[number, name] = None
    return things


def leavers(scenario: Scenario) -> set[tuple[int, str]]:
    """Earlier members that no record of a complete version confirms."""
    if not scenario.versions or scenario.settings["on_exit"] == "keep":
        return set()
    entries = scenario.entries
    seen = {(who, e.stream) for e in entries for who in (e.who, *_named(e))}
    doubtful = _doubtful(entries)
    return {
        (number, name)
        for (number, name), text in scenario.cast.values.items()
        if name == audience_of(text)
        if (number, text) not in seen and text not in doubtful
    }


def if_empty_of(settings: Mapping[str, list[dict[str, str]]]) -> set[str]:
    """The fields that are never written over what the store has."""
    entries = settings["map_standard_fields"]
    return {each["to"] for each in entries if each["write"] == "if_empty"}


def _named(entry: Entry) -> set[int]:
    """The id that a record bears, also one that is rejected."""
    text = _shown(entry)
    return {int(text)} if ID.fullmatch(text) else set()


def _shown(entry: Entry) -> str:
    return str("" if entry.record["id"] is None else entry.record["id"]).strip()


def _doubtful(entries: Iterable[Entry]) -> set[str]:
    """Streams of which no value may be cleared."""
    present = {entry.stream for entry in entries}
    unreadable = {e.stream for e in entries if not _named(e) and _shown(e)}
    return unreadable | (set(STREAMS) - present)
