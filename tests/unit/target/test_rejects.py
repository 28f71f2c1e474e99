"""A rejected record is written as a Singer message that can be replayed."""

from __future__ import annotations

import io
import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import ConfigError
from target_bigcommerce.errors import (
    REMEDIES,
    ErrorDetails,
    RecordRejectedError,
    RejectCode,
    to_reject,
)
from target_bigcommerce.files import (
    LineFile,
    RejectsFile,
    check_not_rejects_file,
    utc_now,
)

if TYPE_CHECKING:
    from pathlib import Path

Message = dict[str, Any]
AT = "2026-03-01T08:00:00.000+00:00"
ERROR = RecordRejectedError(RejectCode.TOO_LONG, "company has 300 characters")


def schema(stream: str = "vip", **properties: object) -> Message:
    return {"type": "SCHEMA", "stream": stream, "schema": {"properties": properties}}


def record(stream: str = "vip", **fields: object) -> Message:
    return {"type": "RECORD", "stream": stream, "record": fields}


def open_rejects(path: Path, *schemas: Message) -> RejectsFile:
    file = LineFile(str(path), "rejects_path")
    rejects = RejectsFile(file, now=lambda: AT)
    for each in schemas:
        rejects.remember_schema(each)
    return rejects


def lines(path: Path) -> list[Message]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_reject_follows_its_schema_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    rejects = open_rejects(path, schema())

    rejects.add({**record(id=1), "time_extracted": AT, "version": 7}, ERROR)

    reject = {
        "reason": "company has 300 characters",
        "code": "too_long",
        "status": None,
        "at": AT,
    }
    row = {**record(id=1), "time_extracted": AT, "reject": reject}
    assert lines(path) == [schema(), row]


def test_schema_is_repeated_only_after_a_change(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    rejects = open_rejects(path, schema(), schema("news"))

    for message in (record(id=1), record("news", id=2), record(id=3)):
        rejects.add(message, ERROR)
    rejects.remember_schema(schema(id={}))
    rejects.add(record(id=4), ERROR)

    kinds = [(row["type"], row["stream"]) for row in lines(path)]
    assert kinds == [
        ("SCHEMA", "vip"),
        ("RECORD", "vip"),
        ("SCHEMA", "news"),
        ("RECORD", "news"),
        ("RECORD", "vip"),
        ("SCHEMA", "vip"),
        ("RECORD", "vip"),
    ]


def test_schema_is_new_until_it_is_remembered() -> None:
    rejects = RejectsFile(None)

    assert rejects.is_new_schema(schema())
    rejects.remember_schema(schema())

    assert not rejects.is_new_schema(schema())
    assert rejects.is_new_schema(schema(id={}))


def test_numbers_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    fields = {"a": Decimal("12345678901234567890.5"), "b": 10**30, "c": Decimal("1.10")}
    message = {**record(), "record": fields}

    open_rejects(path, schema()).add(message, ERROR)

    kept = json.loads(path.read_text().splitlines()[1], parse_float=Decimal)["record"]
    assert kept == fields


def test_record_rejected_twice_counts_once() -> None:
    rejects = RejectsFile(None)

    rejects.add(record(a=1, b=2), ERROR)
    rejects.add(record(b=2, a=1), ERROR)
    rejects.add(record(a=1, b=3), ERROR)
    rejects.add(record("news", a=1, b=3), ERROR)

    assert rejects.distinct == 3


def test_time_is_rfc_3339_in_utc() -> None:
    offset = datetime.fromisoformat(utc_now()).utcoffset()

    assert offset is not None
    assert not offset


# The rejects file as input.


def test_rejects_file_cannot_be_the_input(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    path.write_text("")

    with path.open() as given, pytest.raises(ConfigError, match="mv rejects"):
        check_not_rejects_file(str(path), given)


def test_link_to_the_rejects_file_is_recognized(tmp_path: Path) -> None:
    path, other = tmp_path / "rejects", tmp_path / "other"
    path.write_text("")
    other.symlink_to(path)

    with path.open() as given, pytest.raises(ConfigError):
        check_not_rejects_file(str(other), given)


def test_moved_file_can_be_replayed(tmp_path: Path) -> None:
    replay = tmp_path / "replay"
    replay.write_text("")

    with replay.open() as given:
        check_not_rejects_file(str(tmp_path / "rejects"), given)


def test_input_that_is_not_a_file_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    path.write_text("")

    check_not_rejects_file(str(path), io.StringIO())


# Codes.


def test_every_code_has_a_remedy() -> None:
    assert REMEDIES.keys() == set(RejectCode)
    assert all(remedy.endswith(".") for remedy in REMEDIES.values())


@pytest.mark.parametrize(
    ("status", "errors", "code"),
    [
        (422, {"0.id": "invalid customer ID"}, RejectCode.UNKNOWN_CUSTOMER),
        (422, {"0.company": "error.maxLength"}, RejectCode.TOO_LONG),
        (422, {".x": "Error: email a@b.co already in use"}, RejectCode.EMAIL_TAKEN),
        (422, {"0.email": "error.email"}, RejectCode.REFUSED),
        (422, {}, RejectCode.REFUSED),
        (422, None, RejectCode.REFUSED),
        (200, None, RejectCode.UNCONFIRMED),
    ],
    ids=str,
)
def test_store_error_has_a_code_and_a_reason(
    status: int, errors: dict[str, str] | None, code: RejectCode
) -> None:
    error = to_reject(ErrorDetails(status=status, title="Failed.", errors=errors))

    assert error.code is code
    assert error.status == status
    assert all(text in error.reason for text in ("Failed.", *(errors or {}).values()))
