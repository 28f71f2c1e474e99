"""Memory and open files of one tap over many syncs, while members move and change.

python -m bench.tap_passes [PASSES]

The tap looks every second, which the sandbox lives as a minute: a thousand syncs go
over the overlap dozens of times, and run a full sync every four hours.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox import Clock, Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TAP = Path(sys.executable).parent / "tap-lytics"
VIP = "vip_customers"
PASSES = 1000
MEMBERS, OTHERS = 1000, 500
CHANGES = 20  # Between two passes; half of them are moves.
MINUTE = 60.0
TOLD_EVERY = 100
WARM = 0.3  # Of the passes: by then the overlap and a full sync lie behind.
SETTINGS = {
    "existing_users": True,
    "poll_interval_seconds": 1,
    "full_scan_interval_hours": 4,
}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "ledger": {
        "ledger_path": "members.ledger",
        "require_fields": ["bigcommerce_customer_id"],
        "emit_exits": True,
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """A tap after so many passes and records: megabytes now and at most, open files."""

    passes: int
    records: int
    memory: float
    peak: float
    files: int

    def __str__(self) -> str:
        return (
            f"{self.passes:5,} passes, {self.records:7,} records:"
            f" {self.memory:5.1f} MB, at most {self.peak:5.1f}, {self.files} open files"
        )


def look(pid: int, *, passes: int, records: int) -> Vitals:
    """Read the kernel's figures of a process."""
    folder = Path("/proc", str(pid))
    rows = (folder / "status").read_text(encoding="utf-8").splitlines()
    sizes = {row.split(":")[0]: row.split()[1] for row in rows if row.startswith("Vm")}
    return Vitals(
        passes=passes,
        records=records,
        memory=int(sizes["VmRSS"]) / 1024,
        peak=int(sizes["VmHWM"]) / 1024,
        files=sum(1 for _ in (folder / "fd").iterdir()),
    )


def live(box: Sandbox, chance: random.Random) -> None:
    """Let some members change, and some of everybody enter or leave."""
    for number in range(CHANGES):
        index = chance.randrange(MEMBERS + OTHERS)
        if number % 2:
            box.lytics.change(index, {"company": f"Company {chance.random()}"})
        elif index in box.lytics.audiences[VIP]:
            box.lytics.leave(index)
        else:
            box.lytics.enter(index)


def passes(lines: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Count passes, and records so far, as they end: each moves the bookmark."""
    bookmark, number, records = None, 0, 0
    for line in lines:
        records += line.startswith(b'{"type":"RECORD"')
        message = json.loads(line) if b'"STATE"' in line else {}
        if message.get("type") != "STATE":
            continue
        found = message["value"]["bookmarks"][VIP]["bookmark"]
        if found != bookmark:
            bookmark, number = found, number + 1
            yield number, records


def watch(kind: str, most: int, folder: Path) -> list[Vitals]:
    """Run one tap for so many passes; gives what was seen after each."""
    clock = Clock(scale=MINUTE)
    options = Options(members=MEMBERS, others=OTHERS, journal_length=0)
    with Sandbox(options, clock=clock) as box:
        config = folder / f"{kind}.json"
        settings = box.tap_config(audiences=[VIP], **{**SETTINGS, **KINDS[kind]})
        config.write_text(json.dumps(settings), encoding="utf-8")
        process = subprocess.Popen(
            [str(TAP), "--config", str(config)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            return list(_follow(kind, most, process, box))
        finally:
            process.terminate()
            process.communicate()


def _follow(
    kind: str, most: int, process: subprocess.Popen[bytes], box: Sandbox
) -> Iterator[Vitals]:
    chance = random.Random(1)  # noqa: S311 - who moves, repeatable
    for number, records in passes(process.stdout or ()):
        seen = look(process.pid, passes=number, records=records)
        if number % TOLD_EVERY == 0:
            print(f"{kind:6} {seen}", flush=True)
        yield seen
        if number >= most:
            return
        live(box, chance)


def row(kind: str, seen: list[Vitals]) -> str:
    """Say what became of memory and files from when all was warm to the end."""
    warm = seen[min(int(len(seen) * WARM), len(seen) - 1)]
    last = seen[-1]
    return (
        f"{kind:6} {last.passes:,} passes, {last.records:,} records:"
        f" {seen[0].memory:.1f} MB after the first,"
        f" {warm.memory:.1f} after {warm.passes:,}, {last.memory:.1f} after the last,"
        f" at most {last.peak:.1f}; {seen[0].files}, {warm.files}, {last.files} open"
        f" files, at most {max(each.files for each in seen)}"
    )


def main() -> None:
    """Measure and print."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else PASSES
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor() as threads:
        folder = Path(name)
        found = threads.map(lambda kind: watch(kind, most, folder), KINDS)
        for kind, seen in zip(KINDS, found, strict=True):
            if len(seen) < most:
                raise SystemExit(f"{kind}: the tap ended after {len(seen):,} passes")
            print(row(kind, seen))


if __name__ == "__main__":
    main()
