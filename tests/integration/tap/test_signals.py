"""Signals end the tap cleanly, wherever it is."""

from __future__ import annotations

import array
import fcntl
import json
import signal
import termios
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_tap
from support.tap_in_process import FinishedRun, run_tap_in_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from support.live_tap import LiveTap, StartTap

    Config = Callable[..., dict[str, Any]]

PIPE_PAGE_BYTES = 4096
TIMEOUT_SECONDS = 30
ID = "bigcommerce_customer_id"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_scan_after_a_page(
    number: int,
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: StartTap,
) -> None:
    box = make_sandbox(members=200, latency_ms=20)
    config = config_of(box, page_size=10)
    tap = start_tap(config)
    tap.read("STATE", 3)

    status = tap.end(number)

    assert status == 0, tap.stderr
    assert len(tap.records) == len(tap.covered) < 200
    rest = run_tap(config, state=tap.state)
    keys = [record["_member_id"] for record in tap.records + rest.records]
    assert len(set(keys)) == len(keys) == 200


def test_signal_ends_poll_wait(
    sandbox: Sandbox, config_of: Config, start_tap: StartTap
) -> None:
    tap = start_tap(config_of(sandbox, poll_interval_seconds=3600))
    tap.read("STATE")

    assert tap.end() == 0


def test_signal_ends_hanging_request(
    make_sandbox: Callable[..., Sandbox], config_of: Config, start_tap: StartTap
) -> None:
    slow = {"slow@GET /api/segment/*": 1.0}
    box = make_sandbox(members=50, fault_rates=slow, fault_seconds=60)
    tap = start_tap(config_of(box, page_size=10))
    tap.read("SCHEMA")

    assert tap.end() == 0


@pytest.mark.parametrize(
    ("option", "status", "expected"),
    [("", 0, "before any member was read"), ("--discover", 1, "Stopped by a signal.")],
)
def test_signal_before_first_page_writes_no_state(
    option: str,
    status: int,
    expected: str,
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: StartTap,
) -> None:
    slow = {"slow@GET /api/schema/user": 1.0}
    box = make_sandbox(members=50, fault_rates=slow, fault_seconds=60)
    command = ["sh", "-c", f'exec "$@" {option}', "sh"]
    tap = start_tap(config_of(box), {"bookmarks": {}}, through=command)
    # The response to the first request is in the journal; the schema's is slow.
    while not box.journal.total and tap.process.poll() is None:
        time.sleep(0.01)

    ended = tap.end()

    assert ended == status, tap.stderr
    assert expected in tap.stderr.splitlines()[-1]
    assert not tap.messages


@pytest.mark.parametrize("buffering", ["PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED="])
@pytest.mark.parametrize(
    ("signals", "reads_all"),
    [((signal.SIGSTOP, signal.SIGCONT), True), ((signal.SIGTERM,), False)],
    ids=["paused", "terminated"],
)
def test_signal_cuts_no_line_in_full_pipe(
    buffering: str,
    signals: tuple[signal.Signals, ...],
    reads_all: bool,  # noqa: FBT001 - a parameter
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: StartTap,
) -> None:
    box = make_sandbox(members=500)
    tap = start_tap(config_of(box), through=("env", buffering))
    await_full_pipe(tap)

    for number in signals:
        tap.process.send_signal(number)
    status = tap.finish()  # Fails if a line is incomplete.

    assert status == 0
    assert tap.messages[-1]["type"] == "STATE"
    assert len(tap.records) == len(tap.covered)
    assert (len(tap.records) == 500) == reads_all


def await_full_pipe(tap: LiveTap) -> None:
    """Wait until the tap is blocked by its output."""
    assert tap.process.stdout is not None
    descriptor = tap.process.stdout.fileno()
    room = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ) - PIPE_PAGE_BYTES
    waiting, end = array.array("i", [0]), time.monotonic() + TIMEOUT_SECONDS
    while waiting[0] <= room and time.monotonic() < end:
        fcntl.ioctl(descriptor, termios.FIONREAD, waiting)
        time.sleep(0.01)
    assert waiting[0] > room


# Continuous jobs, in this process: each wait for the next sync is one step.


@pytest.fixture
def run_steps(tmp_path: Path) -> Callable[..., FinishedRun]:
    """Run a tap; instead of each wait, call the next function; then terminate it."""

    def run(config: dict[str, Any], *steps: Callable[[], object]) -> FinishedRun:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        rest = iter([*steps, lambda: signal.raise_signal(signal.SIGTERM)])
        return run_tap_in_process(
            ["--config", str(path)], on_wait=lambda _: next(rest)()
        )

    return run


def test_continuous_job_syncs_until_signal(
    sandbox: Sandbox, config_of: Config, run_steps: Callable[..., FinishedRun]
) -> None:
    config = config_of(sandbox, existing_users=False, poll_interval_seconds=60)

    finished = run_steps(
        config, lambda: sandbox.lytics.change(3, {"company": "New"}), lambda: None
    )

    assert finished.status == 0, finished.log_text
    assert [record["company"] for record in finished.records] == ["New"]
    assert len(finished.waits) == 3
    assert all(50 < seconds <= 60 for seconds in finished.waits)


def test_continuous_job_sends_entries_and_exits(
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    run_steps: Callable[..., FinishedRun],
    tmp_path: Path,
) -> None:
    box = make_sandbox(members=30, without_id=0)
    config = config_of(
        box,
        existing_users=False,
        poll_interval_seconds=60,
        ledger_path=str(tmp_path / "members.ledger"),
        require_fields=[ID],
        emit_exits=True,
    )

    finished = run_steps(
        config, lambda: box.lytics.enter(30), lambda: box.lytics.leave(30)
    )

    assert finished.status == 0, finished.log_text
    assert [bool(r["_sdc_deleted_at"]) for r in finished.records] == [False, True]
