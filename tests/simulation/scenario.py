"""What a seed draws: a store, settings, records, faults and interventions."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sandbox import Options

from .cast import MANY, Cast, draw_cast
from .entries import Entry, Writer
from .world import Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .world import What

Try = Literal["dry run", "limit"]

FAULTS = (
    *("429", "429_bare", "429_retry_after", "423"),
    *("500", "502", "503", "504", "500_after", "502_after", "503_after", "504_after"),
    *("cut", "cut_after", "truncated", "not_json", "empty_body", "slow"),
    "row_missing",
)
FATAL = ("401", "403", "redirect")  # These end a run at once; rare, or nothing is done.
TROUBLES: tuple[What | None, ...] = (None, "term", "int", "kill", "kill", "power")
PROCESSES_IN_TROUBLE = 5
HARMLESS = ("shrink", "crowd", "race")  # To the values that are there.
INTERVENTIONS = (
    *("alter", "alter", "delete", "drop_value", "own_value", "drop_attribute"),
    *HARMLESS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One seed's.

    Args:
        options: how the store reads what is not documented, and its faults.
        settings: of the target, without its connection.
        cast: who is in the store.
        entries: the records, in order.
        state_after: a STATE follows the records of these numbers.
        schema_after: a new SCHEMA follows the records of these numbers.
        versions: whether exits are reported by ACTIVATE_VERSION at the end.
        stock_order: the version is activated before its records too.
        troubles: what comes to the first processes.
        interventions: what others do to the store, and at which step.
        full_disk: in which process the rejects cannot be written.
        tries: which processes a trial run goes before, and of which kind.
    """

    options: Options
    settings: Mapping[str, Any]
    cast: Cast
    entries: list[Entry]
    state_after: frozenset[int]
    schema_after: frozenset[int]
    versions: bool
    stock_order: bool
    troubles: list[Trouble | None] = field(default_factory=list)
    interventions: list[tuple[int, str]] = field(default_factory=list)
    full_disk: int | None = None
    tries: Mapping[int, Try] = field(default_factory=dict)


def draw(seed: int) -> Scenario:
    """Draw a scenario; the same seed always draws the same."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    # A crowd is a broken audience: more members leave than may be cleared.
    is_crowd = chance.random() < 0.03
    settings = _settings(chance, is_crowd=is_crowd)
    cast = draw_cast(chance, settings, is_crowd=is_crowd)
    versions = chance.random() < 0.3
    exits = 0 if versions else 100 if is_crowd else 3
    writer = Writer(chance, settings, cast, exits=exits)
    least, most = (MANY, 3 * MANY) if is_crowd and not versions else (1, 60)
    entries = [writer.write(n) for n in range(chance.randint(least, most))]
    often = chance.choice((0.05, 0.3, 1.0))
    return Scenario(
        options=_options(chance, seed),
        settings=settings,
        cast=cast,
        entries=entries,
        state_after=_some(chance, len(entries), often) | {len(entries) - 1},
        schema_after=_some(chance, len(entries), chance.choice((0.0, 0.0, 0.1))),
        versions=versions,
        stock_order=chance.random() < 0.3,
        troubles=[_trouble(chance) for _ in range(PROCESSES_IN_TROUBLE)],
        interventions=_interventions(chance, HARMLESS if is_crowd else INTERVENTIONS),
        full_disk=chance.choice((None, None, None, 0, 1)),
        tries=_tries(chance),
    )


def _settings(chance: random.Random, *, is_crowd: bool) -> dict[str, Any]:
    pick, maybe = chance.choice, chance.random
    standard = ["company", "phone", "first_name", "last_name"]
    if maybe() < 0.7:
        standard.insert(0, "email")
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
        ][: pick((0, 1, 2))],
        "batch_size_rows": pick((1, 3, 10, 25, 100)),
        "batch_wait_limit_seconds": pick((1, 10, 60)),
        "on_missing_id": pick(missing),
        "on_exit": "clear" if is_crowd else pick(("keep", "clear", "clear")),
        "on_null": pick(("keep", "clear")),
        "max_clear_percent": pick((1, 20, 50, 80, 100)),
        "max_in_flight": pick((1, 2, 3, 3)),
        "max_rejects": pick((3, 1000, 1000, 1000)),
        "quota_share_percent": pick((50, 90, 100)),
        "request_timeout_seconds": 60,
    }


def _options(chance: random.Random, seed: int) -> Options:
    pick = chance.choice
    rates: dict[str, float] = {}
    for kind in chance.sample(FAULTS, pick((0, 1, 2, 4))):
        rates[kind] = pick((0.02, 0.1, 0.25))
    if chance.random() < 0.1:
        rates[pick(FATAL)] = 0.01
    quota = pick((20, 150, 450))
    return Options(
        members=0,
        others=0,
        newsletter=0,
        seed=seed,
        journal_bodies=False,
        quota=quota,
        other_app_calls_per_window=pick((0, 0, 10, quota // 2)),
        rate_headers=chance.random() < 0.9,
        rows_per_call=pick((10, 10, 10, 5)),
        overflow_status=pick((413, 422)),
        in_list_limit=pick((0, 0, 7)),
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
        fault_rates=rates,
        fault_seconds=pick((1.0, 20.0, 100.0)),
    )


def _trouble(chance: random.Random) -> Trouble | None:
    what = chance.choice(TROUBLES)
    step = chance.randint(1, chance.choice((10, 40, 160)))
    return Trouble(what=what, step=step) if what else None


def _interventions(
    chance: random.Random, kinds: Sequence[str]
) -> list[tuple[int, str]]:
    many = chance.choice((0, 0, 1, 3, 8))
    steps = sorted(chance.randint(1, 200) for _ in range(many))
    return [(step, chance.choice(kinds)) for step in steps]


def _tries(chance: random.Random) -> dict[int, Try]:
    kinds: tuple[Try, ...] = ("dry run", "limit")
    tried = _some(chance, PROCESSES_IN_TROUBLE, 0.06)
    return {number: chance.choice(kinds) for number in sorted(tried)}


def _some(chance: random.Random, many: int, share: float) -> frozenset[int]:
    return frozenset(n for n in range(many) if chance.random() < share)
