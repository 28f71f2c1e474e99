"""Members per second of the tap, of the SDK's own record path, and of bare fetching.

All three read the same pages from a server that only hands out what it rendered
before, so what is compared is the tap alone. Each is a process, and its processor time
counts, so that other processes' load does not: the least of a few runs, less that of
a run over one page.
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
WAYS = {
    "sdk": [str(HERE / "tap_sdk_path.py")],
    "ours": ["-c", "from tap_lytics.tap import TapLytics; TapLytics.cli()"],
    "fetch": [str(HERE / "tap_fetch.py")],
}
MEMBERS = 20_000
RUNS = 3


def cost(way: str, config: Path) -> float:
    """Run one way once; gives the seconds of processor time."""
    process = subprocess.Popen(
        [sys.executable, *WAYS[way], "--config", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the way {way!r} failed")
    return usage.ru_utime + usage.ru_stime


def costs(members: int, config: Path) -> dict[str, float]:
    """Give the least cost of every way, the ways taken in turn."""
    with served(members) as settings:
        config.write_text(json.dumps(settings), encoding="utf-8")
        rounds = [{way: cost(way, config) for way in WAYS} for _ in range(RUNS)]
    return {way: min(each[way] for each in rounds) for way in WAYS}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.json")
        start, whole = costs(PAGE, config), costs(MEMBERS, config)
    rates = {way: (MEMBERS - PAGE) / (whole[way] - start[way]) for way in WAYS}
    for way, rate in rates.items():
        print(f"tap, {way:5} {rate:9,.0f} members a second")
    print(
        f"tap, ours is {rates['ours'] / rates['sdk']:.1f} times the SDK's record path"
        f" and {rates['ours'] / rates['fetch']:.0%} of fetching alone"
    )


if __name__ == "__main__":
    main()
