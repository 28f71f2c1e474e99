"""Full syncs that saw fewer members than Lytics counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import ShutdownRequestedError
from support.lytics import Twisted, ends_at, is_scan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_lytics.transport import ApiRequest

    MakeJob = Callable[..., Any]

EVERYBODY = 25


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if "Lytics counts" in r.getMessage()]


@pytest.mark.guarantee("incomplete-scan-repeated")
def test_a_scan_that_is_short_is_told_and_made_once_more(
    make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(existing_users=True, full_scan_interval_hours=0)
    twisted = Twisted(job)
    twisted.twist = ends_at(2)
    first = job.run().sent()
    between, said = job.state, warnings_in(caplog)
    twisted.twist = ends_at(0)

    second = job.run().sent()

    assert len(first) == 5
    assert between["bookmark"]
    assert between["last_whole_scan"] is None
    [line] = said
    assert "5 of the 25 members" in line
    assert "another full sync" in line
    assert len(second) == EVERYBODY
    assert job.state["last_whole_scan"]
    assert job.state["short_scans"] is None
    assert not job.run().sent()


def empty_of_nobody(number: int, content: dict[str, Any]) -> None:
    """Let the second page say that there is nobody, and never was."""
    if number == 2:
        content.update(data=[], _next="", total=0)


def test_a_count_that_falls_to_nothing_is_not_taken_for_the_end(
    make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(existing_users=True, emit_exits=True)
    twisted = Twisted(job)
    twisted.twist = empty_of_nobody

    first = job.run()
    between = job.state["last_whole_scan"]
    twisted.twist = ends_at(0)
    second = job.run()

    assert not first.activated
    assert between is None
    assert "fell from 25 to 0" in caplog.text
    assert "5 of the 25 members" in caplog.text
    assert len(second.sent()) == EVERYBODY
    assert second.activated


def test_nobody_has_left_because_a_count_fell_to_nothing(
    make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job(
        existing_users=True,
        emit_exits=True,
        ledger_path=str(tmp_path / "ledger.db"),
        require_fields=["email"],
    )
    job.run()
    twisted = Twisted(job)
    twisted.twist = empty_of_nobody
    job.days_later()

    assert not job.run().sent()


@pytest.mark.guarantee("incomplete-scan-repeated")
def test_a_page_that_was_lost_behind_a_cursor_that_stays_the_same_is_missed(
    make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(existing_users=True, options={"same_token": True})
    twisted = Twisted(job)
    twisted.asked_twice = {2}

    first, second = job.run().sent(), job.run().sent()

    assert len(first) == EVERYBODY - 5
    assert len(warnings_in(caplog)) == 1
    assert len(second) == EVERYBODY


@pytest.mark.guarantee("incomplete-scan-repeated")
@pytest.mark.parametrize("interval", [0, 24])
def test_a_total_that_always_lies_does_not_make_every_pass_a_whole_scan(
    interval: int, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(existing_users=True, full_scan_interval_hours=interval)
    twisted = Twisted(job)
    twisted.twist = lambda _, content: content.update(total=content["total"] + 9)

    job.run(syncs=6)
    early = twisted.begun
    job.days_later()
    job.run(syncs=6)

    assert early == 2
    assert twisted.begun == early + bool(interval)
    assert ["another full sync" in line for line in warnings_in(caplog)][:2] == [
        True,
        False,
    ]


def test_an_audience_without_totals_is_believed(
    make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(existing_users=True)
    Twisted(job).twist = lambda _, content: content.pop("total")

    job.run()

    assert job.state["last_whole_scan"]
    assert not warnings_in(caplog)


@pytest.mark.parametrize("move", ["front", "end"])
def test_who_changed_while_the_scan_ran_is_read_again_and_not_taken_for_lost(
    move: str, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(existing_users=True, options={"changed_members_move": move})
    movers = iter(range(EVERYBODY))

    def change(call: ApiRequest) -> None:
        index = next(movers, None) if is_scan(call) else None
        if index is not None:
            job.clock.advance(1)
            job.box.lytics.change(EVERYBODY - 1 - index, {"company": "New"})

    job.sender.before = change

    sent = job.run().sent()

    assert len(sent) == EVERYBODY
    assert job.state["last_whole_scan"]
    assert not warnings_in(caplog)


@pytest.mark.parametrize("is_short_now", [False, True])
def test_a_scan_that_was_stopped_counts_whom_it_had_read(
    is_short_now: bool,  # noqa: FBT001 - a table
    make_job: MakeJob,
    collected: type[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = make_job(existing_users=True)
    twisted, output = Twisted(job), collected()

    def stop(number: int, _: object) -> None:
        if number == 4:
            raise ShutdownRequestedError

    twisted.twist = stop
    with pytest.raises(ShutdownRequestedError):
        job.run(output)
    job.state = output.states[-1]
    twisted.twist = ends_at(5 if is_short_now else 0)

    job.run()

    assert output.states[-1]["scan_read"] == 15
    assert job.state["scan_read"] is None
    assert ["15 of the 25" in line for line in warnings_in(caplog)] == [
        True
    ] * is_short_now


def test_a_stopped_scan_of_an_older_state_is_not_held_to_the_total(
    make_job: MakeJob, collected: type[Any], caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(existing_users=True)
    twisted, output = Twisted(job), collected()
    twisted.twist = lambda n, _: 1 // (4 - n)
    with pytest.raises(ZeroDivisionError):
        job.run(output)
    job.state = output.states[-1]
    del job.state["scan_read"]
    twisted.twist = ends_at(0)

    job.run()

    assert job.state["last_whole_scan"]
    assert not warnings_in(caplog)


def test_who_was_missed_by_the_first_scan_was_there_from_the_start_all_the_same(
    make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job(ledger_path=str(tmp_path / "ledger"))
    twisted = Twisted(job)
    twisted.twist = ends_at(2)
    job.run()
    twisted.twist = ends_at(0)
    job.clock.advance(3600)
    job.box.lytics.enter(job.stranger())

    second = job.run().sent()
    job.days_later()
    third = job.run().sent()

    assert second == {job.email(job.stranger()): 1}
    assert not third
