"""Files of personal data hold whole lines and are private to their owner."""

from __future__ import annotations

import json
import os
import re
import select
import stat
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import ConfigError, OutputError
from support.history import recorded
from support.target_settings import settings
from target_bigcommerce.files import (
    CHUNK_BYTES,
    ChangesFile,
    LineFile,
    check_writable,
)
from target_bigcommerce.plan import Change

if TYPE_CHECKING:
    from target_bigcommerce.settings import Settings

AT = "2026-03-01T08:00:00.000+00:00"
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")


def line_file(path: Path) -> LineFile:
    return LineFile(str(path), "rejects_path")


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "lines"

    for run in range(2):
        file = line_file(path)
        file.append([{"run": run, "line": 1}, {"run": run, "line": 2}])
        file.sync()

    rows = [json.loads(line) for line in path.read_text().splitlines()]
    order = [(row["run"], row["line"]) for row in rows]
    assert order == [(0, 1), (0, 2), (1, 1), (1, 2)]


@pytest.mark.guarantee("private-files")
def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lines"

    line_file(path).append([1])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_file_is_created_before_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "lines"

    line_file(path).sync()

    assert not path.exists()


@given(whole=st.lists(st.text()), rest=st.binary(max_size=20))
def test_line_cut_off_by_a_crash_is_dropped(
    tmp_path_factory: pytest.TempPathFactory, whole: list[str], rest: bytes
) -> None:
    path = tmp_path_factory.mktemp("cut") / "lines"
    before = "".join(json.dumps(text) + "\n" for text in whole).encode()
    path.write_bytes(before + rest.replace(b"\n", b""))

    line_file(path).append(["new"])

    assert path.read_bytes() == before + b'"new"\n'


@pytest.mark.parametrize(
    "length", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
)
@pytest.mark.parametrize("before", [b"", b'"a"\n'])
def test_cut_line_of_any_length_is_dropped(
    tmp_path: Path, before: bytes, length: int
) -> None:
    path = tmp_path / "lines"
    path.write_bytes(before + b"x" * length)

    line_file(path).append(["new"])

    assert path.read_bytes() == before + b'"new"\n'


def test_lines_can_go_to_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    line_file(path).append(["new"])

    assert os.read(reader, 100) == b'"new"\n'
    os.close(reader)


@pytest.mark.guarantee("full-disk")
@needs_full
def test_full_disk_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(OutputError) as caught:
        line_file(FULL).append([1])

    assert str(caught.value).startswith("rejects_path cannot be written: No space left")


def test_missing_folder_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="rejects_path cannot be written"):
        line_file(tmp_path / "missing" / "lines").append([1])


# Changes.


def test_every_written_value_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    changes = [
        Change(name="company", old="Before", new="After"),
        Change(name="Tier", is_attribute=True, new="gold"),
    ]
    file = ChangesFile(LineFile(str(path), "changes_path"))
    at = datetime.fromisoformat(AT).timestamp()

    file.add(recorded(17, *changes, at=at))
    file.sync()

    common = {"at": AT, "stream": "vip", "customer_id": 17}
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {**common, "field": "company", "old": "Before", "new": "After"},
        {**common, "attribute": "Tier", "old": None, "new": "gold"},
    ]


IDENTIFIED = [
    recorded(17, Change(name=f"field {n}", new="x"), id=n, run=2)[0] for n in range(4)
]


@pytest.mark.parametrize(
    ("written", "missing"),
    [
        ([], [0, 1, 2, 3]),
        ([0, 2], [1, 3]),
        ([3, 2, 1, 0], []),
    ],
    ids=["no file", "some", "all"],
)
def test_only_missing_lines_are_added(
    written: list[int], missing: list[int], tmp_path: Path
) -> None:
    path = tmp_path / "changes"
    ChangesFile(LineFile(str(path), "changes_path")).add(
        [IDENTIFIED[n] for n in written]
    )
    file = ChangesFile(LineFile(str(path), "changes_path"))

    file.add_missing(IDENTIFIED)
    file.sync()

    lines = path.read_text().splitlines() if path.exists() else []
    assert [json.loads(line)["id"] for line in lines] == [*written, *missing]


def test_partial_line_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    ChangesFile(LineFile(str(path), "changes_path")).add(IDENTIFIED[:2])
    path.write_bytes(path.read_bytes()[:-3])

    ChangesFile(LineFile(str(path), "changes_path")).add_missing(IDENTIFIED[:2])

    lines = path.read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [0, 1]


def test_line_of_another_history_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    [other] = recorded(17, Change(name="field 0", new="x"), id=0, run=2, at=1.0)
    file = ChangesFile(LineFile(str(path), "changes_path"))
    file.add([other])

    file.add_missing(IDENTIFIED[:1])

    assert len(path.read_text().splitlines()) == 2


# Checked before the input is read.

NAMES = ("summary_path", "rejects_path", "changes_path")


def settings_in(folder: Path, **more: object) -> Settings:
    return settings(**{**{name: str(folder / name) for name in NAMES}, **more})


def test_check_creates_and_changes_no_file(tmp_path: Path) -> None:
    (tmp_path / "rejects_path").write_text("kept\n")
    (tmp_path / "summary_path").write_text("{}")

    check_writable(settings_in(tmp_path))

    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {
        "rejects_path": "kept\n",
        "summary_path": "{}",
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file/inside", "Not a directory"),
        ("folder", "Is a directory"),
        ("x" * 300, "File name too long"),
        ("nu\0l", "this is not a possible file name"),
        ("link/inside", "Not a directory"),
    ],
    ids=lambda text: text[:20],
)
def test_unwritable_path_is_named_with_its_setting(
    tmp_path: Path, name: str, path: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "file")

    with pytest.raises(ConfigError) as caught:
        check_writable(settings_in(tmp_path, **{name: str(tmp_path / path)}))

    [line] = caught.value.args
    assert re.match(f"{name} cannot be written: {reason}", line)
    assert str(tmp_path) not in line


@pytest.mark.guarantee("private-files")
@pytest.mark.parametrize("folder", ["new", "new/inner", "link"])
def test_missing_folder_is_created(tmp_path: Path, folder: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "linked")

    check_writable(settings_in(tmp_path / folder / "job"))

    found = tmp_path / folder / "job"
    assert not list(found.iterdir())
    assert stat.S_IMODE(found.stat().st_mode) == 0o700


def test_every_unwritable_path_has_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError) as caught:
        check_writable(settings_in(tmp_path / "file"))

    assert {line.split()[0] for line in caught.value.args} == set(NAMES)


def test_dry_run_checks_only_the_summary(tmp_path: Path) -> None:
    summary_path = str(tmp_path / "summary")

    check_writable(
        settings_in(tmp_path / "missing", dry_run=True, summary_path=summary_path)
    )

    assert not list(tmp_path.iterdir())


def test_check_does_not_open_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    check_writable(settings_in(tmp_path, changes_path=str(tmp_path / "pipe")))

    poll = select.poll()
    poll.register(reader)
    assert poll.poll(0) == []  # No hang-up: nothing opened it.
    os.close(reader)


def test_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("kept\n")
    (tmp_path / "rejects_path").symlink_to(tmp_path / "real")

    check_writable(settings_in(tmp_path))

    assert (tmp_path / "rejects_path").is_symlink()
