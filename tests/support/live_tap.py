"""A tap that is still running: read line by line, signalled, killed."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from support.plugins import BIN, SECRETS
from support.processes import PluginProcess

if TYPE_CHECKING:
    from pathlib import Path

VIP = "vip_customers"


class LiveTap:
    """A running tap: stdout is read line by line, stderr goes to a file."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        state: Mapping[str, Any] | None,
        *,
        through: Sequence[str] = (),
    ) -> None:
        self._config = config
        self._errors = folder / "stderr"
        args = []
        for name, value in (("config", config), ("state", state)):
            if value is not None:
                path = folder / f"{name}.json"
                path.write_text(json.dumps(value), encoding="utf-8")
                args += [f"--{name}", str(path)]
        with self._errors.open("w") as stderr:
            self.process: PluginProcess | subprocess.Popen[bytes] = (
                subprocess.Popen(
                    [*through, str(BIN / "tap-lytics"), *args],
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                )
                if through
                else PluginProcess("tap-lytics", args, stderr=stderr)
            )
        assert self.process.stdout is not None
        self._lines = open(self.process.stdout.fileno(), "rb", closefd=False)  # noqa: SIM115 - a descriptor
        self.messages: list[dict[str, Any]] = []

    def read(self, kind: str | None = None, number: int = 1) -> dict[str, Any]:
        """Read until `number` messages of a kind have arrived; return the last."""
        for line in self._lines:
            if not line.endswith(b"\n"):
                break  # Cut by a kill.
            message: dict[str, Any] = json.loads(line)
            self.messages.append(message)
            number -= message["type"] == kind
            if not number:
                return message
        assert kind is None, f"the tap ended: {self.stderr}"
        return {}

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, read the rest and return the exit status."""
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> int:
        """Read to the end and return the exit status."""
        self.read()
        status = self.process.wait(timeout=30)
        for name in SECRETS:
            assert str(self._config.get(name, "\0")) not in self.stderr
        return status

    @property
    def stderr(self) -> str:
        """The log so far."""
        return self._errors.read_text(encoding="utf-8")

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records read so far."""
        return [m["record"] for m in self.messages if m["type"] == "RECORD"]

    @property
    def state(self) -> dict[str, Any]:
        """The last state read so far."""
        return self.states[-1]

    @property
    def states(self) -> list[dict[str, Any]]:
        """All states read so far, in order."""
        return [m["value"] for m in self.messages if m["type"] == "STATE"]

    @property
    def errors(self) -> list[str]:
        """The lines logged at ERROR so far."""
        lines = [line.split(" | ", 3) for line in self.stderr.splitlines()]
        return [parts[-1] for parts in lines if parts[1:2] == ["ERROR   "]]

    @property
    def covered(self) -> list[dict[str, Any]]:
        """The records before the last state."""
        kinds = [m["type"] for m in self.messages]
        last = len(kinds) - 1 - kinds[::-1].index("STATE") if "STATE" in kinds else 0
        return [m["record"] for m in self.messages[:last] if m["type"] == "RECORD"]


StartTap = Callable[..., LiveTap]
