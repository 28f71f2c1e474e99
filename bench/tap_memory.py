"""Memory of the tap and disk space of its ledger, by audience size.

python -m bench.tap_memory [MEMBERS …]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.tap_pages import served

SIZES = (10_000, 100_000, 1_000_000)
TAP = [sys.executable, "-c", "from tap_lytics.tap import TapLytics; TapLytics.cli()"]
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "versions": {"emit_exits": True},
    "ledger": {"ledger_path": "members.ledger"},
}


def measure(members: int, kind: str, folder: Path) -> str:
    """Run the tap once and return a line of results."""
    ledger = folder / "members.ledger"
    ledger.unlink(missing_ok=True)
    with served(members) as settings:
        config = folder / "config.json"
        config.write_text(json.dumps({**settings, **KINDS[kind]}), encoding="utf-8")
        began = time.monotonic()
        process = subprocess.Popen(
            [*TAP, "--config", str(config)],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds, megabytes = time.monotonic() - began, usage.ru_maxrss / 1024
    disk = ledger.stat().st_size / 1e6 if ledger.exists() else 0.0
    return (
        f"{members:9,} members, {kind:8} {megabytes:4.0f} MB of memory,"
        f" {disk:4.0f} MB of disk, {seconds:6.1f} s, status {process.returncode}"
    )


def main() -> None:
    """Measure and print."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    with tempfile.TemporaryDirectory() as folder:
        for members in sizes:
            for kind in KINDS:
                print(measure(members, kind, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
