"""clear-audience on the command line: options, terminal, exit status."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from support.live_target import PATIENCE
from support.plugins import run_target
from support.processes import PluginProcess
from support.store import AUDIENCE, put_values, values_of, writes_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox import Sandbox

COMMAND = ["clear-audience", "--audience", "vip"]
VALUES = {1001: "vip", 1002: "vip", 1003: "news"}


@pytest.fixture(autouse=True)
def _values(box: Sandbox) -> None:
    put_values(box, VALUES)


@pytest.mark.parametrize(
    ("args", "status", "text"),
    [
        ([*COMMAND, "--confirm", "vip"], 0, f"Cleared {AUDIENCE} of 2 customers."),
        ([*COMMAND, "--dry-run"], 0, "nothing was deleted"),
        (COMMAND, 2, "--confirm vip"),
        ([*COMMAND, "--confirm", "news"], 2, "--confirm must be"),
        (["clear-audience"], 2, "--audience"),
        (["clear-audience", "--audience"], 2, "--audience"),
        ([*COMMAND, "--force"], 2, "--force"),
        ([*COMMAND, "--attribute", "None", "--confirm", "vip"], 1, "no attribute None"),
        (
            [*COMMAND, "--audience=vpi", f"--attribute={AUDIENCE}", "--dry-run"],
            1,
            "Its values are vip (2)",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_command_ends_with_its_status(
    args: list[str], status: int, text: str, config: dict[str, Any], box: Sandbox
) -> None:
    got = run_target(config, [], args=args)

    assert got.status == status, got.stderr
    assert text in got.stderr
    assert got.stdout == ""
    assert got.summary is None
    is_cleared = args[-1] == "vip" and status == 0
    assert values_of(box) == ({1003: "news"} if is_cleared else VALUES)


@pytest.mark.parametrize(
    "settings", [{"access_token": "wrong"}, {"store_hash": "other"}, {"id_field": ""}]
)
def test_failed_command_ends_with_status_1(
    settings: dict[str, Any], config: dict[str, Any], box: Sandbox
) -> None:
    got = run_target({**config, **settings}, [], args=[*COMMAND, "--confirm", "vip"])

    assert got.status == 1
    assert len(got.errors) == 1
    assert writes_of(box) == []


def test_settings_come_from_the_environment(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    names = ("api_url", "store_hash", "access_token", "id_field", "rejects_path")
    env = {f"TARGET_BIGCOMMERCE_{name.upper()}": config[name] for name in names}
    env["TARGET_BIGCOMMERCE_HISTORY_PATH"] = str(tmp_path / "history.sqlite")

    got = run_target(
        {}, [], args=["--config=ENV", *COMMAND, "--confirm", "vip"], env=env
    )

    assert got.status == 0, got.stderr
    assert values_of(box) == {1003: "news"}


# With a terminal.


class Terminal:
    """The command with a terminal as its input."""

    def __init__(
        self, config: dict[str, Any], folder: Path, keyboard: int, screen: int
    ) -> None:
        path = folder / "config.json"
        path.write_text(
            json.dumps({**config, "history_path": str(folder / "history.sqlite")})
        )
        self._keyboard = keyboard
        self._errors = folder / "stderr"
        stdin = os.fdopen(os.dup(screen), "rb", 0)
        with self._errors.open("wb") as errors, stdin:
            self.process = PluginProcess(
                "target-bigcommerce",
                ["--config", str(path), *COMMAND],
                stdin=stdin,
                stderr=errors,
            )

    def await_question(self) -> str:
        """Wait for the question."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            text = self._errors.read_text("utf-8")
            if "to confirm" in text:
                return text
            assert self.process.poll() is None, text
            time.sleep(0.05)
        raise AssertionError("no question came")

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self._keyboard, text.encode())


@contextmanager
def terminal(config: dict[str, Any], folder: Path) -> Iterator[Terminal]:
    keyboard, screen = os.openpty()
    opened = Terminal(config, folder, keyboard, screen)
    try:
        yield opened
    finally:
        opened.process.kill()
        opened.process.wait()
        opened.process.stdout.close()
        os.close(keyboard)
        os.close(screen)


@pytest.mark.parametrize(
    ("typed", "status"), [("vip\n", 0), ("yes\n", 1), ("\n", 1), ("\x04", 1)]
)
def test_terminal_asks_for_the_slug(
    typed: str, status: int, config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    with terminal(config, tmp_path) as opened:
        question = opened.await_question()
        opened.type(typed)

        assert opened.process.wait(PATIENCE) == status

    assert "2 customers" in question
    assert values_of(box) == ({1003: "news"} if status == 0 else VALUES)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_question(
    number: signal.Signals, config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    with terminal(config, tmp_path) as opened:
        opened.await_question()
        opened.process.send_signal(number)

        assert opened.process.wait(PATIENCE) == 128 + number

    assert values_of(box) == VALUES
