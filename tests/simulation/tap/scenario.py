"""Draws the scenario of a seed: the account, the settings, and what happens."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sandbox import Options
from simulation.world import Interruption

from .audience import ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.options import Splits
    from simulation.world import What

Action = Literal[
    "run", "stateless", "second job", "older state", "lost state", "lost ledger",
    "settings", "selection", "resend", "clock", "rename", "delete",
]  # fmt: skip
ACTIONS: Mapping[Action, int] = {
    "run": 16,
    "stateless": 2,
    "second job": 1,
    "older state": 1,
    "lost state": 1,
    "lost ledger": 1,
    "settings": 2,
    "selection": 1,
    "resend": 1,
    "clock": 1,
    "rename": 1,
    "delete": 1,
}
# Nothing is lost by these, whatever the settings.
FAULTS = (
    *("429", "429_retry_after", "500", "502", "503", "504", "500_after", "503_after"),
    *("cut", "cut_after", "truncated", "not_json", "empty_body", "slow", "drip"),
    *("stale_cursor", "error_envelope", "error_code", "null_data"),
    "date_ahead",
)
# Members are missing until the next full sync.
LOSSY = ("row_missing", "empty_page", "same_next", "empty_scan")
OTHER_SPLITS: tuple[Splits, ...] = ("ignored", "ignored_on_post", "refused")
FATAL = ("401", "403", "redirect")
INTERRUPTIONS: tuple[What | None, ...] = (None, None, "term", "int", "kill", "kill")
MONTHS = 90 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class TapScenario:
    """The scenario of a seed.

    Args:
        options: the sandbox's options.
        settings: the tap's settings at first, without its connection.
        people: the number of people in the account.
        undivided: the number of members up to which a scan has one cursor.
        without_split: the share of people whose profile belongs to no split.
        actions: what happens, in order.
        is_lossy: whether there may be faults that only a full sync repairs.
        most_days: the longest time between two actions.
    """

    options: Options
    settings: Mapping[str, Any]
    people: int
    undivided: int
    without_split: float
    actions: list[Action]
    is_lossy: bool
    most_days: int


def draw(seed: int) -> TapScenario:
    """Draw a scenario; the same seed always draws the same."""
    rng = random.Random(seed)  # noqa: S311 - repeatable
    settings = _settings(rng)
    always_full = bool(settings.get("ledger_path") or settings["existing_users"])
    actions = list(ACTIONS)
    return TapScenario(
        options=_options(rng, seed),
        settings=settings,
        people=rng.choice((1, 6, 25, 25)),
        undivided=rng.choice((1000, 0, 0, 4)),
        without_split=rng.choice((0.0, 0.0, 0.0, 0.1)),
        actions=rng.choices(
            actions, weights=list(ACTIONS.values()), k=rng.randint(1, 12)
        ),
        is_lossy=always_full
        and bool(settings["full_scan_interval_hours"])
        and rng.random() < 0.5,
        most_days=rng.choice((1, 1, 3, 3, 40)),
    )


def _settings(rng: random.Random) -> dict[str, Any]:
    pick = rng.choice
    has_ledger = rng.random() < 0.7
    interval = pick((1, 24, 24, 24, 0))
    settings: dict[str, Any] = {
        "audiences": ["vip_customers"],
        "existing_users": pick((True, False)),
        "require_fields": pick(([], [ID], [ID])),
        "full_scan_interval_hours": interval,
        "overlap_minutes": pick((30, 60)),
        "page_size": pick((2, 5, 100)),
        "scan_parallelism": pick((1, 2, 4, 8)),
    }
    if has_ledger:
        settings |= {
            "ledger_path": "ledger",
            "emit_changes": pick((True, True, False)),
            "emit_exits": bool(settings["require_fields"]) and rng.random() < 0.7,
        }
    elif settings["existing_users"] and interval:
        settings["emit_exits"] = pick((True, False))
    return settings


def _options(rng: random.Random, seed: int) -> Options:
    pick = rng.choice
    return Options(
        members=0,
        others=0,
        newsletter=0,
        seed=seed,
        journal_bodies=False,
        changed_members_move=pick(("either", "front", "end", "stay")),
        scan_is_snapshot=pick((False, False, True)),
        scan_end=pick(("empty", "missing", "repeat", "empty_page")),
        same_token=rng.random() < 0.15,
        stale_token_status=pick((400, 404, 410)),
        splits=pick(("served", "served", "served", pick(OTHER_SPLITS))),
        fields_on_post=pick((False, True)),
        status_as_text=pick((False, True)),
        bare_envelope=pick((False, True)),
        size_shape=pick(("list", "object", "objects")),
        fault_seconds=pick((1.0, 20.0, 100.0)),
    )


def draw_rates(rng: random.Random, *, is_lossy: bool) -> dict[str, float]:
    """Draw the faults of one run, by probability."""
    kinds = FAULTS + LOSSY if is_lossy else FAULTS
    rates = {
        kind: rng.choice((0.02, 0.1, 0.25))
        for kind in rng.sample(kinds, rng.choice((0, 0, 1, 2, 4)))
    }
    if rng.random() < 0.25:  # The worst of them.
        rates[rng.choice(("error_envelope", "null_data"))] = 0.3
    if rng.random() < 0.1:
        rates[rng.choice(FATAL)] = 0.05
    return rates


def draw_interruption(rng: random.Random) -> Interruption | None:
    """Draw how a run ends early, if it does."""
    what = rng.choice(INTERRUPTIONS)
    step = rng.randint(1, rng.choice((6, 20, 60)))
    return Interruption(what=what, step=step) if what else None
