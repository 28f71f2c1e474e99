"""Compares the target with a naive one, on the same records and stores."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.records import TARGET as OURS
from bench.records import lines, run, writable, write_config
from bench.records import members as members_of
from sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

NAIVE = (sys.executable, str(Path(__file__).parent / "naive_target.py"))
FIELDS = ("email", "first_name", "last_name", "company")
MAPPING = [{"from": name, "to": name} for name in FIELDS]
# At 0 ms, use enough records to make the start-up time negligible.
LOADS = ((0, 10_000), (100, 1_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Duration and number of HTTP calls of a run."""

    seconds: float
    calls: int


def main() -> None:
    """Print a row for every latency and store state."""
    print("target-bigcommerce and a naive BatchSink target, seconds and calls:")
    print(f"{'':<28}{'ours':>16}{'naive':>16}{'ratio':>8}")
    for latency, members in LOADS:
        for case in ("all new", "nothing changed", "5 % changed"):
            ours, naive = (
                _measure(command, case, latency, members) for command in (OURS, NAIVE)
            )
            name = f"{latency} ms, {members:,}, {case}"
            ratio = naive.seconds / ours.seconds
            print(f"{name:<28}{_shown(ours)}{_shown(naive)}{ratio:>7.1f}x", flush=True)


def _measure(command: Sequence[str], case: str, latency: int, members: int) -> Timed:
    with Sandbox(writable(members)) as box, tempfile.TemporaryDirectory() as name:
        folder, people = Path(name), members_of(box)
        source = folder / "records.jsonl"
        source.write_text("".join(lines(people)), encoding="utf-8")
        if case != "all new":
            _run(OURS, box, folder, source)
        if case == "5 % changed":
            source.write_text("".join(lines(people, ["company"])), encoding="utf-8")
        box.latency_ms = latency
        before = box.journal.total
        seconds = _run(command, box, folder, source)
        return Timed(seconds=seconds, calls=box.journal.total - before)


def _run(command: Sequence[str], box: Sandbox, folder: Path, source: Path) -> float:
    settings = {"map_standard_fields": MAPPING} if command is OURS else {}
    arguments = write_config(box, folder, settings)
    began = time.perf_counter()
    run([*command, *arguments], source, folder)
    return time.perf_counter() - began


def _shown(timed: Timed) -> str:
    return f"{timed.seconds:>8.2f} {timed.calls:>7,}"
