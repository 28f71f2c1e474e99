"""Members per second of the tap, of the SDK's record path, and of fetching alone.

All three read the same pages from a server that renders them in advance. Each variant
runs as a process. CPU time is measured, so that other processes have little influence:
the minimum of several runs, minus that of a run over a single page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.tap_pages import PAGE, served

HERE = Path(__file__).parent
VARIANTS = {
    "sdk": [str(HERE / "tap_sdk_path.py")],
    "ours": ["-c", "from tap_lytics.tap import TapLytics; TapLytics.cli()"],
    "fetch": [str(HERE / "tap_fetch.py")],
}
MEMBERS = 20_000
RUNS = 3


def cost(variant: str, config: Path) -> float:
    """Run a variant once and return its CPU time in seconds."""
    process = subprocess.Popen(
        [sys.executable, *VARIANTS[variant], "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"variant {variant!r} failed")
    return usage.ru_utime + usage.ru_stime


def costs(members: int, config: Path) -> dict[str, float]:
    """Return the minimum cost of every variant; runs of the variants alternate."""
    with served(members) as settings:
        config.write_text(json.dumps(settings), encoding="utf-8")
        rounds = [{name: cost(name, config) for name in VARIANTS} for _ in range(RUNS)]
    return {name: min(each[name] for each in rounds) for name in VARIANTS}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.json")
        start, whole = costs(PAGE, config), costs(MEMBERS, config)
    rates = {name: (MEMBERS - PAGE) / (whole[name] - start[name]) for name in VARIANTS}
    for name, rate in rates.items():
        print(f"tap, {name:5} {rate:9,.0f} members per second")
    print(
        f"tap, ours is {rates['ours'] / rates['sdk']:.1f} times the SDK's record path"
        f" and {rates['ours'] / rates['fetch']:.0%} of fetching alone"
    )


if __name__ == "__main__":
    main()
