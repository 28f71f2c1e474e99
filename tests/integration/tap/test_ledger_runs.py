"""The ledger across processes: killed, shared, continued."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]
    Start = Callable[..., Any]

ID = "bigcommerce_customer_id"


@pytest.fixture
def exits(tmp_path: Path) -> dict[str, Any]:
    """The settings of a job that reports exits."""
    return {
        "ledger_path": str(tmp_path / "members.ledger"),
        "require_fields": [ID],
        "emit_exits": True,
    }


def test_who_enters_and_who_leaves_is_sent(
    make_sandbox: Callable[..., Sandbox], config_of: Config, exits: dict[str, Any]
) -> None:
    box = make_sandbox(members=30, without_id=0)
    config = config_of(box, existing_users=False, **exits)
    first = run_tap(config)
    left = box.lytics.member(4)[ID]
    box.lytics.leave(4)
    box.lytics.enter(30)

    second = run_tap(config, state=first.state)

    assert not first.records
    assert [(r[ID], bool(r["_sdc_deleted_at"])) for r in second.records] == [
        (box.lytics.member(30)[ID], False),
        (left, True),
    ]


def test_a_killed_tap_repeats_nothing_that_its_state_covers(
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: Start,
    exits: dict[str, Any],
) -> None:
    box = make_sandbox(members=200, without_id=0, latency_ms=2)
    config = config_of(box, page_size=10, **exits)
    tap = start_tap(config)
    tap.read("STATE", 6)
    tap.end(signal.SIGKILL)

    rest = run_tap(config, state=tap.state)

    covered = {r["_member_id"] for r in tap.covered}
    again = [r["_member_id"] for r in rest.records]
    assert rest.status == 0, rest.stderr
    assert not covered & set(again)
    assert len(covered) + len(again) == 200


def test_two_processes_cannot_share_a_ledger(
    sandbox: Sandbox, config_of: Config, start_tap: Start, exits: dict[str, Any]
) -> None:
    config = config_of(sandbox, **exits)
    tap = start_tap({**config, "poll_interval_seconds": 3600})
    tap.read("STATE")

    second = run_tap(config)

    assert second.status == 1
    assert "in use by another process" in second.stderr.splitlines()[-1]
    assert tap.end() == 0


def test_the_continuous_job_with_a_ledger_tells_entries_and_exits(
    make_sandbox: Callable[..., Sandbox],
    config_of: Config,
    start_tap: Start,
    exits: dict[str, Any],
) -> None:
    box = make_sandbox(members=30, without_id=0)
    config = config_of(box, existing_users=False, poll_interval_seconds=1, **exits)
    tap = start_tap(config)
    tap.read("STATE")
    box.lytics.enter(30)
    tap.read("RECORD")
    box.lytics.leave(30)

    tap.read("RECORD")
    tap.read("STATE")

    assert tap.end() == 0
    assert [bool(r["_sdc_deleted_at"]) for r in tap.records] == [False, True]


def test_another_jobs_ledger_is_refused(
    sandbox: Sandbox, config_of: Config, exits: dict[str, Any]
) -> None:
    config = config_of(sandbox, **exits)
    run_tap({**config, "audiences": ["newsletter_readers"]})

    run = run_tap(config)

    assert run.status == 1
    assert "another job" in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


def test_two_audiences_share_one_ledger_and_stay_apart(
    sandbox: Sandbox, config_of: Config, exits: dict[str, Any]
) -> None:
    audiences = ["vip_customers", "newsletter_readers"]
    config = config_of(sandbox, audiences=audiences, **exits)
    first = run_tap(config)

    second = run_tap(config, state=first.state)

    sent = {m["stream"] for m in first.messages if m["type"] == "RECORD"}
    assert sent == set(audiences)
    assert second.status == 0, second.stderr
    assert not second.records
