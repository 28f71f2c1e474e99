"""The ledger: exactly who entered, who changed and who left."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_lytics.errors import InterruptedByUserError, LedgerError
from tap_lytics.ledger_file import open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_lytics.transport import Call

    MakeJob = Callable[..., Any]

Job = Any  # Both of the conftest, which no module can import.
Outlet = Any
ID = "bigcommerce_customer_id"
DAY = 24 * 3600


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "members.ledger")


@pytest.fixture
def job(make_job: MakeJob, path: str) -> Job:
    """A job that tells exits and starts with who enters from now on."""
    return make_job(ledger_path=path, require_fields=[ID], emit_exits=True)


def customer(job: Job, index: int) -> str:
    return str(job.box.lytics.member(index)[ID])


def days_later(job: Job, days: float = 1.1) -> None:
    job.clock.advance(days * DAY)


def exits(outlet: Outlet) -> list[str]:
    return [r[ID] for r in outlet.records if r["_sdc_deleted_at"]]


def test_nobody_who_was_there_at_the_start_is_sent(job: Job) -> None:
    job.run()
    days_later(job)
    job.box.lytics.change(3, {"company": "New"})

    assert not job.run().records
    days_later(job)
    assert not job.run().records


def test_who_enters_later_is_sent_also_by_mere_passing_of_time(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger(0))
    job.box.lytics.enter(job.stranger(1), touch=False)

    soon = job.run().sent()
    days_later(job)
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

    assert exits(left) == [customer(job, 4)]
    assert back.sent() == {job.email(4): 1}


def test_who_left_is_told_by_the_key_the_values_and_the_time(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)

    [record] = job.run().records

    assert len(record.pop("_member_id")) == 32
    assert record == {
        ID: customer(job, 4),
        "_sdc_deleted_at": "2026-03-01T08:01:00Z",
    }


def test_who_left_by_mere_passing_of_time_is_told_after_a_whole_scan(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4, touch=False)

    soon = exits(job.run())
    days_later(job)
    later = exits(job.run())

    assert not soon
    assert later == [customer(job, 4)]


def test_an_exit_is_told_once(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    job.run()
    days_later(job)

    assert not exits(job.run())


def test_who_left_is_not_told_while_another_member_has_the_same_customer(
    job: Job,
) -> None:
    twin = job.box.lytics.put_member(
        {"email": "twin@example.com", ID: customer(job, 4)}
    )
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    first = exits(job.run())
    job.clock.advance(60)
    job.box.lytics.leave(twin)

    assert not first
    assert exits(job.run()) == [customer(job, twin)]


@pytest.mark.parametrize("emit_changes", [True, False])
def test_a_member_who_becomes_another_customer_leaves_as_the_former_one(
    make_job: MakeJob,
    path: str,
    emit_changes: bool,  # noqa: FBT001 - a table
) -> None:
    job = make_job(
        ledger_path=path,
        require_fields=[ID],
        emit_exits=True,
        existing_users=True,
        emit_changes=emit_changes,
    )
    job.run()
    job.clock.advance(60)
    former = customer(job, 4)
    job.box.lytics.change(4, {ID: "9001"})

    outlet = job.run()

    assert [(r[ID], r["_sdc_deleted_at"] is None) for r in outlet.records] == [
        ("9001", True),
        (former, False),
    ]


def test_members_who_swap_their_customers_leave_none_behind(
    make_job: MakeJob, path: str
) -> None:
    job = make_job(
        ledger_path=path, require_fields=[ID], emit_exits=True, existing_users=True
    )
    job.run()
    job.clock.advance(60)
    one, other = customer(job, 1), customer(job, 2)
    job.box.lytics.change(1, {ID: other})
    job.box.lytics.change(2, {ID: one})

    outlet = job.run()

    assert sorted(r[ID] for r in outlet.records if not r["_sdc_deleted_at"]) == [
        one,
        other,
    ]
    assert not exits(outlet)


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
    days_later(job)

    assert not job.run().records


def test_what_a_killed_target_never_wrote_comes_again(
    make_job: MakeJob, path: str
) -> None:
    job = make_job(
        ledger_path=path, require_fields=[ID], emit_exits=True, existing_users=True
    )
    job.run()
    kept = job.state  # The last state that the target printed.
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger())
    job.box.lytics.change(3, {"company": "New"})
    job.box.lytics.leave(4)
    lost = job.run().sent()
    job.state = kept
    job.clock.advance(60)

    again = job.run().sent()

    assert len(lost) == 3
    assert again == lost
    job.clock.advance(60)
    assert not job.run().records


def test_an_exit_never_written_of_who_came_back_sends_them_again(
    make_job: MakeJob, path: str
) -> None:
    job = make_job(
        ledger_path=path,
        require_fields=[ID],
        emit_exits=True,
        existing_users=True,
        emit_changes=False,
    )
    job.run()
    kept = job.state
    job.clock.advance(60)
    job.box.lytics.leave(4)
    job.run()
    job.state = kept
    job.box.lytics.enter(4)
    job.clock.advance(60)

    assert job.run().sent() == {job.email(4): 1}


@pytest.mark.parametrize("loss", ["lost", "damaged", "emptied", "older"])
def test_a_ledger_that_is_gone_is_made_anew_by_a_whole_scan(
    loss: str, job: Job, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    job.run()
    older = Path(path).read_bytes()
    job.run()
    if loss == "lost":
        Path(path).unlink()
    else:
        contents = {"damaged": b"SQLite format 3\0" + b"x" * 5000, "emptied": b""}
        Path(path).write_bytes(contents.get(loss, older))
    job.clock.advance(3600)
    job.box.lytics.enter(job.stranger())

    sent = job.run().sent()

    assert "cannot know" in caplog.text
    assert sent == {job.email(job.stranger()): 1}
    days_later(job)
    assert not job.run().records


def test_a_damaged_ledger_is_moved_and_not_destroyed(job: Job, path: str) -> None:
    job.run()
    Path(path).write_bytes(b"once a ledger")

    job.run()

    assert Path(f"{path}.damaged").read_bytes() == b"once a ledger"


def test_another_jobs_ledger_is_refused_by_both_ids(
    make_job: MakeJob, path: str, tmp_path: Path
) -> None:
    ours = make_job(ledger_path=path)
    theirs = make_job(ledger_path=str(tmp_path / "theirs.ledger"))
    ours.run()
    theirs.run()
    ours.config["ledger_path"] = theirs.config["ledger_path"]

    with pytest.raises(LedgerError, match="another job") as error:
        ours.run()

    assert ours.state["ledger_id"] in str(error.value)
    assert theirs.state["ledger_id"] in str(error.value)


def test_a_ledger_of_other_audiences_is_refused_without_a_state(
    job: Job, path: str
) -> None:
    job.run()

    with pytest.raises(LedgerError, match="vip_customers"):
        open_ledger(path, [], ["another audience's id"])


def test_two_processes_cannot_share_a_ledger(job: Job, path: str) -> None:
    holder = open_ledger(path, [], [])

    with pytest.raises(LedgerError, match="held by another process"):
        job.run()

    holder.close()


@pytest.mark.parametrize("content", [b"name: my project\n", None])
def test_a_file_that_is_no_ledger_is_left_alone(
    content: bytes | None, job: Job, path: str
) -> None:
    if content is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE theirs (a)")
        connection.close()
    else:
        Path(path).write_bytes(content)
    before = Path(path).stat().st_size

    with pytest.raises(LedgerError, match="no ledger"):
        job.run()

    assert Path(path).stat().st_size == before


def test_a_folder_that_is_missing_is_told(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(ledger_path=str(tmp_path / "missing" / "members.ledger"))

    with pytest.raises(LedgerError, match="ledger_path"):
        job.run()


def test_only_the_owner_can_read_the_ledger(job: Job, path: str) -> None:
    job.run()

    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


def test_no_state_starts_the_ledger_anew(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger())
    job.state = {}

    assert not job.run().records
    days_later(job)
    assert not job.run().records


def test_a_refresh_of_everybody_tells_who_left_meanwhile(
    make_job: MakeJob, path: str
) -> None:
    job = make_job(
        ledger_path=path, require_fields=[ID], emit_exits=True, existing_users=True
    )
    job.run()
    job.clock.advance(60)
    job.box.lytics.leave(4)
    job.state = {}

    outlet = job.run()

    assert exits(outlet) == [customer(job, 4)]
    assert len(outlet.records) == 25


def test_a_first_run_whose_state_was_never_kept_is_made_good(
    make_job: MakeJob, path: str
) -> None:
    job = make_job(
        ledger_path=path, require_fields=[ID], emit_exits=True, existing_users=True
    )
    job.run()
    job.state = {}
    job.box.lytics.leave(4, touch=False)

    outlet = job.run()

    assert exits(outlet) == [customer(job, 4)]


@pytest.mark.parametrize("fields", [[ID, "email"], ["email", ID], ["company", ID]])
def test_other_required_fields_still_tell_who_left(
    make_job: MakeJob, path: str, fields: list[str]
) -> None:
    job = make_job(
        ledger_path=path, require_fields=[ID], emit_exits=True, existing_users=True
    )
    job.run()
    job.clock.advance(60)
    job.config["require_fields"] = fields
    job.box.lytics.leave(4)

    assert exits(job.run()) == [customer(job, 4)]


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
    days_later(job)

    assert len(job.run().sent()) == 25


def test_a_first_scan_cut_off_flags_the_rest_as_there_from_the_start_too(
    job: Job, collected: type[Any]
) -> None:
    outlet, scans = collected(), []

    def cut(call: Call) -> None:
        scans.extend([call] if call.path.endswith("/scan") else [])
        if len(scans) == 4:
            raise InterruptedByUserError

    job.transport.before = cut
    with pytest.raises(InterruptedByUserError):
        job.run(outlet)
    job.state, job.transport.before = outlet.states[-1], lambda _: None

    assert not job.run().records
    days_later(job)
    assert not job.run().records


def cut_off(job: Job, outlet: Outlet, *, at_scan: int) -> None:
    """Run until the job asks for this page, the first one being 1; no state is kept."""
    scans: list[Call] = []

    def cut(call: Call) -> None:
        scans.extend([call] if call.path.endswith("/scan") else [])
        if len(scans) == at_scan:
            raise InterruptedByUserError

    job.transport.before = cut
    with pytest.raises(InterruptedByUserError):
        job.run(outlet)
    job.transport.before = lambda _: None


def test_who_was_told_in_a_run_cut_off_is_told_when_they_leave(
    job: Job, collected: type[Any]
) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger())
    outlet = collected()
    cut_off(job, outlet, at_scan=2)
    job.clock.advance(60)
    job.box.lytics.leave(job.stranger())

    left = exits(job.run())

    assert outlet.sent() == {job.email(job.stranger()): 1}
    assert left == [customer(job, job.stranger())]


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
    outlet = collected()
    cut_off(job, outlet, at_scan=3)  # No change; then the second leaver.
    [told] = exits(outlet)
    job.clock.advance(60)
    for index in (1, 2):
        job.box.lytics.enter(index)

    back = [r[ID] for r in job.run().records]

    assert told in back


@pytest.mark.parametrize("spoil", ["row_missing", "empty_page"])
def test_a_scan_that_answers_short_reports_nobody_as_left(
    spoil: str, make_job: MakeJob, path: str
) -> None:
    job = make_job(ledger_path=path, require_fields=[ID], emit_exits=True)
    job.run()
    days_later(job)
    job.box.faults.set_rates({f"{spoil}@* /api/segment/*": 0.5})

    assert not exits(job.run())


STEPS = st.lists(
    st.tuples(
        st.integers(0, 11),
        st.sampled_from(
            [
                "change",
                "become another",
                "enter",
                "leave",
                "drift in",
                "drift out",
                "run",
            ]
        ),
        st.booleans(),
    ),
    max_size=16,
)


@settings(
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=settings.default.max_examples // 4,
)
@given(steps=STEPS, seed=st.integers(0, 3))
def test_what_was_sent_adds_up_to_who_is_in_the_audience(
    make_job: MakeJob,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, str, bool]],
    seed: int,
) -> None:
    """A target that applies what it gets knows who is in, whatever it forgot."""
    folder = tmp_path_factory.mktemp("ledger")
    job = make_job(
        members=8,
        seed=seed,
        page_size=3,
        existing_users=True,
        emit_exits=True,
        require_fields=[ID],
        ledger_path=str(folder / "l.ledger"),
        options={"others": 4, "newsletter": 4},
    )
    store = {r[ID] for r in job.run().records}
    for index, verb, target_dies in [*steps, (0, "last", False)]:
        job.clock.advance(7 if verb != "last" else 2 * DAY)
        if verb in {"run", "last"}:
            kept = job.state
            for record in job.run().records:
                act = store.discard if record["_sdc_deleted_at"] else store.add
                act(record[ID])
            job.state = kept if target_dies else job.state
        else:
            happen(job, index, verb)

    members = job.box.lytics.members()
    assert store == {customer(job, index) for index in members}


def happen(job: Job, index: int, verb: str) -> None:
    lytics = job.box.lytics
    if verb == "change":
        lytics.change(index, {"company": f"At {job.clock.now()}"})
    elif verb == "become another":
        lytics.change(index, {ID: str(9000 + int(job.clock.now()) % 5)})
    elif verb.startswith("drift"):
        {"in": lytics.enter, "out": lytics.leave}[verb.split()[1]](index, touch=False)
    else:
        getattr(lytics, verb)(index)


def test_a_member_whose_key_changes_does_not_leave(
    make_job: MakeJob, path: str
) -> None:
    job = make_job(
        ledger_path=path, require_fields=[ID], emit_exits=True, existing_users=True
    )
    job.run()
    days_later(job)
    job.box.lytics.change(4, {"email": "moved@example.com"})

    outlet = job.run()

    assert not exits(outlet)
    assert outlet.sent() == {"moved@example.com": 1}


def test_the_first_scan_says_how_many_it_left_out(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    job.run()

    assert "Left out the 25 members" in caplog.text


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
    days_later(job)
    first, *_, last = job.box.lytics.members()
    scans: list[Call] = []

    def happen(call: Call) -> None:
        scans.extend([call] if call.path.endswith("/scan") else [])
        if call.path.endswith("/scan") and len(scans) == 3:
            job.box.lytics.leave(first, touch=False)  # Seen already.
            job.box.lytics.change(last)  # Moves to where the scan was already.

    job.transport.before = happen

    assert not exits(job.run())
    job.transport.before = lambda _: None
    days_later(job)
    assert exits(job.run()) == [customer(job, first)]


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
