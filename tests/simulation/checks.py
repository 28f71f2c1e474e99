"""Checks after every process and at the end, against the model.

A check that fails raises a ViolationError.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .model import (
    apply_records,
    cancelled_exits,
    final_values,
    if_empty_of,
    initial_values,
)
from .monitor import ROWS_PER_CALL
from .population import TYPES, audience_of
from .world import ViolationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.bigcommerce.store import Store
    from sandbox.journal import Entry as JournalEntry

    from .entries import CustomerKey, Entry
    from .process import ProcessResult
    from .scenario import Scenario
    from .simulation import Simulation
    from .world import World

    Possible = dict[tuple[CustomerKey | None, str], set[str | None]]

VALUES = "PUT /customers/attribute-values"
VALUES_FACT = "customers_per_values_call"  # 0: the store counts rows.
SECONDS_TO_END = 61  # After a signal: request_timeout_seconds of 60, plus one.
SUGGESTED_PERCENT = re.compile(r"run once with max_clear_percent (\d+)\.$")
# BigCommerce left the row out of two 200 responses, or two calls with it alone failed
# for no reason that it named.
UNCONFIRMED = "unconfirmed"
EXPLAINED = 422


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


def codes_by_record(simulation: Simulation) -> dict[int, set[str]]:
    """Return the reject codes of each record in the rejects."""
    codes: dict[int, set[str]] = defaultdict(set)
    for line in simulation.file.lines():
        if line["type"] == "RECORD":
            codes[line["record"]["n"]].add(_code(line["reject"]))
    return codes


def _code(reject: Mapping[str, Any]) -> str:
    is_unexplained = reject["status"] not in {None, EXPLAINED}
    return UNCONFIRMED if is_unexplained else str(reject["code"])


def unconfirmed(simulation: Simulation) -> set[CustomerKey | None]:
    """Return the customers with a write that the store did not confirm."""
    rejected = codes_by_record(simulation)
    numbers = {n for n, codes in rejected.items() if UNCONFIRMED in codes}
    return {
        entry.customer for entry in simulation.scenario.entries if entry.n in numbers
    }


def process(ended: ProcessResult, world: World, *, is_whole: bool) -> None:
    """Check how a process ended; `is_whole` is whether STATE covers the input."""
    for line in ended.errors:
        if line.startswith("Unexpected"):
            raise ViolationError(line)
    if ended.status is None:
        return
    if ended.with_outcome > ended.read or (
        not ended.status and ended.with_outcome < ended.read
    ):
        raise ViolationError(f"{ended.read} records have {ended.with_outcome} outcomes")
    if world.signalled:
        _signalled(ended, world, is_whole=is_whole)


def _signalled(ended: ProcessResult, world: World, *, is_whole: bool) -> None:
    # A signal that comes when the input is written has no effect.
    expected = {1, 128 + (world.signalled or 0), *((0,) if is_whole else ())}
    if ended.status not in expected:
        raise ViolationError(f"status {ended.status} after signal {world.signalled}")
    if world.now() - world.signalled_at > SECONDS_TO_END:
        raise ViolationError("the process does not end after a signal")


def read_state(state: Mapping[str, Any], before: int) -> int:
    """Return the number of records that a STATE covers; it must not decrease."""
    reached = state.get("n")
    if not isinstance(reached, int) or reached < before:
        raise ViolationError(f"STATE goes back from {before} to {reached}")
    return reached


def covered(simulation: Simulation, reached: int) -> None:
    """Check that all records covered by STATE are in the store or the rejects."""
    rejected = codes_by_record(simulation)
    for entry in simulation.scenario.entries[:reached]:
        if must_reject(entry, simulation.scenario) and entry.n not in rejected:
            raise ViolationError(f"STATE covers record {entry.n}, not rejected yet")
    _compare(simulation, _possible(simulation, reached))


def end(simulation: Simulation, before: Mapping[str, Any]) -> None:
    """Check that the store and the rejects match the model."""
    rejected = codes_by_record(simulation)
    for entry in simulation.scenario.entries:
        codes = rejected.pop(entry.n, set())
        if must_reject(entry, simulation.scenario) and not codes:
            raise ViolationError(f"record {entry.n} is bad, and was not rejected")
        if (
            codes - {UNCONFIRMED}
            and not entry.is_bad
            and not _is_shared(simulation, entry.customer)
        ):
            raise ViolationError(f"record {entry.n} is good, and was rejected: {codes}")
    if rejected:
        raise ViolationError(
            f"records were rejected that were not sent: {sorted(rejected)}"
        )
    last = final_values(simulation.scenario)
    possible = {key: {value} for key, value in last.items()}
    for customer, name, slug in cancelled_exits(simulation.scenario):
        possible.setdefault((customer, name), {None}).add(slug)
    _compare(simulation, possible)
    _untouched(simulation, before)
    _journal(simulation)
    _history(simulation)
    _facts(simulation)


def must_reject(entry: Entry, scenario: Scenario) -> bool:
    """Whether a record must be rejected. A later one may replace a taken email."""
    later = scenario.entries[entry.n + 1 :]
    is_replaced = any("email" in e.record and e.customer == entry.claims for e in later)
    return entry.is_bad and not (entry.claims and is_replaced)


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


def sizes(
    ended: ProcessResult, simulation: Simulation, calls: Iterable[JournalEntry]
) -> None:
    """Check that at most one call of values was refused for its size, and remembered.

    Unless something else may have made that call fail, or the smaller ones.
    """
    options, facts = simulation.scenario.options, simulation.facts
    refused = [
        each
        for each in calls
        if each.endpoint == VALUES and each.status == options.overflow_status
        if each.rows > ROWS_PER_CALL and not each.fault
    ]
    if simulation.is_disturbed:
        return
    if len(refused) > 1:
        raise ViolationError(f"{len(refused)} calls of values are refused")
    if refused and ended.status == 0 and facts.get(VALUES_FACT) != 0:
        raise ViolationError("the size of a refused call is not remembered")


def _facts(simulation: Simulation) -> None:
    """Check that what the history says about the store is true."""
    options, facts = simulation.scenario.options, simulation.facts
    if facts.get(VALUES_FACT) and not options.cap_counts_customers:
        raise ViolationError(f"the store counts rows, but {facts} are remembered")
    limit = options.in_list_limit
    if limit and facts.get("ids_per_call", limit) > limit:
        raise ViolationError(f"the store takes {limit} ids, not {facts}")


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


def _possible(simulation: Simulation, reached: int) -> Possible:
    """Return all values that may be stored when `reached` records are covered."""
    scenario = simulation.scenario
    if_empty = if_empty_of(scenario.settings)
    members = [e for e in scenario.entries[:reached] if not e.leaves]
    expected = apply_records(members, initial_values(scenario), if_empty)
    possible: Possible = defaultdict(set)
    for key, value in expected.items():
        possible[key].add(value)
    for entry in scenario.entries:
        is_late = entry.n >= reached or simulation.has_restarted
        for name, value in entry.desired.items():
            if is_late or name in if_empty:
                possible[entry.customer, name] |= {
                    value,
                    expected.get((entry.customer, name)),
                }
    for key in _clearable(simulation):
        possible[key].add(None)
    return possible


def _clearable(simulation: Simulation) -> set[tuple[CustomerKey | None, str]]:
    left = [entry for entry in simulation.scenario.entries if entry.leaves]
    exits = {(entry.customer, audience_of(entry.stream)) for entry in left}
    clears = simulation.scenario.settings["on_exit"] == "clear"
    return {*simulation.leavers, *(exits if clears else ())}


def _compare(simulation: Simulation, possible: Possible) -> None:
    found = contents(simulation.store)
    uncertain = unconfirmed(simulation)
    for (customer, name), values in possible.items():
        if _is_shared(simulation, customer) or customer in uncertain:
            continue
        if name in simulation.other_apps.dropped_attributes:
            continue
        value = _lookup(found, customer, name)
        if value not in {_plain(name, each) for each in values}:
            raise ViolationError(
                f"{name} of {customer} is {value!r}, not one of {values}"
            )


def _lookup(
    found: Mapping[str, Any], customer: CustomerKey | None, name: str
) -> str | None:
    number = customer
    if isinstance(customer, str):
        rows = found["customers"].items()
        number = next((n for n, row in rows if row["email"].lower() == customer), -1)
    row = found["customers"].get(number, {})
    value = row[name] if name in row else found["values"].get((number, name))
    return _plain(name, value)


def _plain(name: str, value: str | None) -> str | None:
    """Return a value in one form, whatever form it was sent or stored in.

    The target takes values that differ in white space around them for the same.
    """
    if not value:
        return None
    if TYPES.get(name) == "number":
        return str(Decimal(value).normalize())
    plain = value.strip().replace("\r\n", "\n")
    return plain.lower() if name == "email" else plain


def _is_shared(simulation: Simulation, customer: CustomerKey | None) -> bool:
    population = simulation.scenario.population
    return customer in population.shared or customer in simulation.other_apps.raced


def _untouched(simulation: Simulation, before: Mapping[str, Any]) -> None:
    """Check that unrelated customers are unchanged and no unexpected one exists."""
    found = contents(simulation.store)
    for number in simulation.scenario.population.unrelated:
        if found["customers"].get(number) != before["customers"][number]:
            raise ViolationError(f"customer {number} was changed without a record")
    asked = {
        e.customer for e in simulation.scenario.entries if isinstance(e.customer, str)
    }
    emails = Counter(row["email"].lower() for row in found["customers"].values())
    population = simulation.scenario.population
    shared = {population.fields[number]["email"] for number in population.namesakes}
    duplicates = {email for email, count in emails.items() if count > 1} - shared
    grown = found["customers"].keys() - before["customers"].keys()
    new = {found["customers"][number]["email"].lower() for number in grown}
    # A customer deleted by another app is created again by a record with its email.
    gone = {population.fields[number]["email"] for number in population.shared}
    if duplicates or new - asked - gone - simulation.other_apps.raced:
        raise ViolationError("customers exist that no record asked for")


def _journal(simulation: Simulation) -> None:
    journal = simulation.store.journal
    extra = {key for entry in journal for key in entry.extra_keys}
    if extra:
        raise ViolationError(
            f"requests had keys that BigCommerce does not know: {extra}"
        )
    own = sum(1 for entry in journal if entry.status == 429 and not entry.fault)
    allowed = 2 + 3 * simulation.starts + journal.total // 20
    if own > allowed and simulation.scenario.options.rate_headers:
        raise ViolationError(f"{own} of {journal.total} calls were over the quota")


def _history(simulation: Simulation) -> None:
    """Check that the history has every change that was made, and no other."""
    with closing(sqlite3.connect(simulation.history_path)) as connection:
        rows = connection.execute(
            "SELECT customer, name, new, state FROM changes WHERE action != 'create'"
        ).fetchall()
    if pending := [row for row in rows if row[3] == "pending"]:
        raise ViolationError(f"{len(pending)} changes are pending for ever: {pending}")
    exclusive = simulation.scenario.population.exclusive
    dropped = simulation.other_apps.dropped_attributes
    applied = Counter(
        {
            key: count
            for key, count in simulation.monitor.applied.items()
            if key[0] in exclusive and key[1] not in dropped
        }
    )
    recorded = Counter(
        (customer, name, _text(new))
        for customer, name, new, state in rows
        if state == "done" and customer in exclusive and name not in dropped
    )
    if missing := applied - recorded:
        raise ViolationError(f"the history lacks {missing}")
    if extra := recorded - applied:
        raise ViolationError(f"the history has changes that were not made: {extra}")


def _text(new: str | None) -> str | None:
    value = None if new is None else json.loads(new)
    return None if value is None else str(value)


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
    owners = {
        customer
        for (customer, name), _ in values
        if name not in others.dropped_attributes
    }
    shared = {*simulation.scenario.population.shared}
    return (rows | owners) - shared - unconfirmed(simulation)
