"""A file that cannot be written is an error before anything is read."""

from __future__ import annotations

import os
import re
import select
from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import ConfigError
from support.target_settings import validate
from target_bigcommerce.files import check_writable
from target_bigcommerce.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("summary_path", "rejects_path", "changes_path")


def settings(folder: Path, **more: object) -> Settings:
    config: dict[str, Any] = {
        "store_hash": "abc123",
        "access_token": "t0ken",
        "id_field": "id",
        **{name: str(folder / name) for name in NAMES},
        **more,
    }
    assert not validate(config)
    return Settings.from_config(config)


def test_a_try_leaves_no_file_and_changes_none(tmp_path: Path) -> None:
    (tmp_path / "rejects_path").write_text("kept\n")
    (tmp_path / "summary_path").write_text("{}")

    check_writable(settings(tmp_path))

    assert {each.name for each in tmp_path.iterdir()} == {
        "rejects_path",
        "summary_path",
    }
    assert (tmp_path / "rejects_path").read_text() == "kept\n"
    assert (tmp_path / "summary_path").read_text() == "{}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("no/folder/file", "No such file or directory"),
        ("file/inside", "Not a directory"),
        ("folder", "Is a directory"),
        ("x" * 300, "File name too long"),
        ("nu\0l", "this is not a possible file name"),
        ("link", "No such file or directory"),
    ],
    ids=lambda text: text[:20],
)
def test_a_place_where_nothing_can_be_written_is_named_with_its_setting(
    tmp_path: Path, name: str, path: str, why: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "no" / "folder")

    with pytest.raises(ConfigError) as caught:
        check_writable(settings(tmp_path, **{name: str(tmp_path / path)}))

    [line] = caught.value.args
    assert re.match(f"{name} cannot be written: {why}", line)
    assert str(tmp_path) not in line


def test_each_setting_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check_writable(settings(tmp_path / "nowhere"))

    assert {line.split()[0] for line in caught.value.args} == set(NAMES)


def test_a_dry_run_needs_no_file_that_it_does_not_write(tmp_path: Path) -> None:
    given = {"dry_run": True, "summary_path": str(tmp_path / "summary")}

    check_writable(settings(tmp_path / "nowhere", **given))

    assert not list(tmp_path.iterdir())


def test_a_pipe_is_not_opened_before_there_is_something_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)

    check_writable(settings(tmp_path, changes_path=str(tmp_path / "pipe")))

    heard = select.poll()
    heard.register(reader)
    assert heard.poll(0) == []  # No hang-up: nothing opened it.
    os.close(reader)


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("kept\n")
    (tmp_path / "rejects_path").symlink_to(tmp_path / "real")

    check_writable(settings(tmp_path))

    assert (tmp_path / "rejects_path").is_symlink()
