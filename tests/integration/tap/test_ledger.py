"""The ledger across processes: killed, locked, out of disk space, read-only."""

from __future__ import annotations

import json
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import BIN, run_tap
from support.tap_in_process import FinishedRun, run_tap_in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sandbox import Sandbox
    from support.live_tap import StartTap

    Config = Callable[..., dict[str, Any]]

VIP = "vip_customers"
ID = "bigcommerce_customer_id"
MEMBERS = 100
PAGE_BYTES = 4096  # A page of SQLite's, of which a commit writes a few.
FREE_SPACE = "Free disk space"
PERMISSIONS = "Let the tap's user write the file and its folder"

# Permissions do not bind root, unless it loses the capabilities to override them.
OBEY_PERMISSIONS = """
import ctypes, os, sys
if not os.geteuid() and sys.platform == "linux":
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH.
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP.
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def full_disk(pages: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many pages of SQLite's."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (pages * PAGE_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def run_with_full_disk(
    folder: Path, config: dict[str, Any], state: dict[str, Any] | None, *, pages: int
) -> FinishedRun:
    args = []
    for name, value in (("config", config), ("state", state)):
        if value is not None:
            path = folder / f"{name}.json"
            path.write_text(json.dumps(value), encoding="utf-8")
            args += [f"--{name}", str(path)]
    with full_disk(pages):
        return run_tap_in_process(args)


@pytest.fixture
def box(make_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return make_sandbox(
        members=MEMBERS, others=50, without_id=0, shared_id=0, latency_ms=2
    )


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


def assert_ledger_error(
    errors: list[str], log: str, config: dict[str, Any], solution: str
) -> None:
    """One line names the setting, the file and what to do."""
    [line] = errors
    assert "ledger_path" in line
    assert config["ledger_path"] in line
    assert solution in line
    assert "Traceback" not in log


def applied(
    records: Iterable[dict[str, Any]], customers: Iterable[str] = ()
) -> set[str]:
    """Return the customer ids of a store to which the records were written."""
    found = set(customers)
    for record in records:
        act = found.discard if record["_sdc_deleted_at"] else found.add
        act(record[ID])
    return found


def audience(box: Sandbox) -> set[str]:
    return {str(box.lytics.member(index)[ID]) for index in box.lytics.members()}


def covered_rows(config: dict[str, Any], state: dict[str, Any]) -> int:
    """Count the ledger's rows that the state covers."""
    covered = state["bookmarks"][VIP]["ledger_generation"]
    connection = sqlite3.connect(config["ledger_path"])
    query = "SELECT count(*) FROM member WHERE generation <= ?"
    [rows] = connection.execute(query, (covered,)).fetchone()
    connection.close()
    return int(rows)


def test_killed_tap_repeats_no_covered_record(
    box: Sandbox, config: dict[str, Any], start_tap: StartTap
) -> None:
    tap = start_tap(config)
    tap.read("STATE", 4)
    tap.end(signal.SIGKILL)

    rest = run_tap(config, state=tap.state)

    covered, resent = applied(tap.covered), applied(rest.records)
    assert rest.status == 0, rest.stderr
    assert not covered & resent
    assert covered | resent == audience(box)


def test_ledger_is_locked_while_tap_runs(
    config: dict[str, Any], start_tap: StartTap
) -> None:
    tap = start_tap({**config, "poll_interval_seconds": 3600})
    tap.read("STATE")

    second = run_tap(config)

    assert second.status == 1
    assert "in use by another process" in second.stderr.splitlines()[-1]
    assert tap.end() == 0


def test_two_audiences_share_a_ledger(config: dict[str, Any]) -> None:
    config["audiences"] = ["vip_customers", "newsletter_readers"]
    first = run_tap(config)

    second = run_tap(config, state=first.state)

    sent = {m["stream"] for m in first.messages if m["type"] == "RECORD"}
    assert sent == set(config["audiences"])
    assert second.status == 0, second.stderr
    assert not second.records


