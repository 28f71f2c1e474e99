"""Memory and open files of one tap over many syncs, while members change.

python -m bench.tap_syncs [SYNCS]

The tap syncs every second, which is a minute of the sandbox's clock: a thousand syncs
expire the overlap dozens of times and include a full sync every four hours.
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
SYNCS = 1000
MEMBERS, OTHERS = 1000, 500
CHANGES = 20  # Between two syncs; half of them are entries and exits.
MINUTE = 60.0
PRINT_INTERVAL = 100  # Syncs.
WARM_UP = 0.3  # Fraction of the syncs; includes an expired overlap and a full sync.
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
class Usage:
    """Memory in MB and open files of a tap, after a number of syncs and records."""

    syncs: int
    records: int
    memory: float
    peak: float
    files: int

    def __str__(self) -> str:
        return (
            f"{self.syncs:5,} syncs, {self.records:7,} records:"
            f" {self.memory:5.1f} MB, peak {self.peak:5.1f}, {self.files} open files"
        )


def read_usage(pid: int, *, syncs: int, records: int) -> Usage:
    """Read the usage of a process from /proc."""
    folder = Path("/proc", str(pid))
    rows = (folder / "status").read_text(encoding="utf-8").splitlines()
    sizes = {row.split(":")[0]: row.split()[1] for row in rows if row.startswith("Vm")}
    return Usage(
        syncs=syncs,
        records=records,
        memory=int(sizes["VmRSS"]) / 1024,
        peak=int(sizes["VmHWM"]) / 1024,
        files=sum(1 for _ in (folder / "fd").iterdir()),
    )


def change_members(box: Sandbox, chance: random.Random) -> None:
    """Change some profiles, and let some people enter or leave the audience."""
    for number in range(CHANGES):
        index = chance.randrange(MEMBERS + OTHERS)
        if number % 2:
            box.lytics.change(index, {"company": f"Company {chance.random()}"})
        elif index in box.lytics.audiences[VIP]:
            box.lytics.leave(index)
        else:
            box.lytics.enter(index)


def count_syncs(lines: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Yield the numbers of syncs and records when a sync has advanced the bookmark."""
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


def measure(kind: str, syncs: int, folder: Path) -> list[Usage]:
    """Run one tap for a number of syncs; return its usage after each."""
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
            return list(_follow(kind, syncs, process, box))
        finally:
            process.terminate()
            process.communicate()


def _follow(
    kind: str, syncs: int, process: subprocess.Popen[bytes], box: Sandbox
) -> Iterator[Usage]:
    chance = random.Random(1)  # noqa: S311 - repeatable
    for number, records in count_syncs(process.stdout or ()):
        usage = read_usage(process.pid, syncs=number, records=records)
        if number % PRINT_INTERVAL == 0:
            print(f"{kind:6} {usage}", flush=True)
        yield usage
        if number >= syncs:
            return
        change_members(box, chance)


def summarize(kind: str, seen: list[Usage]) -> str:
    """Summarize memory and open files: start, after the warm-up, and end."""
    warm = seen[min(int(len(seen) * WARM_UP), len(seen) - 1)]
    last = seen[-1]
    return (
        f"{kind:6} {last.syncs:,} syncs, {last.records:,} records:"
        f" {seen[0].memory:.1f} MB after the first,"
        f" {warm.memory:.1f} after {warm.syncs:,}, {last.memory:.1f} after the last,"
        f" peak {last.peak:.1f}; {seen[0].files}, {warm.files}, {last.files} open"
        f" files, at most {max(each.files for each in seen)}"
    )


def main() -> None:
    """Measure and print."""
    syncs = int(sys.argv[1]) if len(sys.argv) > 1 else SYNCS
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor() as threads:
        folder = Path(name)
        found = threads.map(lambda kind: measure(kind, syncs, folder), KINDS)
        for kind, seen in zip(KINDS, found, strict=True):
            if len(seen) < syncs:
                raise SystemExit(f"{kind}: the tap ended after {len(seen):,} syncs")
            print(summarize(kind, seen))


if __name__ == "__main__":
    main()
