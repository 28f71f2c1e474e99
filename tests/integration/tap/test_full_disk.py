"""A ledger that cannot grow or be opened: one line, and no member is lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import BIN, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]
    Start = Callable[..., Any]

VIP = "vip_customers"
ID = "bigcommerce_customer_id"
MEMBERS = 100
PAGE_BYTES = 4096  # A page of SQLite's, of which a commit writes a few.

LIMITED = """
import os, resource, sys
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
os.execv(sys.argv[2], sys.argv[2:])
"""
# Root writes whatever the permissions say, unless it may not override them.
OBEDIENT = """
import ctypes, os, sys
if not os.geteuid() and sys.platform == "linux":
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH.
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP.
os.execv(sys.argv[1], sys.argv[1:])
"""


def limited(pages: int) -> list[str]:
    """Let no file of the process grow beyond so many pages of SQLite's."""
    return [sys.executable, "-S", "-c", LIMITED, str(pages * PAGE_BYTES)]


@pytest.fixture
def box(make_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return make_sandbox(members=MEMBERS, others=50, without_id=0, shared_id=0)


@pytest.fixture
def config(box: Sandbox, config_of: Config, tmp_path: Path) -> dict[str, Any]:
    """The settings of a job that reports exits, in small pages."""
    (tmp_path / "ledgers").mkdir()
    return config_of(
        box,
        ledger_path=str(tmp_path / "ledgers" / "members.ledger"),
        require_fields=[ID],
        emit_exits=True,
        page_size=10,
    )


def assert_told(tap: Any, config: dict[str, Any], cure: str) -> None:  # noqa: ANN401 - of the conftest
    [line] = tap.errors
    assert "ledger_path" in line
    assert config["ledger_path"] in line
    assert cure in line
    assert "Traceback" not in tap.stderr


def applied(records: Iterable[dict[str, Any]], store: Iterable[str] = ()) -> set[str]:
    """Give the customers of a store to which the records were written."""
    customers = set(store)
    for record in records:
        act = customers.discard if record["_sdc_deleted_at"] else customers.add
        act(record[ID])
    return customers


def audience(box: Sandbox) -> set[str]:
    return {str(box.lytics.member(index)[ID]) for index in box.lytics.members()}


def rows_covered(config: dict[str, Any], state: dict[str, Any]) -> int:
    """Count the ledger's rows that the state covers."""
    covered = state["bookmarks"][VIP]["ledger_generation"]
    connection = sqlite3.connect(config["ledger_path"])
    query = "SELECT count(*) FROM member WHERE generation <= ?"
    [rows] = connection.execute(query, (covered,)).fetchone()
    connection.close()
    return int(rows)


@pytest.mark.guarantee("full-disk")
def test_a_whole_scan_that_fills_the_disk_goes_on_once_there_is_room(
    box: Sandbox, config: dict[str, Any], start_tap: Start
) -> None:
    tap = start_tap(config, through=limited(30))
    status = tap.finish()

    rest = run_tap(config, state=tap.state)

    assert status == 1
    assert_told(tap, config, "Free disk space")
    assert 0 < len(tap.covered) < MEMBERS
    again = applied(tap.covered) & applied(rest.records)
    assert rest.status == 0, rest.stderr
    assert not again
    assert not any(r["_sdc_deleted_at"] for r in rest.records)
    assert applied(rest.records, applied(tap.covered)) == audience(box)


def test_the_state_goes_no_further_than_what_a_full_ledger_kept(
    config: dict[str, Any], start_tap: Start
) -> None:
    tap = start_tap(config, through=limited(30))

    tap.finish()

    assert rows_covered(config, tap.state) == len(tap.covered)


@pytest.mark.guarantee("full-disk")
def test_a_change_pass_that_fills_the_disk_loses_nobody_and_tells_no_false_exit(
    box: Sandbox, config: dict[str, Any], start_tap: Start
) -> None:
    first = run_tap(config)
    for index in range(MEMBERS, MEMBERS + 50):
        box.lytics.enter(index)
    for index in range(20):
        box.lytics.leave(index)
    tap = start_tap(config, first.state, through=limited(20))
    status = tap.finish()
    written = applied(tap.records, applied(first.records))
    for index in range(MEMBERS, MEMBERS + 50, 2):
        box.lytics.leave(index)

    rest = run_tap(config, state=first.state)

    assert status == 1
    assert_told(tap, config, "Free disk space")
    assert 0 < len(tap.records) < 70
    assert tap.state == first.state
    assert rest.status == 0, rest.stderr
    assert applied(rest.records, written) == audience(box)
    assert not run_tap(config, state=rest.state).records


def test_a_disk_that_is_full_from_the_start_sends_nobody(
    box: Sandbox, config: dict[str, Any], start_tap: Start
) -> None:
    tap = start_tap(config, through=limited(1))
    status = tap.finish()

    rest = run_tap(config)

    assert status == 1
    assert_told(tap, config, "Free disk space")
    assert not tap.records
    assert not tap.states
    assert applied(rest.records) == audience(box)


def test_an_output_that_fills_its_disk_is_told(
    box: Sandbox, config_of: Config, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config_of(box)), encoding="utf-8")

    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [BIN / "tap-lytics", "--config", path],
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            check=False,
        )

    assert done.returncode == 1
    assert "output cannot be written: No space left" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.guarantee("full-disk")
@pytest.mark.parametrize(
    ("of_the_folder", "of_the_file"),
    [(0o700, 0o400), (0o500, 0o600), (0o600, 0o600)],
    ids=["the file cannot be written", "nor its folder", "nor can it be found"],
)
def test_a_ledger_that_may_not_be_written_is_told_and_left_as_it_was(
    config: dict[str, Any], start_tap: Start, of_the_folder: int, of_the_file: int
) -> None:
    path = Path(config["ledger_path"])
    first = run_tap(config)
    before = path.read_bytes()
    path.chmod(of_the_file)
    path.parent.chmod(of_the_folder)

    tap = start_tap(config, first.state, through=[sys.executable, "-Sc", OBEDIENT])
    status = tap.finish()
    path.parent.chmod(0o700)
    path.chmod(0o600)

    assert status == 1
    assert_told(tap, config, "Let the tap's user write the file and its folder")
    assert not tap.records
    assert tap.state == first.state
    assert path.read_bytes() == before
    assert not run_tap(config, state=first.state).records


def test_a_damaged_ledger_that_cannot_be_moved_aside_is_told(
    config: dict[str, Any], start_tap: Start
) -> None:
    path = Path(config["ledger_path"])
    first = run_tap(config)
    path.write_bytes(b"once a ledger")
    path.parent.chmod(0o500)

    tap = start_tap(config, first.state, through=[sys.executable, "-Sc", OBEDIENT])
    status = tap.finish()
    path.parent.chmod(0o700)

    assert status == 1
    assert_told(tap, config, "Let the tap's user write the file and its folder")
    assert path.read_bytes() == b"once a ledger"


def test_a_new_ledger_in_a_folder_that_may_not_be_written_is_told(
    config: dict[str, Any], start_tap: Start
) -> None:
    folder = Path(config["ledger_path"]).parent
    folder.chmod(0o500)

    tap = start_tap(config, through=[sys.executable, "-Sc", OBEDIENT])
    status = tap.finish()
    folder.chmod(0o700)

    assert status == 1
    assert_told(tap, config, "Let the tap's user write the file and its folder")
    assert not list(folder.iterdir())
