"""`make simulate`: simulates many seeds, or replays one."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from .simulation import simulate
from .tap.simulation import simulate_tap

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = 10_000
STEP = 500


def main() -> int:
    """Simulate the seeds; exit with 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seeds", type=int, default=MANY)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    one = given.seed
    seeds = range(given.seeds) if one is None else range(one, one + 1)
    began, failed = time.monotonic(), 0
    for seed in seeds:
        failed += sum(not _passes(run, seed) for run in (simulate, simulate_tap))
        if (seed + 1) % STEP == 0:
            print(f"{seed + 1:,} seeds, {failed} violations", flush=True)  # noqa: T201 - a command
    seconds = time.monotonic() - began
    print(f"{len(seeds):,} seeds in {seconds:.0f} s, {failed} violations")  # noqa: T201 - a command
    return 1 if failed else 0


def _passes(run: Callable[[int], object], seed: int) -> bool:
    try:
        run(seed)
    except AssertionError as found:
        print(found, file=sys.stderr)  # noqa: T201 - a command
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
