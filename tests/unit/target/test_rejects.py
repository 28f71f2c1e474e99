"""A rejected record is written as a Singer message that can be replayed."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
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
    lines_backwards,
    utc_now,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_reject_follows_its_schema_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    rejects = open_rejects(path, schema())

    rejects.add({**record(id=1), "time_extracted": AT, "version": 7}, ERROR)

    reject = {
        "reason": "company has 300 characters",
        "code": "too_long",
        "status": None,
        "request_id": None,
        "at": AT,
    }
    row = {**record(id=1), "time_extracted": AT, "reject": reject}
    assert lines(path) == [schema(), row]


def test_reject_has_the_stores_status_and_request_id(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    error = to_reject(ErrorDetails(status=422, title="No.", request_id="0a1b"))

    open_rejects(path, schema()).add(record(id=1), error)

    reject = lines(path)[1]["reject"]
    assert (reject["status"], reject["request_id"]) == (422, "0a1b")


def test_schema_is_repeated_only_after_a_change(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    rejects = open_rejects(path, schema(), schema("news"))

    for message in (record(id=1), record("news", id=2), record(id=3)):
        rejects.add(message, ERROR)
    rejects.remember_schema(schema(id={}))
    rejects.remember_schema(schema(id={}))
    rejects.add(record(id=4), ERROR)
    rejects.add(record(id=5), ERROR)

    kinds = [(row["type"], row["stream"]) for row in lines(path)]
    assert kinds == [
        ("SCHEMA", "vip"),
        ("RECORD", "vip"),
        ("SCHEMA", "news"),
        ("RECORD", "news"),
        ("RECORD", "vip"),
        ("SCHEMA", "vip"),
        ("RECORD", "vip"),
        ("RECORD", "vip"),
    ]


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


def test_identity_is_what_counts_as_distinct() -> None:
    rejects = RejectsFile(None)

    for n in range(3):
        rejects.add(record(), ERROR, identity={"id": n})

    assert rejects.distinct == 3


# Duplicates.

OTHER = RecordRejectedError(RejectCode.EMAIL_TAKEN, "another customer has this email")
HOUR = timedelta(hours=1)


class Runs:
    """Runs of one job that reject records into one file, each with a new object."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = datetime(2026, 3, 1, 8, tzinfo=UTC)
        self._opened: list[RejectsFile] = []

    def start(self, *schemas: Message) -> RejectsFile:
        """Start a run."""
        rejects = RejectsFile(LineFile(str(self.path), "rejects_path"), now=self.time)
        for each in schemas or (schema(),):
            rejects.remember_schema(each)
        self._opened.append(rejects)
        return rejects

    def time(self) -> str:
        """The time in RFC 3339."""
        return self.now.isoformat()

    def reject(self, *records: Message, why: RecordRejectedError = ERROR) -> None:
        """Run once and reject these records."""
        rejects = self.start(schema(), schema("news"))
        for each in records:
            rejects.add(each, why)
        rejects.close()

    @property
    def ids(self) -> list[object]:
        """The ids of the rejects, in the file's order."""
        found = lines(self.path) if self.path.exists() else []
        return [row["record"].get("id") for row in found if row["type"] == "RECORD"]

    def close(self) -> None:
        """Close the files of all runs."""
        for each in self._opened:
            each.close()


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    runs = Runs(tmp_path / "rejects")
    yield runs
    runs.close()


def test_reject_of_every_run_is_one_line(runs: Runs) -> None:
    for _ in range(3):
        runs.reject(*(record(id=n) for n in range(17)))
        runs.now += HOUR

    assert runs.ids == list(range(17))


@pytest.mark.parametrize(
    "other",
    [
        record(id=2),
        record(id="1"),
        record(id=1, company="New"),
        record("news", id=1),
        record(id=Decimal("1.0")),
    ],
    ids=str,
)
def test_reject_that_differs_is_another_line(runs: Runs, other: Message) -> None:
    runs.reject(record(id=1))
    runs.reject(other)

    assert len(runs.ids) == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"id": 1, "name": "Zoë \u2028 \\"},
        {"id": Decimal("0.10"), "n": 10**30, "e": Decimal("1E+2")},
        {"id": None, "tags": ["a", {"b": None}]},
        {},
    ],
    ids=str,
)
def test_equal_values_are_recognized(runs: Runs, fields: dict[str, object]) -> None:
    runs.reject({**record(), "record": fields})
    runs.reject({**record(), "record": dict(reversed(fields.items()))})

    assert len(runs.ids) == 1


def test_another_code_is_another_line(runs: Runs) -> None:
    runs.reject(record(id=1))
    runs.reject(record(id=1), why=OTHER)
    runs.reject(record(id=1), why=OTHER)

    assert [row["reject"]["code"] for row in lines(runs.path) if "reject" in row] == [
        "too_long",
        "email_taken",
    ]


