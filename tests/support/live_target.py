"""A target that is still running: fed line by line, signalled, killed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Self

from support.plugins import Run, examine, to_text, with_files
from support.processes import PluginProcess

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sandbox import Sandbox
    from sandbox.journal import Entry


PATIENCE = 30.0


class LiveTarget:
    """target-bigcommerce with an open input; killed at the end of its context."""

    def __init__(
        self,
        config: Mapping[str, Any],
        folder: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._env = env
        self._config = with_files(config, folder)
        path = folder / "config.json"
        path.write_text(json.dumps(self._config), encoding="utf-8")
        self._errors = folder / "target.err"
        with self._errors.open("wb") as errors:
            self._process = PluginProcess(
                "target-bigcommerce",
                ["--config", str(path)],
                stdin=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(env or {})},
            )
        self._printed = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def is_running(self) -> bool:
        """Whether it is still running."""
        return self._process.poll() is None

    def send(self, *lines: Mapping[str, Any] | str) -> None:
        """Write lines to its input."""
        self.write(to_text(lines).encode())

    def write(self, part: bytes) -> None:
        """Write bytes to its input."""
        assert self._process.stdin is not None
        while part:  # Without a buffer, a write takes what the pipe has room for.
            part = part[self._process.stdin.write(part) or 0 :]

    def send_quietly(self, *lines: Mapping[str, Any] | str) -> None:
        """Write lines and close the input; the target may have stopped reading."""
        try:
            self.send(*lines)
            self.close_input()
        except BrokenPipeError:
            pass

    def close_input(self) -> None:
        """Close its input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def signal(self, number: int) -> None:
        """Send a signal, if it is still running."""
        self._process.send_signal(number)

    def state(self) -> dict[str, Any]:
        """Wait for the next STATE."""
        while b"\n" not in self._printed:
            ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
            assert ready, "no STATE came"
            chunk = os.read(self._process.stdout.fileno(), 65536)
            assert chunk, self._errors.read_text(encoding="utf-8")
            self._printed += chunk
        line, _, self._printed = self._printed.partition(b"\n")
        state: dict[str, Any] = json.loads(line)
        return state

    def end(self, timeout: float = PATIENCE) -> Run:
        """Wait until it exits, whether or not its input is open."""
        status = self._wait(timeout)
        stdout = (self._printed + self._process.stdout.read()).decode()
        run = Run(
            status=status,
            stdout=stdout,
            stderr=self._errors.read_text(encoding="utf-8"),
        )
        return examine(run, self._config, self._env)

    def _wait(self, timeout: float) -> int:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGABRT)  # Python then prints where its threads are.
            self._process.wait(PATIENCE)
            text = self._errors.read_text(encoding="utf-8")
            raise AssertionError(f"the target did not exit:\n{text}") from None


def await_call(
    box: Sandbox, endpoint: str, *, nth: int = 1, status: int | None = None
) -> threading.Event:
    """Return an event that is set at the n-th call of an endpoint.

    It is set once the store has executed the call, before the response is sent.
    """
    came, counted = threading.Event(), [0]

    def look(entry: Entry) -> None:
        if endpoint in {entry.endpoint, "*"} and status in {None, entry.status}:
            counted[0] += 1
            if counted[0] >= nth:
                came.set()

    box.journal.subscribe(look)
    return came
