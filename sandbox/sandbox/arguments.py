"""What can be given on the command line, and the options it makes."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from typing import Any

import msgspec

from .faults import KINDS
from .options import Options

PORT = 8765
EPILOG = f"""\
Faults by chance are given as KIND=SHARE or KIND@METHOD /path=SHARE, for example
--fault 429=0.02 --fault "503_after@PUT /customers=0.05". Kinds: {", ".join(KINDS)}.
--set takes every option of the README's table, e.g. --set apply_valid_rows=true."""
DEFAULTS = {field.name: field.default for field in fields(Options)}


def parser() -> argparse.ArgumentParser:
    """Build the parser of both verbs."""
    words = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local Lytics and BigCommerce on one loopback port.",
    )
    verbs = words.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("serve", "Serve until interrupted."),
        ("run", "Serve while CMD runs, then print what it changed in the store."),
    ):
        found = verbs.add_parser(
            verb,
            help=text,
            description=text,
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_options(found)
        if verb == "run":
            found.add_argument(
                "command",
                nargs=argparse.REMAINDER,
                metavar="-- CMD ...",
                help="the command, with the plugins' variables in its environment",
            )
    return words


def _add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--port", type=int, default=PORT, help="0 takes any free one (%(default)s)")
    add("--members", type=int, default=1000, help="in the main audience (%(default)s)")
    add("--seed", type=int, default=1, help="other people for another seed")
    add("--latency", type=float, default=0, metavar="MS", help="of every answer, in ms")
    add("--quota", type=int, default=150, help="calls per window (%(default)s)")
    add(
        "--window", type=float, default=30, metavar="S", help="in seconds (%(default)s)"
    )
    add("--other-app", type=int, default=0, metavar="N", help="its calls per window")
    add(
        "--fault",
        type=_to_rate,
        action="append",
        default=[],
        metavar="KIND=SHARE",
        help="a fault by chance; may be repeated",
    )
    add(
        "--set",
        type=_to_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any option of the README's table; may be repeated",
    )


def _to_rate(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    if name.partition("@")[0] not in KINDS:
        raise argparse.ArgumentTypeError(f"no fault is called {name!r}")
    return name, float(share)


def _to_setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    default = DEFAULTS.get(name)
    if not isinstance(default, (bool, int, float, str)):
        raise argparse.ArgumentTypeError(f"no option is called {name!r}")
    try:
        return name, msgspec.convert(value, type(default), strict=False)
    except msgspec.ValidationError:
        kind = type(default).__name__
        raise argparse.ArgumentTypeError(f"{name} is of type {kind}") from None


def to_options(given: argparse.Namespace) -> Options:
    """Make the options of what was given; raises ValueError where they clash."""
    options = Options(
        port=given.port,
        members=given.members,
        seed=given.seed,
        latency_ms=given.latency,
        quota=given.quota,
        window_seconds=given.window,
        other_app_calls_per_window=given.other_app,
        fault_rates=dict(given.fault),
    )
    return replace(options, **dict(given.set))
