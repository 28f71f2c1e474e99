"""Clocks and states that are wrong: nothing is lost, at the price of reading more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from support.tap_job import ID, START, Job
from tap_lytics.records import format_timestamp

FUTURE = [timedelta(minutes=2), timedelta(days=1), timedelta(days=200)]
YEAR_9999 = "9999-12-31T23:59:59.999999Z"


def later(job: Job, ahead: timedelta) -> str:
    return format_timestamp(job.local_time() + ahead)


@pytest.mark.guarantee("misleading-responses")
@pytest.mark.parametrize("has_ledger", [False, True])
@pytest.mark.parametrize("key", ["bookmark", "last_whole_scan", "scan_started_at"])
@pytest.mark.parametrize("ahead", [*FUTURE, None], ids=str)
def test_time_in_the_future_makes_full_sync_due(
    ahead: timedelta | None,
    key: str,
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = Job(existing_users=True, ledger_path=ledger_path if has_ledger else None)
    job.run()
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider(0))
    job.box.lytics.enter(job.outsider(1), touch=False)
    job.clock.advance(3600)
    job.state[key] = later(job, ahead) if ahead else YEAR_9999
    scans = job.sender.full_syncs()

    sent = job.run().sent()

    assert job.sender.full_syncs() == scans + 1
    assert {job.email(job.outsider(0)), job.email(job.outsider(1))} <= set(sent)
    assert len(sent) == (2 if has_ledger else 27)
    [line] = [r.getMessage() for r in caplog.records if "cannot be right" in r.message]
    assert key in line
    assert job.state["bookmark"] == format_timestamp(job.local_time())
    assert not job.run(syncs=2).records


@pytest.mark.parametrize("start_date", [None, "2026-02-28T00:00:00Z"])
@pytest.mark.parametrize("ahead", [*FUTURE, None], ids=str)
def test_future_bookmark_without_full_syncs(
    ahead: timedelta | None, start_date: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    job = Job(start_date=start_date, overlap_minutes=0)
    job.run()
    job.days_later(20)
    job.box.lytics.enter(job.outsider())
    job.days_later(15)
    job.box.lytics.change(3, {"company": "New"})
    job.days_later(5)
    job.state["bookmark"] = later(job, ahead) if ahead else YEAR_9999
    caplog.clear()

    sent = job.run().sent()

    expected = {job.email(job.outsider()), job.email(3)}
    assert expected <= set(sent)
    since = start_date or format_timestamp(job.local_time() - timedelta(days=30))
    assert f"changed since {since}" in caplog.text
    assert job.state["bookmark"] == format_timestamp(job.local_time())


@pytest.mark.parametrize("seconds", [1, 59])
@pytest.mark.parametrize("config", [{"existing_users": True}, {}], ids=str)
def test_small_difference_is_no_reason(config: dict[str, Any], seconds: int) -> None:
    """Lytics' servers do not agree to the second. What changed since is read."""
    job = Job(overlap_minutes=0, **config)
    job.run()
    job.clock.advance(600)
    job.run()
    job.box.lytics.change(3, {"company": "New"})
    job.state["bookmark"] = later(job, timedelta(seconds=seconds))
    scans = job.sender.full_syncs()

    sent = job.run().sent()

    assert sent == {job.email(3): 1}
    assert job.sender.full_syncs() == scans


@pytest.mark.guarantee("misleading-responses")
@pytest.mark.parametrize("has_ledger", [False, True])
@pytest.mark.parametrize("existing_users", [False, True])
@pytest.mark.parametrize("wrong", ["Lytics", "this machine"])
@pytest.mark.parametrize("days", [-400, -90, 90, 400])
def test_clock_that_is_wrong_once_loses_nobody(
    days: int,
    wrong: str,
    existing_users: bool,  # noqa: FBT001 - a parameter
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
) -> None:
    job = Job(
        existing_users=existing_users,
        ledger_path=ledger_path if has_ledger else None,
        require_fields=[ID],
    )
    job.run()
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider(0))
    set_clock(job, wrong, days)
    sent = set(job.run().sent())
    set_clock(job, wrong, 0)
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider(1))
    job.clock.advance(3600)
    sent |= set(job.run().sent())
    later_scans = job.sender.full_syncs()
    job.days_later()
    job.run()

    assert {job.email(job.outsider(0)), job.email(job.outsider(1))} <= sent
    if existing_users or has_ledger:
        assert job.sender.full_syncs() == later_scans + 1, "the interval still works"


