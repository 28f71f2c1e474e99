"""Draws a scenario from a seed, and the messages that the tap sends in it.

A scenario has a store, settings, records, faults and interventions.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sandbox import Options

from .entries import ATTRIBUTES, FIELDS, POISON, Entry, Writer
from .population import (
    FIRST_SIDE,
    MANY,
    SIDE,
    STREAMS,
    Population,
    draw_population,
)
from .world import Interruption

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .world import What

Try = Literal["dry run", "limit"]
HistoryFate = Literal["lost", "shared"]
Message = dict[str, Any]

ID_TYPES = ["integer", "string", "boolean", "number", "null"]
FAULTS = (
    *("429", "429_bare", "429_retry_after", "423"),
    *("500", "502", "503", "504", "500_after", "502_after", "503_after", "504_after"),
    *("cut", "cut_after", "truncated", "not_json", "empty_body", "slow"),
    *("row_missing", "drip"),
)
FATAL = ("401", "403", "501", "507", "redirect")  # These end a run, so they are rare.
# The store does not explain these. Rows that get them repeatedly are rejected.
UNEXPLAINED = ("400", "404", "405", "409", "415")
BAD_STATUSES = (400, 404, 409, 415, 500, 503)
INTERRUPTIONS: tuple[What | None, ...] = (None, "term", "int", "kill", "kill", "power")
INTERRUPTED_PROCESSES = 5
MONTHS = 90 * 86_400.0
HARMLESS = ("lower_quota", "use_quota", "register")  # Change no existing values.
INTERVENTIONS = (
    *("edit_customer", "edit_customer", "delete_customer"),
    *("delete_values", "write_values", "delete_attribute"),
    *HARMLESS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The scenario of a seed.

    Args:
        options: the sandbox's options: undocumented behaviour and faults.
        settings: the target's settings, without its connection.
        population: the customers in the store at the start.
        entries: the records, in order.
        state_after: indices of records that a STATE follows.
        schema_after: indices of records that a new SCHEMA follows.
        versions: whether exits are reported by ACTIVATE_VERSION at the end.
        stock_order: whether the version is also activated before its records, as by
            the SDK.
        interruptions: how each of the first processes is interrupted, if at all.
        interventions: changes by other apps, with the step at which they happen.
        clocks_ahead: seconds by which a process's clock is ahead, by its index.
        pauses: seconds before a process, by its index.
        full_disk: index of the process that cannot write rejects.
        tries: kind of trial run before a process, by the process's index.
        histories: what happens to the history before a process, by its index: it is
            lost, or a job of another audience uses it too.
    """

    options: Options
    settings: Mapping[str, Any]
    population: Population
    entries: list[Entry]
    state_after: frozenset[int]
    schema_after: frozenset[int]
    versions: bool
    stock_order: bool
    interruptions: list[Interruption | None] = field(default_factory=list)
    interventions: list[tuple[int, str]] = field(default_factory=list)
    clocks_ahead: Mapping[int, float] = field(default_factory=dict)
    pauses: Mapping[int, float] = field(default_factory=dict)
    full_disk: int | None = None
    tries: Mapping[int, Try] = field(default_factory=dict)
    histories: Mapping[int, HistoryFate] = field(default_factory=dict)


