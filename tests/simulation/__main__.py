"""`make simulate`: simulates many seeds, or replays one."""

from __future__ import annotations

import argparse
import sys
import time

from .simulation import simulate

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
        failed += not _passes(seed)
        if (seed + 1) % STEP == 0:
            print(f"{seed + 1:,} seeds, {failed} violations", flush=True)  # noqa: T201 - a command
    seconds = time.monotonic() - began
    print(f"{len(seeds):,} seeds in {seconds:.0f} s, {failed} violations")  # noqa: T201 - a command
    return 1 if failed else 0


def _passes(seed: int) -> bool:
    try:
        simulate(seed)
    except AssertionError as found:
        print(found, file=sys.stderr)  # noqa: T201 - a command
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
