"""`make chaos`: Meltano runs that are hit and go on from their state."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from meltano_project import copy_project

from chaos.killing import Fuse, next_blow, strike
from chaos.life import Life
from chaos.model import VIP, differences
from chaos.weather import STORM_AND_LOST_CURSORS
from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meltano_project import MeltanoProject
    from running import Run

    from chaos.killing import Blow

# --force, as a killed Meltano leaves a lock behind that only time would lift.
EXPORT = ("run", "--force", "tap-lytics", "target-bigcommerce")
A_DAY_AND_AN_HOUR = 25 * 3600
PACE = 20.0
RUNS_A_DAY = 4
LAST_LINES = 3
# Exits as records from a ledger, or by ACTIVATE_VERSION without one.
EXITS: Mapping[str, Mapping[str, str]] = {
    "ledger": {
        "TAP_LYTICS_LEDGER_PATH": "vip.ledger",
        "TAP_LYTICS_REQUIRE_FIELDS": '["bigcommerce_customer_id"]',
    },
    "versions": {},
}
SETTINGS: Mapping[str, str] = {
    "TAP_LYTICS_EXISTING_USERS": "true",
    "TAP_LYTICS_EMIT_EXITS": "true",
    "TARGET_BIGCOMMERCE_ON_EXIT": "clear",
    "TARGET_BIGCOMMERCE_MAX_CLEAR_PERCENT": "100",
}


def run_chaos(
    runs: int,
    *,
    seed: int,
    members: int = 1000,
    exits: str = "ledger",
    tell: Callable[[str], None] = print,
) -> list[str]:
    """Make so many runs that are hit, then clean ones; tell what is wrong at the end.

    All of them are one Meltano project's, in one sandbox, with one state.
    """
    options = Options(
        members=members,
        seed=seed,
        quota=200,
        window_seconds=1.0,
        latency_ms=5.0,
        fault_seconds=0.5,
    )
    with Sandbox(options) as box, tempfile.TemporaryDirectory() as folder:
        env = {**box.env(), **SETTINGS, **EXITS[exits]}
        project = copy_project(Path(folder), env)
        _storm(project, box, runs, tell=tell)
        return [*_end_well(project, box, tell), *_broken_rejects(project)]


def _storm(
    project: MeltanoProject, box: Sandbox, runs: int, *, tell: Callable[[str], None]
) -> None:
    chance, fuse = random.Random(box.options.seed), Fuse(box)  # noqa: S311 - repeatable
    box.faults.set_rates(STORM_AND_LOST_CURSORS)
    with Life(box, VIP, seed=box.options.seed, pace=PACE) as life:
        for number in range(runs):
            if chance.randrange(RUNS_A_DAY) == 0:  # A whole scan is due, and is hit.
                box.clock.advance(A_DAY_AND_AN_HOUR)
            tell(f"Run {number + 1}: {_hit_run(project, next_blow(chance), fuse)}")
    tell(f"{life.happenings} happenings, {dict(box.journal.statuses)}.")
    box.faults.clear()


def _hit_run(project: MeltanoProject, blow: Blow, fuse: Fuse) -> str:
    log = project.folder / "run.log"
    with log.open("wb") as file:
        process = project.start(*EXPORT, says_to=file)
        has_hit = strike(process, blow, fuse)
    if has_hit:
        return f"{blow}; status {process.returncode}."
    said = f"nobody left for {blow}; status {process.returncode}."
    return said + (_last_words(log) if process.returncode else "")


def _last_words(log: Path) -> str:
    """Why a run failed that nobody hit, as its own lines tell."""
    lines = log.read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if "ERROR" in line or "error" in line]
    return "".join(f"\n    {line}" for line in (wrong or lines)[-LAST_LINES:])


def _end_well(
    project: MeltanoProject, box: Sandbox, tell: Callable[[str], None]
) -> list[str]:
    """Scan the whole audience a day later; first end the scan that was cut off."""
    box.clock.advance(A_DAY_AND_AN_HOUR)
    failures: list[str] = []
    for _ in range(2):
        failures += _failure(project.run(*EXPORT))
        wrong = [str(each) for each in differences(box)]
        if not wrong:
            break
    size = sum(1 for _ in box.lytics.members(VIP))
    tell(f"The audience has {size} members; {len(wrong)} differences to the store.")
    return [*failures, *wrong]


def _failure(run: Run) -> list[str]:
    return [f"A clean run failed: {run.stderr}"] if run.status else []


def _broken_rejects(project: MeltanoProject) -> list[str]:
    """Every line of the rejects can be replayed, whatever was killed at which line."""
    path = project.folder / "rejects.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    broken = [at for at, line in enumerate(lines, start=1) if not _is_json(line)]
    return [f"Line {at} of the rejects is broken." for at in broken]


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return True
