"""Signals: a run that gets one ends in order, wherever it is."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]
    Start = Callable[..., Any]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_scan_behind_a_page_with_its_state(
    number: int,
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: Start,
) -> None:
    box = make_sandbox(members=400, latency_ms=20)
    config = config_of(box, page_size=10)
    tap = start_tap(config)
    tap.read("STATE", 3)

    status = tap.end(number)

    assert status == 0, tap.stderr
    assert len(tap.records) == len(tap.covered) < 400
    rest = run_tap(config, state=tap.state)
    keys = [record["_member_id"] for record in tap.records + rest.records]
    assert len(set(keys)) == len(keys) == 400


def test_the_continuous_job_repeats_its_passes_until_a_signal(
    sandbox: Sandbox, config_of: Config, start_tap: Start
) -> None:
    tap = start_tap(config_of(sandbox, existing_users=False, poll_interval_seconds=1))
    tap.read("STATE")
    sandbox.lytics.change(3, {"company": "New"})

    tap.read("RECORD")
    tap.read("STATE", 2)
    status = tap.end()

    assert status == 0, tap.stderr
    assert [record["company"] for record in tap.records] == ["New"]


def test_a_signal_ends_a_long_wait_at_once(
    sandbox: Sandbox, config_of: Config, start_tap: Start
) -> None:
    tap = start_tap(config_of(sandbox, poll_interval_seconds=3600))
    tap.read("STATE")

    assert tap.end() == 0


def test_a_signal_ends_a_call_that_hangs_at_once(
    make_sandbox: Callable[..., Sandbox], config_of: Config, start_tap: Start
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
def test_a_signal_before_the_first_page_leaves_the_state_as_it_was(
    option: str,
    status: int,
    expected: str,
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: Start,
) -> None:
    slow = {"slow@GET /api/schema/user": 1.0}
    box = make_sandbox(members=50, fault_rates=slow, fault_seconds=60)
    adding = ["sh", "-c", f'exec "$@" {option}', "sh"]
    tap = start_tap(config_of(box), {"bookmarks": {}}, through=adding)
    # The look is written down when it is answered; the call for the schema follows.
    while not box.journal.total and tap.process.poll() is None:
        time.sleep(0.01)

    ended = tap.end()

    assert ended == status, tap.stderr
    assert expected in tap.stderr.splitlines()[-1]
    assert not tap.messages
