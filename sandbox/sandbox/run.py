"""Running a command beside the sandbox, signals passed on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOT_FOUND = 127
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_beside(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a command to its end; gives its exit status, 128+n after a signal."""
    try:
        # The command is the user's own, given on the command line.
        process = subprocess.Popen(command, env={**os.environ, **env})
    except OSError as error:
        sys.stderr.write(f"sandbox: cannot run {command[0]}: {error.strerror}\n")
        return NOT_FOUND
    before = {
        number: signal.signal(number, lambda n, _: _pass_on(process, n))
        for number in PASSED_ON
    }
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - status if status < 0 else status


def _pass_on(process: subprocess.Popen[bytes], number: int) -> None:
    # A terminal sends its interrupt to the command, too; twice would be too much.
    told = number == signal.SIGINT and sys.stdin.isatty()
    if process.poll() is None and not told:
        process.send_signal(number)
