"""Files of personal data hold whole lines and are their owner's alone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import OutputError
from target_bigcommerce.files import CHUNK_BYTES, ChangesFile, LineFile, NoChangeLog
from target_bigcommerce.plan import Change

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")


def line_file(path: Path) -> LineFile:
    return LineFile(str(path), "rejects_path")


def test_lines_are_appended_one_below_the_other(tmp_path: Path) -> None:
    path = tmp_path / "lines"

    for run in range(2):
        file = line_file(path)
        file.append([{"run": run, "line": 1}, {"run": run, "line": 2}])
        file.sync()

    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["run"], row["line"]) for row in rows] == [
        (0, 1),
        (0, 2),
        (1, 1),
        (1, 2),
    ]


@pytest.mark.guarantee("private-files")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "lines"

    line_file(path).append([1])

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_file_is_made_before_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "lines"

    line_file(path).sync()

    assert not path.exists()


@given(whole=st.lists(st.text()), rest=st.binary(max_size=20))
def test_a_line_that_a_crash_cut_off_is_dropped(
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
def test_a_cut_line_of_any_length_is_dropped(
    tmp_path: Path, before: bytes, length: int
) -> None:
    path = tmp_path / "lines"
    path.write_bytes(before + b"x" * length)

    line_file(path).append(["new"])

    assert path.read_bytes() == before + b'"new"\n'


def test_a_pipe_can_take_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    line_file(path).append(["new"])

    assert os.read(reader, 100) == b'"new"\n'
    os.close(reader)


@pytest.mark.guarantee("full-disk")
@needs_full
def test_a_full_disk_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(OutputError) as caught:
        line_file(FULL).append([1])

    assert str(caught.value).startswith("rejects_path cannot be written: No space left")


def test_a_folder_that_is_not_there_is_an_error_that_names_the_setting(
    tmp_path: Path,
) -> None:
    with pytest.raises(OutputError, match="rejects_path cannot be written"):
        line_file(tmp_path / "nowhere" / "lines").append([1])


# Changes.


def test_every_value_written_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    changes = [
        Change(name="company", old="Before", new="After"),
        Change(name="Tier", is_attribute=True, new="gold"),
    ]
    file = ChangesFile(
        LineFile(str(path), "changes_path"), now=lambda: "2026-03-01T08:00:00.000+00:00"
    )

    file.add("vip", 17, changes)
    file.sync()

    common = {"at": "2026-03-01T08:00:00.000+00:00", "stream": "vip", "customer_id": 17}
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {**common, "field": "company", "old": "Before", "new": "After"},
        {**common, "attribute": "Tier", "old": None, "new": "gold"},
    ]


def test_who_wants_no_changes_gets_none(tmp_path: Path) -> None:
    log = NoChangeLog()

    log.add("vip", 17, [Change(name="company", new="After")])
    log.sync()

    assert not list(tmp_path.iterdir())
