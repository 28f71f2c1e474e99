"""The expected store: every record applied on its own, in order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .entries import NO_ID
from .population import STREAMS, audience_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .entries import CustomerKey, Entry
    from .scenario import Scenario

    StoredValues = dict[tuple[CustomerKey | None, str], str | None]

ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def apply_records(
    entries: Iterable[Entry], values: StoredValues, if_empty: set[str]
) -> StoredValues:
    """Apply records to stored values."""
    for entry in entries:
        for name, value in entry.desired.items():
            if name not in if_empty or (
                value and not values.get((entry.customer, name))
            ):
                values[entry.customer, name] = value
    return values


def initial_values(scenario: Scenario) -> StoredValues:
    """Return the values at the start."""
    population = scenario.population
    values: StoredValues = {
        (number, name): value or None
        for number, row in population.fields.items()
        for name, value in row.items()
    }
    return values | dict(population.values)


def final_values(scenario: Scenario) -> StoredValues:
    """Return the values at the end."""
    values = initial_values(scenario)
    for entry in scenario.entries:
        name = audience_of(entry.stream)
        if entry.leaves and scenario.settings["on_exit"] == "clear":
            if values.get((entry.customer, name)) == entry.stream:
                values[entry.customer, name] = None
        else:
            apply_records([entry], values, if_empty_of(scenario.settings))
    for number, name in leavers(scenario):
        values[number, name] = None
    return values


def leavers(scenario: Scenario) -> set[tuple[int, str]]:
    """Return earlier members that are not in a complete version."""
    if not scenario.versions or scenario.settings["on_exit"] == "keep":
        return set()
    entries = scenario.entries
    seen = {
        (customer, e.stream) for e in entries for customer in (e.customer, *_named(e))
    }
    incomplete = _incomplete(entries)
    return {
        (number, name)
        for (number, name), text in scenario.population.values.items()
        if name == audience_of(text)
        if (number, text) not in seen and text not in incomplete
    }


def cancelled_exits(scenario: Scenario) -> set[tuple[CustomerKey, str, str]]:
    """Return the exits, with their stream, that a later rejected record may cancel.

    The customer is a member again, although the record could not be written.
    """
    entries = scenario.entries
    return {
        (left.customer, audience_of(left.stream), left.stream)
        for left in entries
        if left.leaves and left.customer is not None
        for later in entries[left.n + 1 :]
        if later.is_bad and later.stream == left.stream
        if left.customer in {*_named(later), later.claims}
    }


def if_empty_of(settings: Mapping[str, list[dict[str, str]]]) -> set[str]:
    """Return the fields that are only written if the store has no value."""
    entries = settings["map_standard_fields"]
    return {each["to"] for each in entries if each["write"] == "if_empty"}


def _named(entry: Entry) -> set[int]:
    """Return the id of a record, even if it is rejected."""
    text = _shown(entry)
    return {int(text)} if ID.fullmatch(text) else set()


def _shown(entry: Entry) -> str:
    return "" if entry.record["id"] in NO_ID else str(entry.record["id"]).strip()


def _incomplete(entries: Iterable[Entry]) -> set[str]:
    """Return the streams of which no value may be cleared."""
    present = {entry.stream for entry in entries}
    unreadable = {e.stream for e in entries if not _named(e) and _shown(e)}
    return unreadable | (set(STREAMS) - present)
