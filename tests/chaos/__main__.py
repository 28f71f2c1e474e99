"""`python -m chaos runs|soak|load`: the long runs, see --help of each."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.load import run_load
from chaos.runs import EXITS, run_chaos
from chaos.soak import run_soak

if TYPE_CHECKING:
    from argparse import Namespace

SIZES = (10_000, 100_000, 1_000_000)
MOST_LINES = 20


def main() -> int:
    """Do what the command line says; 1 if anything was wrong at the end."""
    # A shell's background job is deaf to Ctrl-C, and its Meltano would be too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options = _parser().parse_args()
    say(f"Seed {options.seed}.")
    wrong: list[str] = options.act(options)
    for line in wrong[:MOST_LINES]:
        say(line)
    say(f"{len(wrong)} things are wrong." if wrong else "All is well.")
    return 1 if wrong else 0


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _runs(options: Namespace) -> list[str]:
    return run_chaos(options.runs, seed=options.seed, exits=options.exits, tell=say)


def _soak(options: Namespace) -> list[str]:
    return run_soak(options.minutes, seed=options.seed, svg=options.svg, tell=say)


def _load(options: Namespace) -> list[str]:
    sizes = options.members or SIZES
    loads = [run_load(size, seed=options.seed, tell=say) for size in sizes]
    return [line for wrong in loads for line in wrong]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("runs", help="Meltano runs whose processes are killed")
    runs.add_argument("--runs", type=int, default=20)
    runs.add_argument("--exits", choices=sorted(EXITS), default="ledger")
    soak = commands.add_parser("soak", help="the continuous pair on a long bad day")
    soak.add_argument("--minutes", type=float, default=30.0)
    soak.add_argument("--svg", type=Path, help="file for a picture of it")
    load = commands.add_parser("load", help="large audiences through the pair")
    load.add_argument("--members", type=int, nargs="*")
    for command, act in ((runs, _runs), (soak, _soak), (load, _load)):
        command.add_argument("--seed", type=int, default=secrets.randbelow(10_000))
        command.set_defaults(act=act)
    return parser


if __name__ == "__main__":
    sys.exit(main())
