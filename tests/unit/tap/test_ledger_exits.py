"""Which exits a job with a ledger reports."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.tap_job import ID, Job, is_scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_lytics.transport import ApiRequest


def test_exit_record_has_key_fields_and_time(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)

    [record] = job.run().records

    assert len(record.pop("_member_id")) == 32
    assert record == {
        ID: job.customer(4),
        "_sdc_deleted_at": "2026-03-01T08:01:00Z",
    }


def test_untouched_exit_is_found_by_full_sync(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4, touch=False)

    incremental = job.run().exits()
    job.days_later()
    full = job.run().exits()

    assert not incremental
    assert full == [job.customer(4)]


@pytest.mark.parametrize("interval", [0, 24])
def test_exit_before_interrupted_sync_is_reported(job: Job, interval: int) -> None:
    """A resumed full sync does not know whom the run before it saw."""
    job.config["full_scan_interval_hours"] = interval
    job.run()
    job.clock.advance(3600)
    job.box.lytics.leave(4)
    job.clock.advance(7200)
    job.config["emit_changes"] = False  # So that a full sync is due.
    job.state = job.run_interrupted(at_page=3).states[-1]

    assert job.run().exits() == [job.customer(4)]


def test_exit_is_reported_once(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    job.run()
    job.days_later()

    assert not job.run().exits()


def test_shared_customer_exits_with_last_member(job: Job) -> None:
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
def test_changed_customer_id_exits_the_former(
    full_job: Job,
    emit_changes: bool,  # noqa: FBT001 - a parameter
) -> None:
    full_job.config["emit_changes"] = emit_changes
    full_job.run()
    full_job.clock.advance(60)
    former = full_job.customer(4)
    full_job.box.lytics.change(4, {ID: "9001"})

    output = full_job.run()

    assert [(r[ID], bool(r["_sdc_deleted_at"])) for r in output.records] == [
        ("9001", False),
        (former, True),
    ]


def test_swapped_customer_ids_are_no_exits(full_job: Job) -> None:
    full_job.run()
    full_job.clock.advance(60)
    one, other = full_job.customer(1), full_job.customer(2)
    full_job.box.lytics.change(1, {ID: other})
    full_job.box.lytics.change(2, {ID: one})

    output = full_job.run()

    assert sorted(r[ID] for r in output.records) == [one, other]
    assert not output.exits()


def test_changed_member_key_is_no_exit(full_job: Job) -> None:
    full_job.run()
    full_job.days_later()
    full_job.box.lytics.change(4, {"email": "moved@example.com"})

    output = full_job.run()

    assert not output.exits()
    assert output.sent() == {"moved@example.com": 1}


@pytest.mark.parametrize("fields", [[ID, "email"], ["email", ID]])
def test_changed_required_fields_keep_exits(full_job: Job, fields: list[str]) -> None:
    full_job.run()
    full_job.clock.advance(60)
    full_job.config["require_fields"] = fields
    full_job.box.lytics.leave(4)

    assert full_job.run().exits() == [full_job.customer(4)]


def test_narrowed_required_fields_report_exits(full_job: Job) -> None:
    full_job.run()
    full_job.clock.advance(60)
    full_job.config["require_fields"] = ["company", ID]
    lacking = [n for n in range(25) if not full_job.box.lytics.member(n).get("company")]

    output = full_job.run()

    assert lacking
    assert set(output.exits()) == {full_job.customer(n) for n in lacking}
    assert len(output.records) == len(lacking)


@pytest.mark.parametrize("fault", ["row_missing", "empty_page"])
def test_incomplete_scan_reports_no_exits(fault: str, job: Job) -> None:
    job.run()
    job.days_later()
    job.box.faults.set_rates({f"{fault}@* /api/segment/*": 0.5})

    assert not job.run().exits()


def test_moved_member_is_no_exit(ledger_path: str) -> None:
    job = Job(
        ledger_path=ledger_path,
        require_fields=[ID],
        emit_exits=True,
        options={"changed_members_move": "front"},
    )
    job.run()
    job.days_later()
    first, *_, last = job.box.lytics.members()
    job.sender.scans.clear()

    def move(call: ApiRequest) -> None:
        if is_scan(call) and len(job.sender.scans) == 2:
            job.box.lytics.leave(first, touch=False)  # Its page was read.
            job.box.lytics.change(last)  # Moves to a page that was read.

    job.sender.before = move

    assert not job.run().exits()
    job.sender.before = lambda _: None
    job.days_later()
    assert job.run().exits() == [job.customer(first)]


def test_exited_row_is_deleted_once_covered(job: Job, ledger_path: str) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    job.run()

    job.run()

    connection = sqlite3.connect(ledger_path)
    [rows] = connection.execute("SELECT count(*) FROM member").fetchone()
    connection.close()
    assert rows == 24


@pytest.fixture(scope="module")
def ledger_in_memory() -> Iterator[Path]:
    """A ledger whose commits do not wait for a disk, where there is such a folder."""
    shared_memory = "/dev/shm"  # noqa: S108 - not a predictable file name
    folder = shared_memory if os.access(shared_memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=folder) as name:
        yield Path(name) / "members.ledger"


EVENTS = ["change", "change id", "enter", "leave", "enter untouched", "leave untouched"]


@settings(
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=settings.default.max_examples // 4,
)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 11), st.sampled_from([*EVENTS, "run"]), st.booleans()),
        max_size=16,
    ),
    seed=st.integers(0, 3),
)
def test_records_add_up_to_audience(
    ledger_in_memory: Path, steps: list[tuple[int, str, bool]], seed: int
) -> None:
    """The store of a target that applies all records holds exactly the members."""
    ledger_in_memory.unlink(missing_ok=True)
    job = Job(
        members=8,
        seed=seed,
        page_size=3,
        existing_users=True,
        emit_exits=True,
        require_fields=[ID],
        ledger_path=str(ledger_in_memory),
        options={"others": 4, "newsletter": 4},
    )
    customers = job.run().apply()

    for index, event, loses_state in steps:
        job.clock.advance(7)
        if event == "run":
            kept = job.state
            customers = job.run().apply(customers)
            job.state = kept if loses_state else job.state
        else:
            happen(job, index, event)
    job.days_later()
    customers = job.run().apply(customers)

    assert customers == job.audience()


def happen(job: Job, index: int, event: str) -> None:
    lytics = job.box.lytics
    if event == "change":
        lytics.change(index, {"company": f"At {job.clock.now()}"})
    elif event == "change id":
        lytics.change(index, {ID: str(9000 + int(job.clock.now()) % 5)})
    else:
        verb, _, untouched = event.partition(" ")
        getattr(lytics, verb)(index, touch=not untouched)
