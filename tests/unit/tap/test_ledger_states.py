"""The ledger and a state that does not match it: never kept, never written, cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.lytics import ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.tap_job import Job

    MakeJob = Callable[..., Any]


@pytest.mark.guarantee("tap-resumes-after-kill")
def test_what_a_killed_target_never_wrote_comes_again(full_job: Job) -> None:
    full_job.run()
    kept = full_job.state  # The last state that the target printed.
    full_job.clock.advance(60)
    full_job.box.lytics.enter(full_job.stranger())
    full_job.box.lytics.change(3, {"company": "New"})
    full_job.box.lytics.leave(4)
    lost = full_job.run().sent()
    full_job.state = kept
    full_job.clock.advance(60)

    again = full_job.run().sent()

    assert len(lost) == 3
    assert again == lost
    full_job.clock.advance(60)
    assert not full_job.run().records


def test_an_exit_never_written_of_who_came_back_sends_them_again(full_job: Job) -> None:
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


def test_no_state_starts_the_ledger_anew(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger())
    job.state = {}

    assert not job.run().records
    job.days_later()
    assert not job.run().records


def test_a_refresh_of_everybody_tells_who_left_meanwhile(full_job: Job) -> None:
    full_job.run()
    full_job.clock.advance(60)
    full_job.box.lytics.leave(4)
    full_job.state = {}

    output = full_job.run()

    assert output.exits() == [full_job.customer(4)]
    assert len(output.records) == 25


def test_a_first_run_whose_state_was_never_kept_is_made_good(full_job: Job) -> None:
    full_job.run()
    full_job.state = {}
    full_job.box.lytics.leave(4, touch=False)

    output = full_job.run()

    assert output.exits() == [full_job.customer(4)]


def test_a_refresh_whose_state_was_never_kept_does_not_lock_the_job_out(
    job: Job,
) -> None:
    job.run()
    kept = job.state
    job.state = {}
    job.run()
    job.state = kept
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger())

    assert job.run().sent() == {job.email(job.stranger()): 1}


def test_a_first_scan_cut_off_flags_the_rest_as_there_from_the_start_too(
    job: Job, collected: type[Any]
) -> None:
    output = collected()
    with job.sender.cut_off(at_scan=4):
        job.run(output)
    job.state = output.states[-1]

    assert not job.run().records
    job.days_later()
    assert not job.run().records


def test_who_was_told_in_a_run_cut_off_is_told_when_they_leave(
    job: Job, collected: type[Any]
) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger())
    output = collected()
    with job.sender.cut_off(at_scan=2):
        job.run(output)
    job.clock.advance(60)
    job.box.lytics.leave(job.stranger())

    left = job.run().exits()

    assert output.sent() == {job.email(job.stranger()): 1}
    assert left == [job.customer(job.stranger())]


def test_who_left_in_a_run_cut_off_and_comes_back_is_sent_again(
    make_job: MakeJob, path: str, collected: type[Any]
) -> None:
    job = make_job(
        members=8,
        ledger_path=path,
        require_fields=[ID],
        emit_exits=True,
        existing_users=True,
        page_size=1,
    )
    job.run()
    job.clock.advance(60)
    for index in (1, 2):
        job.box.lytics.leave(index)
    output = collected()
    with job.sender.cut_off(at_scan=3):  # No change; then the second leaver.
        job.run(output)
    [reported] = output.exits()
    job.clock.advance(60)
    for index in (1, 2):
        job.box.lytics.enter(index)

    back = [r[ID] for r in job.run().records]

    assert reported in back
