"""Which members a job with a ledger sends, also after lost states."""

from __future__ import annotations

import pytest

from support.tap_job import ID, Job


def test_baseline_members_are_not_sent(job: Job) -> None:
    job.run()
    job.days_later()
    job.box.lytics.change(3, {"company": "New"})

    first = job.run()
    job.days_later()

    assert not first.records
    assert not job.run().records


def test_new_members_are_sent(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider(0))
    job.box.lytics.enter(job.outsider(1), touch=False)

    incremental = job.run().sent()
    job.days_later()
    full = job.run().sent()

    assert incremental == {job.email(job.outsider(0)): 1}
    assert full == {job.email(job.outsider(1)): 1}


def test_returning_member_is_sent(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    exited = job.run()
    job.clock.advance(60)
    job.box.lytics.enter(4)

    returned = job.run()

    assert exited.exits() == [job.customer(4)]
    assert returned.sent() == {job.email(4): 1}


def test_change_of_sent_member_is_sent(ledger_path: str) -> None:
    job = Job(ledger_path=ledger_path, existing_users=True)
    job.run()
    job.clock.advance(60)
    job.box.lytics.change(3, {"company": "New"})

    assert job.run().sent() == {job.email(3): 1}


def test_emit_changes_false_sends_only_entries(ledger_path: str) -> None:
    job = Job(ledger_path=ledger_path, existing_users=True, emit_changes=False)
    first = job.run().sent()
    job.clock.advance(60)
    job.box.lytics.change(3, {"company": "New"})
    job.box.lytics.enter(job.outsider())

    second = job.run().sent()

    assert len(first) == 25
    assert second == {job.email(job.outsider()): 1}


def test_full_sync_sends_no_repeats(ledger_path: str) -> None:
    job = Job(ledger_path=ledger_path, existing_users=True)
    job.run()
    job.days_later()

    assert not job.run().records


def test_added_ledger_keeps_baseline(ledger_path: str) -> None:
    job = Job()
    job.run()
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider())
    job.config["ledger_path"] = ledger_path

    assert job.run().sent() == {job.email(job.outsider()): 1}


def test_existing_users_later_sends_baseline(ledger_path: str) -> None:
    job = Job(ledger_path=ledger_path)
    job.run()
    job.config["existing_users"] = True
    job.days_later()

    assert len(job.run().sent()) == 25


def test_baseline_scan_logs_unsent_count(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    job.run()

    assert "recorded 25 members of vip_customers without sending any" in caplog.text


# States that do not match the ledger: never kept, never written, interrupted.


@pytest.mark.guarantee("tap-resumes-after-kill")
def test_unwritten_records_are_sent_again(full_job: Job) -> None:
    full_job.run()
    kept = full_job.state  # The last state that the target printed.
    full_job.clock.advance(60)
    full_job.box.lytics.enter(full_job.outsider())
    full_job.box.lytics.change(3, {"company": "New"})
    full_job.box.lytics.leave(4)
    lost = full_job.run().sent()
    full_job.state = kept
    full_job.clock.advance(60)

    resent = full_job.run().sent()

    assert len(lost) == 3
    assert resent == lost
    full_job.clock.advance(60)
    assert not full_job.run().records


def test_unwritten_exit_of_returned_member(full_job: Job) -> None:
    full_job.config["emit_changes"] = False
    full_job.run()
    kept = full_job.state
    full_job.clock.advance(60)
    full_job.box.lytics.leave(4)
    full_job.run()
    full_job.state = kept
    full_job.box.lytics.enter(4)
    full_job.clock.advance(60)

    assert full_job.run().sent() == {full_job.email(4): 1}


def test_missing_state_resets_baseline(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider())
    job.state = {}

    first = job.run()
    job.days_later()

    assert not first.records
    assert not job.run().records


def test_full_refresh_reports_exits(full_job: Job) -> None:
    full_job.run()
    full_job.clock.advance(60)
    full_job.box.lytics.leave(4)
    full_job.state = {}

    output = full_job.run()

    assert output.exits() == [full_job.customer(4)]
    assert len(output.records) == 25


def test_state_before_lost_refresh_is_accepted(job: Job) -> None:
    job.run()
    kept = job.state
    job.state = {}
    job.run()
    job.state = kept
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider())

    assert job.run().sent() == {job.email(job.outsider()): 1}


def test_resumed_baseline_covers_all_members(job: Job) -> None:
    job.state = job.run_interrupted(at_page=4).states[-1]

    resumed = job.run()
    job.days_later()

    assert not resumed.records
    assert not job.run().records


def test_member_of_interrupted_run_can_exit(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider())
    output = job.run_interrupted(at_page=3)
    job.clock.advance(60)
    job.box.lytics.leave(job.outsider())

    exits = job.run().exits()

    assert output.sent() == {job.email(job.outsider()): 1}
    assert exits == [job.customer(job.outsider())]


def test_exit_of_interrupted_run_can_return(ledger_path: str) -> None:
    job = Job(
        members=8,
        ledger_path=ledger_path,
        require_fields=[ID],
        emit_exits=True,
        existing_users=True,
        page_size=1,
    )
    job.run()
    job.clock.advance(60)
    for index in (1, 2):
        job.box.lytics.leave(index)
    output = job.run_interrupted(at_page=4)  # The page of the second exit.
    [exited] = output.exits()
    job.clock.advance(60)
    for index in (1, 2):
        job.box.lytics.enter(index)

    resent = [r[ID] for r in job.run().records]

    assert exited in resent
