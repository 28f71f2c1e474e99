"""What holds after a run that only tries, and what a run tells to try instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .rejected import unconfirmed
from .world import ViolationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.bigcommerce.store import Store

    from .process import Ended
    from .simulation import Simulation

TOLD_PERCENT = re.compile(r"run once with max_clear_percent (\d+)\.$")


def contents(store: Store) -> dict[str, Any]:
    """Copy what the store holds."""
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


def dry_run(ended: Ended, simulation: Simulation, before: object) -> None:
    """A dry run leaves nothing behind."""
    after = contents(simulation.store), simulation.file.lines()
    if ended.states or after != before:
        raise ViolationError("a dry run left something behind")


def limit(
    ended: Ended, simulation: Simulation, before: Mapping[str, Any], most: int
) -> None:
    """A first try leaves no state, and stops in time."""
    if ended.states:
        raise ViolationError("a run with a limit printed a STATE")
    changed = _changed(simulation, before, contents(simulation.store))
    if max(len(changed), ended.changed) > most:
        raise ViolationError(f"{len(changed)} were changed, with a limit of {most}")


def told_percent(ended: Ended, percent: int) -> int:
    """Read how much may be cleared from now on, if too much was to be cleared."""
    for line in ended.complaints:
        if told := TOLD_PERCENT.search(line):
            if int(told[1]) <= percent:
                raise ViolationError(f"it is no cure to allow {told[1]} of {percent} %")
            return int(told[1])
    return percent


def _changed(
    simulation: Simulation, before: Mapping[str, Any], after: Mapping[str, Any]
) -> set[int]:
    """Who is not as before, but for those whom others write or nobody knows of."""
    others = simulation.others
    then, now = before["customers"], after["customers"]
    rows = {
        number
        for number in then.keys() | now.keys()
        if then.get(number) != now.get(number)
        if number not in now or now[number]["email"] not in others.raced
    }
    values = before["values"].items() ^ after["values"].items()
    owners = {who for (who, name), _ in values if name not in others.dropped_attributes}
    touched = {*simulation.scenario.cast.touched}
    return (rows | owners) - touched - unconfirmed(simulation)
