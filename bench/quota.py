"""Customers a second under a standard plan's quota: 150 calls per 30 seconds.

python -m bench.quota [JOBS]

Every job runs for three windows of real time and is measured in the last two. All of a
share run at once, each with its own store; the quota is their bound, not the CPU. JOBS
is how many of the jobs to measure, by default all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.calls import ATTRIBUTES, BY_CUSTOMER, CHANGED, Case
from bench.records import (
    ID_FIELD,
    STREAM,
    TARGET,
    Record,
    lines,
    members,
    writable,
    write_config,
)
from sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

QUOTA, WINDOW_SECONDS = 150, 30
WINDOWS = 2  # After a first one.
MEMBERS = 80_000  # More than a job can write in that time.
STATE_EVERY = 50  # Records.
SHARES = (100, 90)
JOBS = (
    Case(attributes=1),
    Case(attributes=3),
    Case(attributes=1, batch=250),
    Case(attributes=3, batch=250, store=BY_CUSTOMER),
)
CONTENTS: Mapping[str, Sequence[str]] = {"same": (), "changed": CHANGED}
STATES = {"unchanged": "same", "all new": "same", "5 % changed": "changed"}
WIDTH = 56


def rate(
    case: Case,
    state: str,
    share: int,
    folder: Path,
    people: Sequence[Record],
) -> tuple[float, int]:
    """Run a job; return customers a second and calls in the measured windows."""
    options = writable(MEMBERS, email_differing=0, quota=QUOTA, **case.store)
    own = folder / f"{share} {case} {state}".replace("%", "")
    own.mkdir()
    with Sandbox(options) as box:
        if state != "all new":
            _seed(box, case.attributes, people)
        source = folder / f"{STATES[state]}.jsonl"
        settings = {**case.settings(), "quota_share_percent": share}
        arguments = write_config(box, own, settings)
        box.clock.advance(box.store.quota.reset_ms / 1000)  # To a new window.
        began = time.monotonic()
        with source.open("rb") as records:
            process = subprocess.Popen(
                [*TARGET, *arguments],
                cwd=own,
                stdin=records,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            try:
                settled = list(_settled(process, began))
            finally:
                process.kill()
                process.communicate()
        calls = sum(box.store.quota.used_by_window.get(n, 0) for n in _windows(box))
    start, end = WINDOW_SECONDS, WINDOW_SECONDS * (1 + WINDOWS)
    done = _at(settled, end) - _at(settled, start)
    return done / (end - start), calls


def _windows(box: Sandbox) -> range:
    last = max(box.store.quota.used_by_window)
    return range(last - WINDOWS, last)


def _settled(
    process: subprocess.Popen[bytes], began: float
) -> Iterator[tuple[float, int]]:
    """Yield seconds and the number of settled customers at each STATE."""
    yield 0.0, 0
    for line in process.stdout or ():
        seconds = time.monotonic() - began
        yield seconds, json.loads(line)["records"]
        if seconds > WINDOW_SECONDS * (1 + WINDOWS):
            return
    raise SystemExit("the target ended early")


def _at(settled: list[tuple[float, int]], seconds: float) -> float:
    """Interpolate the number of settled customers."""
    at = next(n for n, (time_, _) in enumerate(settled) if time_ >= seconds)
    (before, low), (after, high) = settled[at - 1], settled[at]
    return low + (high - low) * (seconds - before) / (after - before)


def _seed(box: Sandbox, attributes: int, people: Sequence[Record]) -> None:
    """Put the values into the store that the job would write."""
    names = [str(entry["from"]) for entry in ATTRIBUTES[: attributes - 1]]
    audience = box.store.add_attribute(f"LyticsAudience_{STREAM}")
    for person in people:
        box.store.values[int(person[ID_FIELD]), audience] = STREAM
    for name in names:
        number = box.store.add_attribute(name)
        for person in people:
            box.store.values[int(person[ID_FIELD]), number] = person[name]


def main() -> None:
    """Measure and print."""
    jobs = JOBS[: int(sys.argv[1])] if sys.argv[1:] else JOBS
    cases = [(case, state) for state in STATES for case in jobs]
    print(f"target, {QUOTA} calls per {WINDOW_SECONDS} s, customers a second:")
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(len(cases)) as pool:
        folder = Path(name)
        people = _write_records(folder)
        for share in SHARES:
            runs = partial(rate, share=share, folder=folder, people=people)
            found = pool.map(lambda pair, run=runs: run(*pair), cases)
            baseline: dict[tuple[int, str], float] = {}
            for (case, state), (each, calls) in zip(cases, found, strict=True):
                off = baseline.setdefault((case.attributes, state), each)
                print(
                    f"{f'{share} %, {state}, {case}':<{WIDTH}}{each:8.1f}"
                    f" {each / off:5.1f}x {calls:5} calls",
                    flush=True,
                )


def _write_records(folder: Path) -> list[Record]:
    """Write the records, unchanged and changed, to files; return them."""
    with Sandbox(writable(MEMBERS)) as box:
        people = members(box)
    for name, changed in CONTENTS.items():
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(lines(people, changed, state_every=STATE_EVERY))
    return people


if __name__ == "__main__":
    main()