@pytest.mark.parametrize(
    ("hours", "count"), [(23.9, 1), (24, 2), (100, 2), (-1, 2)], ids=str
)
def test_reject_is_repeated_after_a_day(runs: Runs, hours: float, count: int) -> None:
    runs.reject(record(id=1))
    runs.now += hours * HOUR
    runs.reject(record(id=1))

    assert len(runs.ids) == count


def test_reject_of_a_long_run_is_repeated_after_a_day(runs: Runs) -> None:
    rejects = runs.start()

    for _ in range(50):
        rejects.add(record(id=1), ERROR)
        runs.now += HOUR

    assert len(runs.ids) == 3


def test_newest_of_several_lines_counts(runs: Runs) -> None:
    runs.reject(record(id=1))
    runs.now += 25 * HOUR
    runs.reject(record(id=1))
    runs.now += 23 * HOUR
    runs.reject(record(id=1))

    assert len(runs.ids) == 2


def move(path: Path) -> None:
    path.rename(path.with_name("replay"))


def replace(path: Path) -> None:
    path.with_name("new").write_text("")
    path.with_name("new").rename(path)


def empty(path: Path) -> None:
    path.write_text("")


@pytest.mark.parametrize("leave", [move, replace, empty, Path.unlink])
@pytest.mark.parametrize("is_running", [True, False])
def test_reject_is_repeated_if_its_line_is_gone(
    runs: Runs, leave: Callable[[Path], None], *, is_running: bool
) -> None:
    rejects = runs.start()
    rejects.add(record(id=1), ERROR)
    leave(runs.path)
    rejects = rejects if is_running else runs.start()

    rejects.add(record(id=1), ERROR)
    rejects.add(record(id=2), ERROR)

    assert [row["type"] for row in lines(runs.path)] == ["SCHEMA", "RECORD", "RECORD"]


@pytest.mark.parametrize("cut", [1, 2, 20])
def test_partial_line_is_no_duplicate(runs: Runs, cut: int) -> None:
    runs.reject(record(id=1))
    runs.path.write_bytes(runs.path.read_bytes()[:-cut])

    runs.reject(record(id=1))

    assert runs.ids == [1]


def test_only_lines_still_in_the_file_count(runs: Runs) -> None:
    runs.reject(record(id=1), record(id=2), record(id=3))
    kept = [row for row in lines(runs.path) if row.get("record") != {"id": 2}]
    runs.path.write_text("".join(json.dumps(row) + "\n" for row in kept))

    runs.reject(record(id=1), record(id=2), record(id=3))

    assert runs.ids == [1, 3, 2]


@pytest.mark.parametrize(
    "line",
    [
        "not JSON",
        "",
        "[]",
        "17",
        "[" * 100_000,
        "\ufeff{}",
        '{"type":"RECORD","stream":"vip","record":{"id":1},"rej',
        json.dumps(record(id=1)),
        json.dumps({**record(id=1), "reject": None}),
        json.dumps({**record(id=1), "reject": {"code": "too_long", "at": "noon"}}),
        json.dumps({**record(id=1), "reject": {"code": "too_long", "at": AT[:19]}}),
    ],
    ids=range(11),
)
def test_other_lines_of_the_file_do_not_count(runs: Runs, line: str) -> None:
    runs.path.write_text(line + "\n", encoding="utf-8")

    runs.reject(record(id=1))

    last = runs.path.read_text("utf-8").splitlines()[-1]
    assert json.loads(last)["record"] == {"id": 1}


@pytest.mark.parametrize("length", [10, 1 << 20, (1 << 21) + 7])
def test_old_lines_are_not_read(runs: Runs, length: int) -> None:
    old = {
        **record(id=1),
        "reject": {"code": "too_long", "at": AT, "pad": "x" * length},
    }
    runs.now += 30 * HOUR
    runs.reject(record(id=2))
    text = runs.path.read_text()
    runs.path.write_text(json.dumps(old) + "\n" + text)

    runs.reject(record(id=2))

    assert runs.ids == [1, 2]


@pytest.mark.parametrize("limit", [0, 1, 7, 12, 100])
@pytest.mark.parametrize("text", ["", "one", "one\n", "one\n\ntwo", "one\ntwo\n"])
def test_file_is_read_from_its_end(tmp_path: Path, limit: int, text: str) -> None:
    path = tmp_path / "lines"
    path.write_text(text)

    found = b"\n".join(reversed(list(lines_backwards(str(path), limit))))

    assert text.encode().endswith(found)
    assert limit < len(text) or found == text.encode()


def test_absent_file_has_no_lines(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for name in ("pipe", "missing", "."):
        assert list(lines_backwards(str(tmp_path / name), 100)) == []


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