def set_clock(job: Job, wrong: str, days: int) -> None:
    ahead = timedelta(days=days)
    if wrong == "Lytics":
        job.sender.date_ahead = ahead
    else:
        job.local_clock_ahead = ahead


@pytest.mark.parametrize("days", [90, 400])
def test_missing_date_and_wrong_clock_lose_nobody(days: int) -> None:
    job = Job(existing_users=True, options={"lytics_date_header": False})
    job.local_clock_ahead = timedelta(days=days)
    job.run()
    job.local_clock_ahead = timedelta()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider())

    assert job.email(job.outsider()) in job.run().sent()


def test_future_baseline_is_not_swallowed(ledger_path: str) -> None:
    """A starting point ahead would make newcomers members of the baseline."""
    job = Job(ledger_path=ledger_path)
    job.state = job.run_interrupted(at_page=2).states[-1]
    job.state["starting_point"] = format_timestamp(START + timedelta(days=90))
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider())

    assert job.email(job.outsider()) in job.run().sent()


@pytest.mark.parametrize("has_ledger", [False, True])
@pytest.mark.parametrize(
    "key", ["bookmark", "last_whole_scan", "scan_started_at", "starting_point"]
)
@pytest.mark.parametrize("year", ["0001", "1969"])
def test_ancient_time_loses_nobody(
    year: str,
    key: str,
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
) -> None:
    job = Job(
        existing_users=True,
        emit_exits=True,
        require_fields=[ID],
        ledger_path=ledger_path if has_ledger else None,
    )
    job.state = job.run_interrupted(at_page=3).states[-1]
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider())
    job.state[key] = f"{year}-01-01T00:00:00Z"
    first = job.run().sent()
    job.state["ledger_id"] = None
    job.config["ledger_path"] = ledger_path

    job.run()

    assert job.email(job.outsider()) in first


@pytest.mark.parametrize("key", ["bookmark", "last_whole_scan"])
def test_cleared_time_loses_nobody(key: str) -> None:
    """A state that somebody edited."""
    job = Job(existing_users=True)
    job.run()
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider())
    job.state[key] = None
    job.clock.advance(3600)

    assert job.email(job.outsider()) in job.run().sent()


def test_cleared_bookmark_reads_from_the_start() -> None:
    job = Job()
    job.run()
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider())
    job.days_later()
    job.run()
    job.days_later()
    job.state["bookmark"] = None

    assert job.run().sent() == {job.email(job.outsider()): 1}


@pytest.mark.parametrize("has_ledger", [False, True])
def test_ancient_start_date_sends_everybody(
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
) -> None:
    job = Job(start_date="0001-01-01", ledger_path=ledger_path if has_ledger else None)
    first = job.run().sent()
    job.config["ledger_path"] = ledger_path
    job.clock.advance(3600)

    job.run()

    assert len(first) == 25


def test_future_start_date_is_a_baseline() -> None:
    job = Job(start_date="2027-01-01T00:00:00Z")
    first = job.run().sent()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider())

    assert not first
    assert job.run().sent() == {job.email(job.outsider()): 1}


def test_sync_states_from_when_it_reads(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    job = Job(overlap_minutes=30)
    job.run()
    job.clock.advance(3600)

    job.run()

    assert "changes from 2026-03-01T08:00:00Z on are sent" in caplog.text
    assert "profile changed since 2026-03-01T07:30:00Z" in caplog.text
