"""The jobs of the tap that meet garbled answers, and what holds of each."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.tap_in_process import run_hasty_tap

from .claims import (
    assert_nobody_left,
    assert_orderly,
    assert_singer,
    assert_state_behind_records,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from support.tap_in_process import Ended

    from .plans import Spoil
    from .server import GarbledLytics

VIP = "vip_customers"
LONG_AGO = "2001-01-01T00:00:00Z"
EXITS: dict[str, Any] = {"emit_exits": True}
HAVING: dict[str, Any] = {"require_fields": ["bigcommerce_customer_id"]}
JOBS: dict[str, dict[str, Any]] = {
    "whole": {},
    "resumed": {},
    "changes": {},
    "versions": EXITS,
    "ledger": {**EXITS, **HAVING, "ledger_path": "ledger.sqlite"},
    "ledger changes": {**EXITS, **HAVING, "ledger_path": "ledger.sqlite"},
    "discovery": {},
    "everything": {"audiences": []},
}

DISCOVERING = {"discovery", "everything"}


@dataclass(slots=True)
class Jobs:
    """Runs jobs against one server, each from what a good run left behind."""

    lytics: GarbledLytics
    folder: Path
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    everybody: set[str] = field(default_factory=set)

    def prepare(self) -> None:
        """Make the good runs."""
        whole = assert_singer(self.run("whole").stdout)
        states = [m["value"] for m in whole if m["type"] == "STATE"]
        self.everybody = {m["record"]["email"] for m in whole if m["type"] == "RECORD"}
        ended = assert_singer(self.run("ledger").stdout)[-1]["value"]
        shutil.copy(self.folder / "ledger.sqlite", self.folder / "kept.sqlite")
        aged = json.loads(json.dumps(ended))
        aged["bookmarks"][VIP]["last_whole_scan"] = LONG_AGO
        self.states = {
            "resumed": states[1],
            "changes": states[-1],
            "ledger": aged,
            "ledger changes": ended,
        }

    def run(
        self,
        job: str,
        spoils: Sequence[Spoil] = (),
        *,
        place: Mapping[str, Any] | None = None,
    ) -> Ended:
        """Run one, and hold it to all that holds of every one.

        `place` is what the state has otherwise of the audience.
        """
        url, served = self.lytics.begin(spoils)
        args = self._args(job, url, place or {})
        ended = run_hasty_tap(args)
        token = self.lytics.box.options.lytics_token
        assert_orderly(ended, served, token)
        if job in DISCOVERING and not ended.status:
            json.loads(ended.stdout)
            return ended
        messages = assert_singer(ended.stdout)
        if job in {"whole", "resumed"}:
            before = self.states.get(job, {}).get("bookmarks", {}).get(VIP, {})
            cursor = before.get("scan_cursor") or ""
            assert_state_behind_records(messages, served, cursor=cursor)
        if self.everybody and served.plan.is_honest:
            assert_nobody_left(messages, self.everybody)
        return ended

    def settings(self, job: str, url: str) -> dict[str, Any]:
        """Give the settings of one."""
        settings = {"audiences": [VIP], "existing_users": True, "page_size": 5}
        settings |= {"request_timeout_seconds": 2, **JOBS[job]}
        if "ledger_path" in settings:
            settings["ledger_path"] = self._ledger()
        token = self.lytics.box.options.lytics_token
        return {**settings, "api_url": url, "api_token": token}

    def _args(self, job: str, url: str, place: Mapping[str, Any]) -> list[str]:
        args = ["--config", self._write("config", self.settings(job, url))]
        if job in self.states:
            state = json.loads(json.dumps(self.states[job]))
            state["bookmarks"][VIP].update(place)
            args += ["--state", self._write("state", state)]
        return args if job not in DISCOVERING else [*args, "--discover"]

    def _ledger(self) -> str:
        path = self.folder / "ledger.sqlite"
        for each in self.folder.glob("ledger.sqlite*"):
            each.unlink()
        if (self.folder / "kept.sqlite").exists():
            shutil.copy(self.folder / "kept.sqlite", path)
        return str(path)

    def _write(self, name: str, value: object) -> str:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return str(path)
