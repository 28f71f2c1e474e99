"""What holds of every run of the tap, whatever it was answered."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from tap_lytics.client import MAX_CURSOR_LENGTH

from .odd import PERSON
from .wire import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from support.tap_in_process import Ended

    from .server import Served
    from .wire import Asked, Wire

    Message = Mapping[str, Any]

LONGEST_LINE = 8100
LONGEST_NAP = 900
PERSONAL = ("@example.", PERSON)


def assert_orderly(ended: Ended, served: Served, token: str) -> None:
    """It ended well or in one clear line, and logged nothing confidential."""
    assert not served.is_endless, "it asked on and on"
    assert (ended.status, len(ended.errors)) in {(0, 0), (1, 1)}, ended.said
    assert "Traceback" not in ended.said, ended.said
    for line in ended.said.split("\n"):
        assert len(line) <= LONGEST_LINE, line[:LONGEST_LINE]
        assert line.isprintable(), line
    for secret in (token, *PERSONAL):
        assert secret not in ended.said, ended.said
    assert token.encode() not in ended.stdout
    assert all(0 <= nap <= LONGEST_NAP for nap in ended.naps), ended.naps
    assert not [name for level, name, _ in ended.log if _is_foreign(level, name)]


def _is_foreign(level: int, name: str) -> bool:
    return level >= logging.WARNING and not name.startswith("tap-lytics")


def assert_singer(stdout: bytes) -> list[Message]:
    """Every line is whole, strict JSON, and a record fits its schema; gives them."""
    assert not stdout or stdout.endswith(b"\n")
    messages = [_strict(line) for line in stdout.splitlines()]
    fits: dict[str, jsonschema_rs.Validator] = {}
    for message in messages:
        if message["type"] == "SCHEMA":
            fits[message["stream"]] = _validator(message["schema"])
            assert message["key_properties"] == ["_member_id"]
        elif message["type"] == "RECORD":
            fits[message["stream"]].validate(message["record"])
            assert message["record"]["_member_id"]
        else:
            assert message["type"] in {"STATE", "ACTIVATE_VERSION"}
    return messages


def _validator(schema: Message) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(dict(schema), validate_formats=True)


def _strict(line: bytes) -> Message:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    message: Message = json.loads(line.decode(), parse_constant=refuse)
    return message


def assert_state_behind_records(
    messages: Sequence[Message], served: Served, *, cursor: str
) -> None:
    """No STATE of a whole scan claims a page that was not written before it.

    `cursor` is that of the state before.
    """
    if not all(wire.is_json for asked, wire in served.answers if asked.kind == "scan"):
        return  # What the tap makes of it is undefined.
    sums = list(_sums(served.answers, cursor))
    written = 0
    for message in messages:
        written += message["type"] == "RECORD"
        if message["type"] == "STATE":
            for place in message["value"].get("bookmarks", {}).values():
                _assert_claimed(place, written, sums)


def _assert_claimed(
    place: Message, written: int, sums: list[tuple[int, int, str]]
) -> None:
    cursor = place.get("scan_cursor")
    if cursor is not None:
        assert any(n == written and after == cursor for n, _, after in sums), (
            cursor,
            written,
            sums,
        )
    elif place.get("last_whole_scan"):
        total, last, _ = sums[-1]
        assert written in {total, total - last}, (written, sums)


def _sums(
    answers: Sequence[tuple[Asked, Wire]], cursor: str
) -> Iterator[tuple[int, int, str]]:
    """Give, page by page that is one, the members so far, its own, and its cursor."""
    members = 0
    yield 0, 0, cursor
    for asked, wire in answers:
        page = _page(wire) if asked.kind == "scan" else None
        if page:
            members += page[0]
            yield members, *page


def _page(wire: Wire) -> tuple[int, str] | None:
    content = read(wire.body)
    if wire.status != 200 or not isinstance(content, dict):
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


def assert_nobody_left(messages: Sequence[Message], everybody: set[str]) -> None:
    """No exit is reported before every member was sent."""
    sent = {m["record"].get("email") for m in messages if m["type"] == "RECORD"}
    for message in messages:
        if message["type"] == "ACTIVATE_VERSION":
            assert sent >= everybody, everybody - sent
        if message["type"] == "RECORD":
            assert message["record"].get("_sdc_deleted_at") is None, message
