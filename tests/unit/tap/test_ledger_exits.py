"""Which exits a job with a ledger reports, and which it does not."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from support.lytics import ID, is_scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.tap_job import Job
    from tap_lytics.transport import ApiRequest

    MakeJob = Callable[..., Any]


def test_who_left_is_told_by_the_key_the_values_and_the_time(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)

    [record] = job.run().records

    assert len(record.pop("_member_id")) == 32
    assert record == {
        ID: job.customer(4),
        "_sdc_deleted_at": "2026-03-01T08:01:00Z",
    }


def test_who_left_by_mere_passing_of_time_is_told_after_a_whole_scan(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4, touch=False)

    soon = job.run().exits()
    job.days_later()
    later = job.run().exits()

    assert not soon
    assert later == [job.customer(4)]


def test_an_exit_is_told_once(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    job.run()
    job.days_later()

    assert not job.run().exits()


def test_who_left_is_not_told_while_another_member_has_the_same_customer(
    job: Job,
) -> None:
    duplicate = job.box.lytics.put_member(
        {"email": "duplicate@example.com", ID: job.customer(4)}
    )
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    first = job.run().exits()
    job.clock.advance(60)
    job.box.lytics.leave(duplicate)

    assert not first
    assert job.run().exits() == [job.customer(duplicate)]


@pytest.mark.parametrize("emit_changes", [True, False])
def test_a_member_who_becomes_another_customer_leaves_as_the_former_one(
    full_job: Job,
    emit_changes: bool,  # noqa: FBT001 - a table
) -> None:
    full_job.config["emit_changes"] = emit_changes
    full_job.run()
    full_job.clock.advance(60)
    former = full_job.customer(4)
    full_job.box.lytics.change(4, {ID: "9001"})

    output = full_job.run()

    assert [(r[ID], r["_sdc_deleted_at"] is None) for r in output.records] == [
        ("9001", True),
        (former, False),
    ]


def test_members_who_swap_their_customers_leave_none_behind(full_job: Job) -> None:
    full_job.run()
    full_job.clock.advance(60)
    one, other = full_job.customer(1), full_job.customer(2)
    full_job.box.lytics.change(1, {ID: other})
    full_job.box.lytics.change(2, {ID: one})

    output = full_job.run()

    assert sorted(r[ID] for r in output.records if not r["_sdc_deleted_at"]) == [
        one,
        other,
    ]
    assert not output.exits()


def test_a_member_whose_key_changes_does_not_leave(full_job: Job) -> None:
    full_job.run()
    full_job.days_later()
    full_job.box.lytics.change(4, {"email": "moved@example.com"})

    output = full_job.run()

    assert not output.exits()
    assert output.sent() == {"moved@example.com": 1}


@pytest.mark.parametrize("fields", [[ID, "email"], ["email", ID], ["company", ID]])
def test_other_required_fields_still_tell_who_left(
    full_job: Job, fields: list[str]
) -> None:
    full_job.run()
    full_job.clock.advance(60)
    full_job.config["require_fields"] = fields
    full_job.box.lytics.leave(4)

    assert full_job.run().exits() == [full_job.customer(4)]


@pytest.mark.parametrize("spoil", ["row_missing", "empty_page"])
def test_a_scan_that_answers_short_reports_nobody_as_left(spoil: str, job: Job) -> None:
    job.run()
    job.days_later()
    job.box.faults.set_rates({f"{spoil}@* /api/segment/*": 0.5})

    assert not job.run().exits()


def test_who_moves_in_the_scan_while_another_leaves_is_not_told_as_left(
    make_job: MakeJob, path: str
) -> None:
    job = make_job(
        ledger_path=path,
        require_fields=[ID],
        emit_exits=True,
        options={"changed_members_move": "front"},
    )
    job.run()
    job.days_later()
    first, *_, last = job.box.lytics.members()
    scans: list[ApiRequest] = []

    def happen(call: ApiRequest) -> None:
        scans.extend([call] if is_scan(call) else [])
        if is_scan(call) and len(scans) == 3:
            job.box.lytics.leave(first, touch=False)  # Seen already.
            job.box.lytics.change(last)  # Moves to where the scan was already.

    job.sender.before = happen

    assert not job.run().exits()
    job.sender.before = lambda _: None
    job.days_later()
    assert job.run().exits() == [job.customer(first)]


def test_a_leavers_row_goes_once_a_state_covers_it(job: Job, path: str) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    job.run()

    job.run()

    connection = sqlite3.connect(path)
    [rows] = connection.execute("SELECT count(*) FROM member").fetchone()
    connection.close()
    assert rows == 24
