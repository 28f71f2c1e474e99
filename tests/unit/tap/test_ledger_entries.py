"""Whom a job with a ledger sends: who entered and who changed since its start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from support.tap_job import Job

    MakeJob = Callable[..., Any]


def test_nobody_who_was_there_at_the_start_is_sent(job: Job) -> None:
    job.run()
    job.days_later()
    job.box.lytics.change(3, {"company": "New"})

    assert not job.run().records
    job.days_later()
    assert not job.run().records


def test_who_enters_later_is_sent_also_by_mere_passing_of_time(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger(0))
    job.box.lytics.enter(job.stranger(1), touch=False)

    soon = job.run().sent()
    job.days_later()
    later = job.run().sent()

    assert soon == {job.email(job.stranger(0)): 1}
    assert later == {job.email(job.stranger(1)): 1}


def test_who_leaves_and_comes_back_is_sent(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    left = job.run()
    job.clock.advance(60)
    job.box.lytics.enter(4)

    back = job.run()

    assert left.exits() == [job.customer(4)]
    assert back.sent() == {job.email(4): 1}


def test_changes_are_sent_of_who_was_sent(make_job: MakeJob, path: str) -> None:
    job = make_job(ledger_path=path, existing_users=True)
    job.run()
    job.clock.advance(60)
    job.box.lytics.change(3, {"company": "New"})

    assert job.run().sent() == {job.email(3): 1}


def test_without_emit_changes_only_who_entered_is_sent(
    make_job: MakeJob, path: str
) -> None:
    job = make_job(ledger_path=path, existing_users=True, emit_changes=False)
    first = job.run().sent()
    job.clock.advance(60)
    job.box.lytics.change(3, {"company": "New"})
    job.box.lytics.enter(job.stranger())

    assert len(first) == 25
    assert job.run().sent() == {job.email(job.stranger()): 1}


def test_a_whole_scan_repeats_nobody(make_job: MakeJob, path: str) -> None:
    job = make_job(ledger_path=path, existing_users=True)
    job.run()
    job.days_later()

    assert not job.run().records


def test_a_ledger_added_to_a_job_keeps_its_starting_point(
    make_job: MakeJob, path: str
) -> None:
    job = make_job()
    job.run()
    job.clock.advance(3600)
    job.box.lytics.enter(job.stranger())
    job.config["ledger_path"] = path

    assert job.run().sent() == {job.email(job.stranger()): 1}


def test_existing_users_turned_on_later_sends_who_was_there_from_the_start(
    make_job: MakeJob, path: str
) -> None:
    job = make_job(ledger_path=path)
    job.run()
    job.config["existing_users"] = True
    job.days_later()

    assert len(job.run().sent()) == 25


def test_the_first_scan_says_how_many_it_left_out(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    job.run()

    assert "25 members of vip_customers are recorded but not sent" in caplog.text
