"""Interrupted full syncs: which are resumed, and which restart."""

from __future__ import annotations

from typing import Any

import pytest

from support.tap_job import ID, Collected, Job

MEMBERS = 25
PAGES = 3  # Of five members.


def interrupt(job: Job, *, loses_page: bool = False) -> Collected:
    """Shut down a run once three pages are written, and keep its last state.

    A page that is lost is one that Lytics handed out and the tap did not write.
    """
    output = job.run_interrupted(at_page=PAGES + 1, loses_page=loses_page)
    job.state = output.states[-1]
    job.clock.advance(600)
    return output


def first_cursor(job: Job) -> str:
    """Return the cursor of the first page that was requested since the interrupt."""
    return job.sender.scans[PAGES].query.get("start", "")


def test_interrupted_scan_resumes_after_last_page() -> None:
    job = Job(existing_users=True)
    output = interrupt(job)

    rest = job.run()

    covered = {r["email"] for r in output.records[: output.covered]}
    assert covered
    assert not covered & set(rest.sent())
    assert len(covered | set(rest.sent())) == MEMBERS
    assert job.state["bookmark"] == "2026-03-01T08:00:00Z", "when the first run began"


def test_unknown_cursor_restarts_scan() -> None:
    job = Job(existing_users=True)
    job.state = {"scan_cursor": "unknown", "scan_started_at": "2026-02-28T00:00:00Z"}

    sent = job.run().sent()

    assert len(sent) == MEMBERS
    assert job.state["scan_cursor"] is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"require_fields": [ID]}, {"require_fields": []}),
        ({"require_fields": []}, {"require_fields": [ID]}),
        ({"require_fields": [ID]}, {"require_fields": [ID, "email"]}),
        ({"page_size": 5}, {"page_size": 4}),
    ],
)
def test_changed_settings_restart_scan(
    before: dict[str, Any], after: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(existing_users=True, **before)
    interrupt(job)
    job.config |= after
    caplog.set_level("INFO")

    sent = job.run().sent()

    assert first_cursor(job) == ""
    assert len(sent) == MEMBERS
    assert "the unfinished one cannot be resumed, because" in caplog.text


def test_existing_users_restarts_baseline_scan(ledger_path: str) -> None:
    job = Job(ledger_path=ledger_path)
    interrupt(job)
    job.config["existing_users"] = True

    assert len(job.run().sent()) == MEMBERS


def test_unrelated_settings_resume_scan() -> None:
    job = Job(existing_users=True)
    interrupt(job)
    job.config |= {"poll_interval_seconds": 60, "overlap_minutes": 5}

    assert len(job.run().sent()) == MEMBERS - PAGES * 5


def test_state_without_settings_resumes_scan() -> None:
    job = Job(existing_users=True)
    interrupt(job)
    del job.state["scan_settings"]

    assert len(job.run().sent()) == MEMBERS - PAGES * 5


@pytest.mark.parametrize("has_ledger", [False, True])
def test_scan_with_constant_cursor_restarts(
    has_ledger: bool,  # noqa: FBT001 - a parameter
    ledger_path: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = Job(
        existing_users=True,
        options={"same_token": True},
        ledger_path=ledger_path if has_ledger else None,
    )

    output = interrupt(job, loses_page=True)
    caplog.set_level("INFO")

    rest = job.run().sent()

    covered = {r["email"] for r in output.records[: output.covered]}
    assert first_cursor(job) == ""
    assert len(covered | set(rest)) == MEMBERS
    assert len(rest) == MEMBERS - (len(covered) if has_ledger else 0)
    assert "cannot be resumed, because Lytics gave no cursor" in caplog.text


def test_constant_cursor_restarts_due_full_sync() -> None:
    job = Job(existing_users=True, options={"same_token": True})
    job.run()
    job.box.lytics.redefine("vip_customers")
    interrupt(job)

    assert len(job.run().sent()) == MEMBERS


@pytest.mark.parametrize("had_full_sync", [False, True])
def test_incremental_sync_clears_scan_cursor(
    had_full_sync: bool,  # noqa: FBT001 - a parameter
) -> None:
    job = Job(existing_users=True)
    if had_full_sync:
        job.run()
        job.clock.advance(60)
        job.box.lytics.redefine("vip_customers")
    interrupt(job)
    job.config["existing_users"] = False
    job.run()
    state_between = job.state
    job.config["existing_users"] = True

    sent = job.run().sent()

    assert {v for k, v in state_between.items() if k.startswith("scan_")} == {None}
    assert len(sent) == MEMBERS