def draw(seed: int) -> Scenario:
    """Draw a scenario; the same seed always draws the same."""
    rng = random.Random(seed)  # noqa: S311 - repeatable
    # In a broken audience, more members leave than may be cleared.
    is_broken = rng.random() < 0.03
    settings = _settings(rng, is_broken=is_broken)
    population = draw_population(rng, settings, is_broken=is_broken)
    versions = rng.random() < 0.3
    exits = 0 if versions else 100 if is_broken else 3
    writer = Writer(rng, settings, population, exits=exits)
    least, most = (MANY, 3 * MANY) if is_broken and not versions else (1, 60)
    entries = [writer.write(n) for n in range(rng.randint(least, most))]
    often = rng.choice((0.05, 0.3, 1.0))
    return Scenario(
        options=_options(rng, seed, has_bad_rows=bool(population.bad)),
        settings=settings,
        population=population,
        entries=entries,
        state_after=_some(rng, len(entries), often) | {len(entries) - 1},
        schema_after=_some(rng, len(entries), rng.choice((0.0, 0.0, 0.1))),
        versions=versions,
        stock_order=rng.random() < 0.3,
        interruptions=[_interruption(rng) for _ in range(INTERRUPTED_PROCESSES)],
        interventions=_interventions(rng, HARMLESS if is_broken else INTERVENTIONS),
        clocks_ahead={
            number: rng.choice((-7200.0, 7200.0, MONTHS))
            for number in _some(rng, INTERRUPTED_PROCESSES, 0.1)
        },
        pauses={
            number: rng.choice((60.0, 7200.0, 90_000.0))
            for number in _some(rng, INTERRUPTED_PROCESSES, 0.2)
        },
        full_disk=rng.choice((None, None, None, 0, 1)),
        tries=_tries(rng),
        histories={} if is_broken else _histories(rng),
    )


def _settings(rng: random.Random, *, is_broken: bool) -> dict[str, Any]:
    pick, maybe = rng.choice, rng.random
    standard = ["company", "phone", "first_name", "last_name"]
    if maybe() < 0.7:
        standard.insert(0, "email")
    if maybe() < 0.3:
        standard = []
    missing = ("skip", "match", "create") if "email" in standard else ("skip",)
    writes = {"company": pick(("always", "always", "if_empty"))}
    return {
        "map_standard_fields": [
            {
                "from": name,
                "to": name,
                "write": writes.get(name, "always"),
            }
            for name in standard
        ],
        "map_custom_attributes": [
            {"from": "tier", "to": "Tier"},
            {"from": "score", "to": "Score", "type": "number"},
            {"from": "level", "to": "Level"},
        ][: pick((0, 1, 2, 3))],
        "batch_size_rows": pick((1, 3, 10, 25, 100, 250)),
        "batch_wait_limit_seconds": pick((1, 10, 60)),
        "on_missing_id": pick(missing),
        "on_exit": "clear" if is_broken else pick(("keep", "clear", "clear")),
        "on_null": pick(("keep", "clear")),
        "max_clear_percent": pick((1, 20, 50, 80, 100)),
        "max_in_flight": pick((1, 2, 3, 3)),
        "max_rejects": pick((3, 1000, 1000, 1000)),
        "quota_share_percent": pick((50, 90, 100)),
        "request_timeout_seconds": 60,
    }