@pytest.mark.guarantee("full-disk")
def test_full_sync_resumes_after_full_disk(
    box: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    tap = run_with_full_disk(tmp_path, config, None, pages=30)
    rows = covered_rows(config, tap.states[-1])

    rest = run_tap(config, state=tap.states[-1])

    assert tap.status == 1
    assert_ledger_error(tap.errors, tap.log_text, config, FREE_SPACE)
    assert 0 < len(tap.covered) < MEMBERS
    assert rows == len(tap.covered)
    assert rest.status == 0, rest.stderr
    assert not applied(tap.covered) & applied(rest.records)
    assert not any(r["_sdc_deleted_at"] for r in rest.records)
    assert applied(rest.records, applied(tap.covered)) == audience(box)


@pytest.mark.guarantee("full-disk")
def test_incremental_sync_survives_full_disk(
    box: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    first = run_tap(config)
    for index in range(MEMBERS, MEMBERS + 50):
        box.lytics.enter(index)
    for index in range(20):
        box.lytics.leave(index)
    tap = run_with_full_disk(tmp_path, config, first.state, pages=20)
    written = applied(tap.records, applied(first.records))
    for index in range(MEMBERS, MEMBERS + 50, 2):
        box.lytics.leave(index)

    rest = run_tap(config, state=first.state)

    assert tap.status == 1
    assert_ledger_error(tap.errors, tap.log_text, config, FREE_SPACE)
    assert 0 < len(tap.records) < 70
    assert tap.states[-1]["bookmarks"][VIP] == {
        **first.state["bookmarks"][VIP],
        "pass_status": "running",
    }
    assert rest.status == 0, rest.stderr
    assert applied(rest.records, written) == audience(box)
    assert not run_tap(config, state=rest.state).records


def test_disk_full_from_start_sends_no_records(
    box: Sandbox, config: dict[str, Any], tmp_path: Path
) -> None:
    tap = run_with_full_disk(tmp_path, config, None, pages=1)

    rest = run_tap(config)

    assert tap.status == 1
    assert_ledger_error(tap.errors, tap.log_text, config, FREE_SPACE)
    assert not tap.records
    assert not tap.states
    assert applied(rest.records) == audience(box)


def test_full_output_device_is_reported(
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
    ("folder_mode", "file_mode"),
    [(0o700, 0o400), (0o500, 0o600), (0o600, 0o600)],
    ids=["read-only file", "read-only folder", "inaccessible folder"],
)
def test_read_only_ledger_is_reported_and_kept(
    config: dict[str, Any], start_tap: StartTap, folder_mode: int, file_mode: int
) -> None:
    path = Path(config["ledger_path"])
    first = run_tap(config)
    before = path.read_bytes()
    path.chmod(file_mode)
    path.parent.chmod(folder_mode)

    tap = start_tap(
        config, first.state, through=[sys.executable, "-Sc", OBEY_PERMISSIONS]
    )
    status = tap.finish()
    path.parent.chmod(0o700)
    path.chmod(0o600)

    assert status == 1
    assert_ledger_error(tap.errors, tap.stderr, config, PERMISSIONS)
    assert not tap.records
    assert tap.state is None or tap.state["bookmarks"][VIP] == {
        **first.state["bookmarks"][VIP],
        "pass_status": "running",
    }
    assert path.read_bytes() == before
    assert not run_tap(config, state=first.state).records


@pytest.mark.parametrize("content", [b"damaged", None], ids=["damaged", "new"])
def test_read_only_folder_is_reported(
    content: bytes | None, config: dict[str, Any], start_tap: StartTap
) -> None:
    path = Path(config["ledger_path"])
    state = run_tap(config).state if content else None
    path.unlink(missing_ok=True)
    if content:
        path.write_bytes(content)
    path.parent.chmod(0o500)

    tap = start_tap(config, state, through=[sys.executable, "-Sc", OBEY_PERMISSIONS])
    status = tap.finish()
    path.parent.chmod(0o700)

    assert status == 1
    assert_ledger_error(tap.errors, tap.stderr, config, PERMISSIONS)
    assert [each.read_bytes() for each in path.parent.iterdir()] == [content] * bool(
        content
    )
