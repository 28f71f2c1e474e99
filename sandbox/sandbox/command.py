"""The command line's verbs: serve until stopped, or run a command beside it."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from typing import TYPE_CHECKING

from .arguments import parser, to_options
from .box import Sandbox
from .run import run_beside
from .words import diff_lines

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command line; gives the exit status."""
    words = parser()
    given = words.parse_args(argv)
    try:
        box = Sandbox(to_options(given))
    except ValueError as error:
        words.error(str(error))
    _open(box)
    try:
        return _serve(box) if given.verb == "serve" else _run(box, given.command)
    finally:
        box.stop()


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