def _options(rng: random.Random, seed: int, *, has_bad_rows: bool) -> Options:
    pick = rng.choice
    rates: dict[str, float] = {}
    for kind in rng.sample(FAULTS, pick((0, 1, 2, 4))):
        rates[kind] = pick((0.02, 0.1, 0.25))
    if rng.random() < 0.1:
        rates[pick(FATAL)] = 0.01
    if rng.random() < 0.1:
        rates[pick(UNEXPLAINED)] = 0.02
    quota = pick((20, 150, 450))
    normalises = rng.random() < 0.3
    return Options(
        members=0,
        others=0,
        newsletter=0,
        seed=seed,
        journal_bodies=False,
        quota=quota,
        other_app_calls_per_window=pick((0, 0, 10, quota // 2)),
        rate_headers=rng.random() < 0.9,
        rows_per_call=pick((10, 10, 10, 5)),
        overflow_status=pick((413, 422)),
        in_list_limit=pick((0, 0, 3, 7)),
        in_flight=pick((3, 3, 2, 1)),
        apply_valid_rows=pick((False, True)),
        errors_name_the_row=pick((True, False)),
        answer_order=pick(("request", "reversed")),
        null_clears=pick((False, True)),
        unknown_keys_refused=pick((False, True)),
        duplicate_rows_refused=pick((False, True)),
        cap_counts_customers=pick((False, True)),
        accept_any_value=pick((False, True)),
        empty_value_removes=pick((False, True)),
        allow_duplicate_attributes=pick((False, True)),
        values_touch_customer=pick((False, True)),
        partial_207=pick((False, False, True)),
        error_body=pick(("errors", "errors", "detail", "title")),
        trims_text=normalises and pick((False, True)),
        unix_line_ends=normalises and pick((False, True)),
        plain_numbers=normalises and pick((False, True)),
        numbers_change_type=normalises and pick((False, True)),
        bad_rows={POISON: pick(BAD_STATUSES)} if has_bad_rows else {},
        fault_rates=rates,
        fault_seconds=pick((1.0, 20.0, 100.0)),
    )


def _interruption(rng: random.Random) -> Interruption | None:
    what = rng.choice(INTERRUPTIONS)
    step = rng.randint(1, rng.choice((10, 40, 160)))
    return Interruption(what=what, step=step) if what else None


def _interventions(rng: random.Random, kinds: Sequence[str]) -> list[tuple[int, str]]:
    many = rng.choice((0, 0, 1, 3, 8))
    steps = sorted(rng.randint(1, 200) for _ in range(many))
    return [(step, rng.choice(kinds)) for step in steps]


def _tries(rng: random.Random) -> dict[int, Try]:
    kinds: tuple[Try, ...] = ("dry run", "limit")
    tried = _some(rng, INTERRUPTED_PROCESSES, 0.06)
    return {number: rng.choice(kinds) for number in sorted(tried)}


def _histories(rng: random.Random) -> dict[int, HistoryFate]:
    fate: HistoryFate | None = rng.choice((None, None, "lost", "shared"))
    found = sorted(_some(rng, INTERRUPTED_PROCESSES, 0.4))
    return dict.fromkeys(found, fate) if fate else {}


def _some(rng: random.Random, many: int, share: float) -> frozenset[int]:
    return frozenset(n for n in range(many) if rng.random() < share)


# Messages.


def to_input(scenario: Scenario, begun: int, *, version: int) -> bytes:
    """Return the input of a process that resumes after `begun` records."""
    messages = _messages(scenario, begun, version)
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def side_input(rng: random.Random) -> bytes:
    """Return the input of another job, with other customers and audience."""
    rows = [_schema("side")]
    for number in range(FIRST_SIDE, FIRST_SIDE + SIDE):
        values = {name: str(rng.randint(1, 9)) for name in ATTRIBUTES}
        record = {"id": number, "n": number, **values}
        rows.append({"type": "RECORD", "stream": "side", "record": record})
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _messages(scenario: Scenario, begun: int, version: int) -> Iterator[Message]:
    yield from map(_schema, STREAMS)
    # The version of a resumed scan is never activated.
    activates = scenario.versions and not begun
    if activates and scenario.stock_order:
        yield from (_activation(stream, version) for stream in STREAMS)
    for entry in scenario.entries[begun:]:
        record = {"type": "RECORD", "stream": entry.stream, "record": entry.record}
        yield {**record, "version": version} if scenario.versions else record
        if entry.n in scenario.schema_after:
            yield _schema(entry.stream, more=f"more{entry.n}")
        if entry.n in scenario.state_after:
            yield {"type": "STATE", "value": {"n": entry.n + 1}}
    if activates:
        yield from (_activation(stream, version) for stream in STREAMS)


def _activation(stream: str, version: int) -> Message:
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def _schema(stream: str, more: str = "more") -> Message:
    names = ("email", *FIELDS, *ATTRIBUTES, more)
    properties: Message = {name: {"type": ["string", "null"]} for name in names}
    properties |= {"id": {"type": ID_TYPES}, "n": {"type": "integer"}}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": properties},
        "key_properties": ["n"],
    }
