"""A full sync of 100,000 members at 50 ms a call, with one cursor and with several.

python -m bench.tap_scan [MEMBERS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.tap_syncs import TAP, VIP, read_usage
from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMBERS = 100_000
LATENCY_MS = 50
POLL_SECONDS = 0.1
ONE: Mapping[str, Any] = {"scan_parallelism": 1}
CASES: Mapping[str, Mapping[str, Any]] = {
    "1 cursor": ONE,
    "4 cursors": {},
    "4 cursors, ledger": {
        "ledger_path": "members.ledger",
        "require_fields": ["bigcommerce_customer_id"],
        "emit_exits": True,
    },
}


def measure(
    box: Sandbox, settings: Mapping[str, Any], folder: Path
) -> tuple[float, float]:
    """Run the tap once; return seconds and its peak memory in MB."""
    config = folder / "config.json"
    given = box.tap_config(audiences=[VIP], existing_users=True, **settings)
    config.write_text(json.dumps(given), encoding="utf-8")
    began, peak = time.monotonic(), 0.0
    process = subprocess.Popen(
        [str(TAP), "--config", str(config)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        # The kernel's maximum of a child includes the memory of this process.
        try:
            peak = read_usage(process.pid, syncs=0, records=0).peak
        except (OSError, KeyError):
            break  # It has ended.
        time.sleep(POLL_SECONDS)
    if process.wait():
        raise SystemExit("the tap failed")
    return time.monotonic() - began, peak


def main() -> None:
    """Measure and print."""
    members = int(sys.argv[1]) if sys.argv[1:] else MEMBERS
    options = Options(members=members, latency_ms=LATENCY_MS, journal_bodies=False)
    slowest = 0.0
    with Sandbox(options) as box:
        for name, settings in CASES.items():
            box.journal.clear()
            with tempfile.TemporaryDirectory() as folder:
                seconds, peak = measure(box, settings, Path(folder))
            slowest = slowest or seconds
            counts = box.journal.counts
            pages = sum(n for path, n in counts.items() if path.endswith("/scan"))
            print(
                f"tap, {members:,} members at {LATENCY_MS} ms, {name:18} {pages:6,}"
                f" pages, {seconds:5.1f} s, {slowest / seconds:4.1f}x, {peak:4.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
