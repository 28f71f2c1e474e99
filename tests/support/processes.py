"""Plugin processes forked from a server that has already imported both plugins.

A forked process starts in 30 ms where the installed command needs 450 ms, most of
it for imports. It behaves as the command does: arguments, environment, standard
streams, signals and exit status are its own. What only a new interpreter shows,
such as the effect of PYTHONUNBUFFERED or of a closed standard output, and the
commands themselves are tested with the installed commands.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import subprocess
import sys
from importlib.metadata import entry_points
from multiprocessing import reduction
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMANDS = {
    "tap-lytics": "tap_lytics.tap",
    "target-bigcommerce": "target_bigcommerce.target",
}
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(list(COMMANDS.values()))


class PluginProcess:
    """A running plugin, with the part of `subprocess.Popen` that tests use.

    Args:
        command: `tap-lytics` or `target-bigcommerce`.
        args: its arguments.
        stderr: a file that gets its standard error.
        stdin: `subprocess.PIPE`, `subprocess.DEVNULL` or a file to read.
        env: its whole environment; by default that of this process.
    """

    def __init__(
        self,
        command: str,
        args: Sequence[str],
        *,
        stderr: IO[Any],
        stdin: int | IO[Any] = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.stdin: IO[bytes] | None = None
        if stdin == subprocess.PIPE:
            reader, writer = os.pipe()
            self.stdin = os.fdopen(writer, "wb", buffering=0)
        elif isinstance(stdin, int):
            reader = os.open(os.devnull, os.O_RDONLY)
        else:
            reader = os.dup(stdin.fileno())
        out_reader, out_writer = os.pipe()
        self.stdout: IO[bytes] = os.fdopen(out_reader, "rb", buffering=0)
        self._process = _CONTEXT.Process(
            target=_run_command,
            args=(
                [command, *args],
                dict(os.environ if env is None else env),
                *map(_Descriptor, (reader, out_writer, stderr.fileno())),
            ),
            daemon=True,
        )
        self._process.start()
        os.close(reader)
        os.close(out_writer)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status, minus the signal that killed it, or None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit status.

        Raises:
            subprocess.TimeoutExpired: after so many seconds.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("plugin", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it is still running."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, if it is still running."""
        self._process.kill()


class _Descriptor:
    """A file descriptor that is passed on to the forked process."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _receive, (reduction.DupFd(self.number),)


def _receive(passed: Any) -> _Descriptor:  # noqa: ANN401 - multiprocessing's own
    return _Descriptor(passed.detach())


def _run_command(
    argv: list[str],
    env: dict[str, str],
    stdin: _Descriptor,
    stdout: _Descriptor,
    stderr: _Descriptor,
) -> None:
    """Become the command: the forked process runs this and exits."""
    os.environ.clear()
    os.environ.update(env)
    for number, descriptor in enumerate((stdin, stdout, stderr)):
        os.dup2(descriptor.number, number)
        os.close(descriptor.number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the same
    sys.stderr = open(  # noqa: SIM115 - the same
        2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
    faulthandler.enable()
    sys.argv = argv
    [entry] = entry_points(group="console_scripts", name=argv[0])
    sys.exit(entry.load()())
