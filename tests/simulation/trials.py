"""Checks after a run with dry_run or limit, and limits that errors suggest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .rejected import unconfirmed
from .world import ViolationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.bigcommerce.store import Store

    from .process import ProcessResult
    from .simulation import Simulation

SUGGESTED_PERCENT = re.compile(r"run once with max_clear_percent (\d+)\.$")


def contents(store: Store) -> dict[str, Any]:
    """Return a copy of the store's content."""
    names = {number: row["name"] for number, row in store.attributes.items()}
    return {
        "customers": {
            number: dict(store.customers[number]) for number in store.customers
        },
        "values": {
            (number, names[attribute]): row["attribute_value"]
            for (number, attribute), row in store.values.items()
        },
        "attributes": sorted(names.values()),
    }


def dry_run(ended: ProcessResult, simulation: Simulation, before: object) -> None:
    """Check that a dry run changed nothing."""
    after = contents(simulation.store), simulation.file.lines()
    if ended.states or after != before:
        raise ViolationError("a dry run changed something")


def limit(
    ended: ProcessResult, simulation: Simulation, before: Mapping[str, Any], most: int
) -> None:
    """Check that a run with a limit printed no STATE and kept the limit."""
    if ended.states:
        raise ViolationError("a run with a limit printed a STATE")
    changed = _changed(simulation, before, contents(simulation.store))
    if max(len(changed), ended.changed) > most:
        raise ViolationError(f"{len(changed)} were changed, with a limit of {most}")


def suggested_percent(ended: ProcessResult, percent: int) -> int:
    """Return the max_clear_percent that an error suggests, else the current one."""
    for line in ended.errors:
        if suggested := SUGGESTED_PERCENT.search(line):
            if int(suggested[1]) <= percent:
                raise ViolationError(
                    f"the error suggests {suggested[1]} % after {percent} %"
                )
            return int(suggested[1])
    return percent


def _changed(
    simulation: Simulation, before: Mapping[str, Any], after: Mapping[str, Any]
) -> set[int]:
    """Return customers that changed, except those that others may have changed."""
    others = simulation.other_apps
    then, now = before["customers"], after["customers"]
    rows = {
        number
        for number in then.keys() | now.keys()
        if then.get(number) != now.get(number)
        if number not in now or now[number]["email"] not in others.raced
    }
    values = before["values"].items() ^ after["values"].items()
    owners = {who for (who, name), _ in values if name not in others.dropped_attributes}
    shared = {*simulation.scenario.population.shared}
    return (rows | owners) - shared - unconfirmed(simulation)
