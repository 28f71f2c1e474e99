"""Kills the tap at random members of a 50-page scan; counts what is read again.

python -m bench.tap_kills [KILLS]
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sandbox import Options, Sandbox

TAP = Path(sys.executable).parent / "tap-lytics"
PAGES, PAGE = 50, 100
KILLS = 20


def read(config: Path, state: Path | None, stop_at: int | None) -> list[dict[str, Any]]:
    """Run the tap and return its complete lines; kill it after `stop_at` records."""
    options = ["--config", str(config), *(["--state", str(state)] if state else [])]
    process = subprocess.Popen(
        [str(TAP), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    lines, records = [], 0
    for line in process.stdout or ():
        lines.append(line)
        records += line.startswith('{"type":"RECORD"')
        if records == stop_at:
            process.kill()
    process.wait()
    return [json.loads(line) for line in lines if line.endswith("\n")]


def keys(messages: list[dict[str, Any]]) -> list[str]:
    """Return the members' keys."""
    return [m["record"]["_member_id"] for m in messages if m["type"] == "RECORD"]


def kill_once(config: Path, state: Path, member: int) -> tuple[int, int, int]:
    """Kill the tap and run it again.

    Returns:
        The numbers of members missing, covered by STATE and sent again, and read before
        the kill but not covered.
    """
    first = read(config, None, member)
    last = max((n for n, m in enumerate(first) if m["type"] == "STATE"), default=-1)
    covered = set(keys(first[: last + 1]))
    state.write_text(json.dumps(first[last]["value"] if covered else {}))
    again = keys(read(config, state, None))
    missing = PAGES * PAGE - len(covered | set(again))
    return missing, len(covered & set(again)), len(keys(first)) - len(covered)


def main() -> None:
    """Measure and print."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    chance = random.Random(1)  # noqa: S311 - repeatable
    box = Sandbox(Options(members=PAGES * PAGE))
    with box, tempfile.TemporaryDirectory() as name:
        config, state = Path(name, "config.json"), Path(name, "state.json")
        settings = box.tap_config(audiences=["vip_customers"], existing_users=True)
        config.write_text(json.dumps(settings), encoding="utf-8")
        worst = 0
        for number in range(kills):
            member = chance.randrange(1, PAGES * PAGE)
            missing, again, lost = kill_once(config, state, member)
            worst = max(worst, lost)
            print(
                f"kill {number + 1:2} at member {member:4}: {missing} missing,"
                f" {again} covered members sent again, {lost} read twice"
            )
    print(f"at most {worst / PAGE:.1f} pages lost")


if __name__ == "__main__":
    main()
