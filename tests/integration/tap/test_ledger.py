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

from sandbox import Fault
from support.plugins import BIN, merge, run_tap
from support.tap_in_process import FinishedRun, run_tap_in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sandbox import Sandbox
    from support.live_tap import LiveTap, StartTap

    Config = Callable[..., dict[str, Any]]

VIP = "vip_customers"
ID = "bigcommerce_customer_id"
NEWS = "newsletter_readers"
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
        members=MEMBERS,
        others=50,
        newsletter=30,
        without_id=0,
        shared_id=0,
        latency_ms=2,
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


@pytest.fixture
def running(config: dict[str, Any], start_tap: StartTap) -> LiveTap:
    """A tap that polls, and has written the state of its first pass."""
    tap = start_tap({**config, "poll_interval_seconds": 3600})
    while tap.read("STATE")["value"]["bookmarks"][VIP]["pass_status"] != "complete":
        pass
    return tap


def test_one_process_uses_a_lineage(config: dict[str, Any], running: LiveTap) -> None:
    second = run_tap(config, state=running.state)

    assert second.status == 1
    assert not second.records
    [line] = second.errors
    assert "in use: another process" in line
    assert config["ledger_path"] in line
    running.end(signal.SIGKILL)  # A lock ends with its process.
    assert run_tap(config, state=running.state).status == 0


def test_lineages_work_side_by_side(
    box: Sandbox, config: dict[str, Any], running: LiveTap
) -> None:
    second = run_tap(config)

    assert second.status == 0, second.stderr
    assert applied(second.records) == audience(box)
    running.end()
    for state in (running.state, second.state):
        later = run_tap(config, state=state)
        assert later.status == 0, later.stderr
        assert not later.records


def test_processes_create_a_ledger_together(
    box: Sandbox, config: dict[str, Any], start_tap: StartTap
) -> None:
    taps = [start_tap(config) for _ in range(4)]

    statuses = [tap.finish() for tap in taps]

    assert statuses == [0] * 4, [tap.stderr[-500:] for tap in taps]
    assert all(applied(tap.records) == audience(box) for tap in taps)


def test_sample_leaves_no_ledger(config: dict[str, Any]) -> None:
    run = run_tap(config, args=["--test"])

    assert run.status == 0, run.stderr
    assert not list(Path(config["ledger_path"]).parent.iterdir())


# Two audiences.


@pytest.fixture
def both(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a job with two audiences, whose first members are not sent."""
    return {**config, "audiences": [VIP, NEWS], "existing_users": False}


def newcomers(box: Sandbox) -> dict[str, int]:
    """Let somebody enter each audience; return them by stream."""
    entering = {VIP: MEMBERS + 20, NEWS: MEMBERS + 21}
    for slug, index in entering.items():
        box.lytics.enter(index, slug)
    return entering


def test_two_audiences_share_a_ledger(box: Sandbox, both: dict[str, Any]) -> None:
    first = run_tap(both)
    entering = newcomers(box)

    second = run_tap(both, state=first.state)
    third = run_tap(both, state=second.state)

    assert not first.records
    sent = {m["stream"] for m in second.messages if m["type"] == "RECORD"}
    assert sent == set(entering)
    assert third.status == 0, third.stderr
    assert not third.records


@pytest.mark.parametrize("refreshed", [VIP, NEWS])
def test_full_refresh_of_one_keeps_the_other(
    box: Sandbox, both: dict[str, Any], refreshed: str
) -> None:
    [other] = {VIP, NEWS} - {refreshed}
    first = run_tap(both)
    alone = run_tap({**both, "audiences": [refreshed]})
    state = merge(first.state, alone.state)
    entering = newcomers(box)

    later = run_tap(both, state=state)

    assert later.status == 0, later.stderr
    sent = {(m["stream"], m["record"][ID]) for m in later.messages if "record" in m}
    ids = {slug: str(box.lytics.member(n)[ID]) for slug, n in entering.items()}
    assert sent == {(refreshed, ids[refreshed]), (other, ids[other])}


@pytest.mark.parametrize("fault", ["401", "403"])
def test_full_refresh_that_fails_between_audiences(
    box: Sandbox, both: dict[str, Any], fault: str
) -> None:
    first = run_tap(both)
    check = f"GET /v2/segment/{VIP}*"  # The second one, by name.
    box.faults.queue(
        Fault(kind="date_ahead", match=check, seconds=0),  # That of the discovery.
        Fault(kind=fault, match=check),
    )
    failed = run_tap(both)
    entering = newcomers(box)

    later = run_tap(both, state=merge(first.state, failed.state))

    assert failed.status == 1
    statuses = {k: v["pass_status"] for k, v in failed.state["bookmarks"].items()}
    assert statuses == {NEWS: "complete", VIP: "running"}
    assert later.status == 0, later.stderr
    sent = {(m["stream"], m["record"][ID]) for m in later.messages if "record" in m}
    assert sent == {(s, str(box.lytics.member(n)[ID])) for s, n in entering.items()}


def test_failed_pass_is_running(box: Sandbox, config: dict[str, Any]) -> None:
    first = run_tap(config)
    check = f"GET /v2/segment/{VIP}*"
    box.faults.queue(
        Fault(kind="date_ahead", match=check, seconds=0), Fault(kind="401", match=check)
    )

    failed = run_tap(config, state=first.state)

    assert failed.status == 1
    assert [s["bookmarks"][VIP]["pass_status"] for s in failed.states] == ["running"]


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
