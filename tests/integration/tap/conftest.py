"""Taps that run while the test goes on or get garbled answers, and their settings."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from garbling import GarbledLytics, Jobs
from running import BIN, SECRETS

from sandbox import Options, Sandbox

VIP = "vip_customers"


class RunningTap:
    """A tap under way; its stdout is read line by line, its stderr is a file."""

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
        args = [*through, str(BIN / "tap-lytics")]
        for name, value in (("config", config), ("state", state)):
            if value is not None:
                path = folder / f"{name}.json"
                path.write_text(json.dumps(value), encoding="utf-8")
                args += [f"--{name}", str(path)]
        with self._errors.open("w") as stderr:
            self.process = subprocess.Popen(
                args, stdout=subprocess.PIPE, stderr=stderr, encoding="utf-8"
            )
        self.messages: list[dict[str, Any]] = []

    def read(self, kind: str | None = None, number: int = 1) -> dict[str, Any]:
        """Read until so many messages of a kind came; gives the last."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not line.endswith("\n"):
                break  # Cut by a kill.
            message = json.loads(line)
            self.messages.append(message)
            number -= message["type"] == kind
            if not number:
                return message
        assert kind is None, f"the tap ended: {self.stderr}"
        return {}

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and read what is left; gives the exit status."""
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> int:
        """Read to the end; gives the exit status."""
        self.read()
        status = self.process.wait(timeout=30)
        for name in SECRETS:
            assert str(self._config.get(name, "\0")) not in self.stderr
        return status

    @property
    def stderr(self) -> str:
        """What was logged so far."""
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
        """All of them, in order."""
        return [m["value"] for m in self.messages if m["type"] == "STATE"]

    @property
    def complaints(self) -> list[str]:
        """What it said at ERROR, a line each."""
        lines = [line.split(" | ", 3) for line in self.stderr.splitlines()]
        return [parts[-1] for parts in lines if parts[1:2] == ["ERROR   "]]

    @property
    def covered(self) -> list[dict[str, Any]]:
        """The records before the last state."""
        kinds = [m["type"] for m in self.messages]
        last = len(kinds) - 1 - kinds[::-1].index("STATE") if "STATE" in kinds else 0
        return [m["record"] for m in self.messages[:last] if m["type"] == "RECORD"]


StartTap = Callable[..., RunningTap]


@pytest.fixture
def start_tap() -> Iterator[StartTap]:
    """Start taps, through another command if given; all are killed in the end."""
    running: list[RunningTap] = []
    with tempfile.TemporaryDirectory() as name:

        def start(
            config: Mapping[str, Any],
            state: Mapping[str, Any] | None = None,
            *,
            through: Sequence[str] = (),
        ) -> RunningTap:
            folder = Path(name, str(len(running)))
            folder.mkdir()
            running.append(RunningTap(folder, config, state, through=through))
            return running[-1]

        yield start
        for tap in running:
            tap.process.kill()
            tap.process.wait()
            assert tap.process.stdout is not None
            tap.process.stdout.close()


@pytest.fixture
def config_of() -> Callable[..., dict[str, Any]]:
    """Write a configuration: everybody in the main audience, and further settings."""

    def config(box: Sandbox, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        whole = {"audiences": [VIP], "existing_users": True, **settings}
        return box.tap_config(**whole)

    return config


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """One account and one server, whose answers go wrong, for all of a file."""
    box = Sandbox(Options(members=25, journal_length=10))
    with GarbledLytics(box) as lytics:
        opened = Jobs(lytics, tmp_path_factory.mktemp("garbled"))
        opened.prepare()
        yield opened
