"""Jobs of the tap that get corrupted responses, and what holds of each run."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from support.tap_in_process import run_tap_in_process
from tap_lytics.client import MAX_CURSOR_LENGTH

from .json_corruptions import PERSON
from .wire import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from support.tap_in_process import FinishedRun

    from .server import CorruptedLytics, Corruption, ServedRun
    from .wire import RequestInfo, WireResponse

    Message = Mapping[str, Any]

VIP = "vip_customers"
EXITS: dict[str, Any] = {"emit_exits": True}
LEDGER: dict[str, Any] = {
    **EXITS,
    "require_fields": ["bigcommerce_customer_id"],
    "ledger_path": "ledger.sqlite",
}
JOBS: dict[str, dict[str, Any]] = {
    "full": {},
    "resumed": {},
    "incremental": {},
    "versions": EXITS,
    "ledger": LEDGER,
    "ledger incremental": LEDGER,
    "discovery": {},
    "discovery of all": {"audiences": []},
}
DISCOVERY = {"discovery", "discovery of all"}
MAX_LINE_LENGTH = 8100
MAX_WAIT_SECONDS = 900
PERSONAL = ("@example.", PERSON)


@dataclass(slots=True)
class Jobs:
    """Runs jobs against one server, each from the state of a good run."""

    lytics: CorruptedLytics
    folder: Path
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)

    def prepare(self) -> None:
        """Make the good runs."""
        full = assert_singer(self.run("full").stdout)
        states = [m["value"] for m in full if m["type"] == "STATE"]
        self.members = {m["record"]["email"] for m in full if m["type"] == "RECORD"}
        current = assert_singer(self.run("ledger").stdout)[-1]["value"]
        shutil.copy(self.folder / "ledger.sqlite", self.folder / "kept.sqlite")
        overdue = json.loads(json.dumps(current))
        overdue["bookmarks"][VIP]["last_whole_scan"] = "2001-01-01T00:00:00Z"
        self.states = {
            "resumed": states[1],
            "incremental": states[-1],
            "ledger": overdue,
            "ledger incremental": current,
        }

    def run(
        self,
        job: str,
        corruptions: Sequence[Corruption] = (),
        *,
        bookmark: Mapping[str, Any] | None = None,
    ) -> FinishedRun:
        """Run a job, and check what holds of every run.

        Args:
            job: one of JOBS.
            corruptions: of the responses.
            bookmark: keys to change in the audience's part of the state.
        """
        url, served = self.lytics.start_run(corruptions)
        finished = run_tap_in_process(self._args(job, url, bookmark or {}))
        token = self.lytics.box.options.lytics_token
        assert_clean_end(finished, served, token)
        if job in DISCOVERY and not finished.status:
            json.loads(finished.stdout)
            return finished
        messages = assert_singer(finished.stdout)
        if job in {"full", "resumed"}:
            before = self.states.get(job, {}).get("bookmarks", {}).get(VIP, {})
            cursor = before.get("scan_cursor") or ""
            assert_state_behind_records(messages, served, cursor=cursor)
        if self.members and served.is_truthful:
            assert_no_false_exit(messages, self.members)
        return finished

    def settings(self, job: str, url: str) -> dict[str, Any]:
        """Return the settings of a job."""
        settings = {
            "audiences": [VIP],
            "existing_users": True,
            "page_size": 5,
            "request_timeout_seconds": 2,
            "api_url": url,
            "api_token": self.lytics.box.options.lytics_token,
            **JOBS[job],
        }
        if "ledger_path" in settings:
            settings["ledger_path"] = self._restore_ledger()
        return settings

    def _args(self, job: str, url: str, bookmark: Mapping[str, Any]) -> list[str]:
        args = ["--config", self._write("config", self.settings(job, url))]
        if job in self.states:
            state = json.loads(json.dumps(self.states[job]))
            state["bookmarks"][VIP].update(bookmark)
            args += ["--state", self._write("state", state)]
        return args if job not in DISCOVERY else [*args, "--discover"]

    def _restore_ledger(self) -> str:
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


def assert_clean_end(finished: FinishedRun, served: ServedRun, token: str) -> None:
    """The run succeeded or logged one clear error, and nothing confidential."""
    log = finished.log_text
    assert not served.is_endless, "it sends requests without end"
    assert (finished.status, len(finished.errors)) in {(0, 0), (1, 1)}, log
    assert "Traceback" not in log, log
    for line in log.split("\n"):
        assert len(line) <= MAX_LINE_LENGTH, line[:MAX_LINE_LENGTH]
        assert line.isprintable(), line
    for secret in (token, *PERSONAL):
        assert secret not in log, log
    assert token.encode() not in finished.stdout
    assert all(0 <= wait <= MAX_WAIT_SECONDS for wait in finished.waits)
    foreign = [
        name
        for level, name, _ in finished.log
        if level >= logging.WARNING and not name.startswith("tap-lytics")
    ]
    assert not foreign, "another logger than the tap's warned"


def assert_singer(stdout: bytes) -> list[Message]:
    """Every line is complete, strict JSON, and each record fits its schema.

    Returns the messages.
    """
    assert not stdout or stdout.endswith(b"\n")
    messages = [_parse_strictly(line) for line in stdout.splitlines()]
    validators: dict[str, jsonschema_rs.Validator] = {}
    for message in messages:
        if message["type"] == "SCHEMA":
            validators[message["stream"]] = jsonschema_rs.validator_for(
                dict(message["schema"]), validate_formats=True
            )
            assert message["key_properties"] == ["_member_id"]
        elif message["type"] == "RECORD":
            validators[message["stream"]].validate(message["record"])
            assert message["record"]["_member_id"]
        else:
            assert message["type"] in {"STATE", "ACTIVATE_VERSION"}
    return messages


def _parse_strictly(line: bytes) -> Message:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    message: Message = json.loads(line.decode(), parse_constant=refuse)
    return message


def assert_state_behind_records(
    messages: Sequence[Message], served: ServedRun, *, cursor: str
) -> None:
    """No STATE of a full sync covers a page whose records do not precede it.

    `cursor` is the one the run started with.
    """
    scans = [each for each in served.exchanges if each[0].kind == "scan"]
    if not all(response.is_json for _, response in scans):
        return  # How the tap parses it is undefined.
    pages = list(_pages(scans, cursor))
    written = 0
    for message in messages:
        written += message["type"] == "RECORD"
        if message["type"] == "STATE":
            for bookmark in message["value"].get("bookmarks", {}).values():
                _assert_covered(bookmark, written, pages)


def _assert_covered(
    bookmark: Message, written: int, pages: list[tuple[int, int, str]]
) -> None:
    cursor = bookmark.get("scan_cursor")
    if cursor is not None:
        covered = [total for total, _, after in pages if after == cursor]
        assert written in covered, (cursor, written, pages)
    elif bookmark.get("last_whole_scan"):
        total, last, _ = pages[-1]
        assert written in {total, total - last}, (written, pages)


def _pages(
    scans: Sequence[tuple[RequestInfo, WireResponse]], cursor: str
) -> Iterator[tuple[int, int, str]]:
    """Yield of each valid page the members so far, its own, and the next cursor."""
    members = 0
    yield 0, 0, cursor
    for _, response in scans:
        page = _parse_page(response)
        if page:
            members += page[0]
            yield members, *page


def _parse_page(response: WireResponse) -> tuple[int, str] | None:
    content = parse_json(response.body)
    if response.status != 200 or not isinstance(content, dict):
        return None
    data, after = content.get("data"), content.get("_next")
    if data is None and content.get("total") == 0:
        data = []
    if not isinstance(data, list) or not all(isinstance(m, dict) for m in data):
        return None
    cursor = str(after or "")
    is_cursor = (
        type(after) in {str, int, type(None)} and len(cursor) <= MAX_CURSOR_LENGTH
    )
    return (len(data), cursor) if is_cursor else None


def assert_no_false_exit(messages: Sequence[Message], members: set[str]) -> None:
    """No exit is reported before every member was sent."""
    sent = {m["record"].get("email") for m in messages if m["type"] == "RECORD"}
    for message in messages:
        if message["type"] == "ACTIVATE_VERSION":
            assert sent >= members, members - sent
        if message["type"] == "RECORD":
            assert message["record"].get("_sdc_deleted_at") is None, message
