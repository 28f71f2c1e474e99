"""The command line's words and what they set."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from typing import TYPE_CHECKING

from .box import Sandbox
from .faults import KINDS
from .options import Options
from .run import run_beside
from .words import diff_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

PORT = 8765
EPILOG = f"""\
Faults by chance are given as KIND=SHARE or KIND@METHOD /path=SHARE, for example
--fault 429=0.02 --fault "503_after@PUT /customers=0.05". Kinds: {", ".join(KINDS)}.
The README beside this package lists everything else that can be set from Python."""


def main(argv: Sequence[str]) -> int:
    """Run the command line; gives the exit status."""
    given = _parser().parse_args(argv)
    box = Sandbox(_options(given))
    _open(box)
    try:
        return _serve(box) if given.verb == "serve" else _run(box, given.command)
    finally:
        box.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local Lytics and BigCommerce on one loopback port.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
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
    return parser


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


def _to_rate(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    if name.partition("@")[0] not in KINDS:
        raise argparse.ArgumentTypeError(f"no fault is called {name!r}")
    return name, float(share)


def _options(given: argparse.Namespace) -> Options:
    return Options(
        port=given.port,
        members=given.members,
        seed=given.seed,
        latency_ms=given.latency,
        quota=given.quota,
        window_seconds=given.window,
        other_app_calls_per_window=given.other_app,
        fault_rates=dict(given.fault),
    )


def _open(box: Sandbox) -> None:
    try:
        box.start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        box.start(port=0)
        _say(f"sandbox: port {box.options.port} is taken, using {box.port}")


def _serve(box: Sandbox) -> int:
    _say(f"sandbox: serving at {box.url}")
    for name, value in box.env().items():
        sys.stdout.write(f"export {name}={value}\n")
    sys.stdout.flush()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    over.wait()
    return 0


def _run(box: Sandbox, command: Sequence[str]) -> int:
    words = list(command[1:] if command[:1] == ["--"] else command)
    if not words:
        _say("sandbox: run needs a command, as in: python -m sandbox run -- CMD")
        return 2
    status = run_beside(words, box.env())
    for line in diff_lines(box.store.diff()):
        _say(line)
    return status


def _say(text: str) -> None:
    # Not stdout: that belongs to the command.
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
