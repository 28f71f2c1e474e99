"""The tap piped into the target: two processes that can be looked at."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any, Self

from chaos.model import VIP
from chaos.processes import vitals
from support.meltano import declared_mapping
from support.plugins import BIN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import IO

    from chaos.processes import Vitals
    from sandbox import Sandbox

PATIENCE_SECONDS = 120.0


class Pair:
    """Both plugins, exactly who entered, changed and left between them.

    The states that the target prints and both logs lie in the folder.
    """

    def __init__(
        self,
        box: Sandbox,
        folder: Path,
        *,
        tap: Mapping[str, Any],
        target: Mapping[str, Any],
    ) -> None:
        self._folder = folder
        self._tap_config = box.tap_config(
            audiences=[VIP],
            existing_users=True,
            emit_exits=True,
            require_fields=["bigcommerce_customer_id"],
            ledger_path=str(folder / "vip.ledger"),
            **tap,
        )
        self._target_config = box.target_config(
            on_exit="clear",
            max_clear_percent=100,
            rejects_path=str(folder / "rejects.jsonl"),
            summary_path=str(folder / "summary.json"),
            **{**declared_mapping(), **target},
        )

    def __enter__(self) -> Self:
        states = (self._folder / "states.jsonl").open("wb")
        self.tap = self._open("tap-lytics", self._tap_config, None, subprocess.PIPE)
        self.target = self._open(
            "target-bigcommerce", self._target_config, self.tap.stdout, states
        )
        states.close()
        assert self.tap.stdout is not None
        self.tap.stdout.close()  # The target holds the only reading end now.
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.tap, self.target):
            process.kill()
            process.wait()

    @property
    def is_running(self) -> bool:
        """Whether neither has ended."""
        return self.tap.poll() is None and self.target.poll() is None

    def vitals(self) -> dict[str, Vitals]:
        """Look at both, as far as they run."""
        looks = {"tap": vitals(self.tap.pid), "target": vitals(self.target.pid)}
        return {name: look for name, look in looks.items() if look is not None}

    def stop(self) -> None:
        """Let the tap end in good order, and the target with it."""
        self.tap.send_signal(signal.SIGTERM)
        self.tap.wait(PATIENCE_SECONDS)
        self.target.wait(PATIENCE_SECONDS)

    def failures(self) -> list[str]:
        """Tell who did not end well, with the end of the log."""
        return [
            f"{name} ended with status {process.returncode}: {self._log(name)[-2000:]}"
            for name, process in (
                ("tap-lytics", self.tap),
                ("target-bigcommerce", self.target),
            )
            if process.returncode
        ]

    def last_state(self) -> bytes:
        """Read the state that the target printed last, as it stands in its line."""
        lines = (self._folder / "states.jsonl").read_bytes().splitlines()
        return lines[-1] if lines else b""

    def summary(self) -> dict[str, Any]:
        """Read the target's summary."""
        text = (self._folder / "summary.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found

    def _open(
        self,
        executable: str,
        config: Mapping[str, Any],
        source: IO[bytes] | None,
        sink: IO[bytes] | int,
    ) -> subprocess.Popen[bytes]:
        path = self._folder / f"{executable}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        with (self._folder / f"{executable}.log").open("wb") as log:
            return subprocess.Popen(
                [str(BIN / executable), "--config", str(path)],
                stdin=source or subprocess.DEVNULL,
                stdout=sink,
                stderr=log,
            )

    def _log(self, executable: str) -> str:
        return (self._folder / f"{executable}.log").read_text(encoding="utf-8")
