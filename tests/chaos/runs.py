"""`make chaos`: Meltano runs that are hit and go on from their state."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from chaos.model import VIP, differences
from chaos.storm import A_DAY_AND_AN_HOUR, EXPORT, Storm
from sandbox import Options, Sandbox
from support.meltano import copy_project

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.meltano import MeltanoProject
    from support.plugins import Run

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
    """Let so many blows hit runs, then make clean ones; tell what is wrong at the end.

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
        missed = Storm(project, box, tell).rage(runs)
        return [*missed, *_end_well(project, box, tell), *_broken_rejects(project)]


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
