"""Several states and one ledger: none changes what another one refers to."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from singer_kit.errors import ShutdownRequestedError
from support.tap_job import ID, Collected, Job, is_scan
from tap_lytics.ledger import LedgerAudience, LedgerRow, open_ledger
from tap_lytics.sync import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_lytics.transport import ApiRequest

DAY = 24 * 3600


def lineages(path: str) -> list[str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT id FROM lineage ORDER BY number").fetchall()
    connection.close()
    return [name for (name,) in rows]


def count_rows(path: str) -> int:
    connection = sqlite3.connect(path)
    [rows] = connection.execute("SELECT count(*) FROM member").fetchone()
    connection.close()
    return int(rows)


def with_state(job: Job, state: dict[str, Any], run: Callable[[], object]) -> None:
    """Do something with another state, and keep the job's own."""
    own, job.state = job.state, state
    run()
    job.state = own


def whole_run(job: Job) -> None:
    job.run()


def two_runs(job: Job) -> None:
    job.run()
    job.run()


def cut_off(job: Job) -> None:
    """As `meltano config test` does, which ends the tap at its first record."""
    job.run_interrupted(at_page=2)


def everybody(job: Job) -> None:
    job.config["existing_users"] = True
    job.run()
    job.config["existing_users"] = False


@pytest.mark.guarantee("ledger-lineages")
@pytest.mark.parametrize("other", [whole_run, two_runs, cut_off, everybody])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("state", [{}, {"pass_status": "running"}], ids=str)
def test_run_without_state_leaves_job_alone(
    job: Job, other: Callable[[Job], None], times: int, state: dict[str, Any]
) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider(0), touch=False)
    job.box.lytics.enter(job.outsider(1))
    job.box.lytics.leave(4)

    for _ in range(times):
        with_state(job, dict(state), lambda: other(job))
    job.days_later()
    sent = job.run().sent()

    assert sent == {
        job.email(job.outsider(0)): 1,
        job.email(job.outsider(1)): 1,
        f"exit:{job.customer(4)}": 1,
    }


@pytest.mark.guarantee("ledger-lineages")
def test_jobs_with_same_audience_share_a_file(job: Job) -> None:
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider(0))
    first, job.state = job.state, {}
    job.run()
    second = job.state
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider(1))
    job.box.lytics.leave(4)

    sent = []
    for state in (first, second):
        job.state = state
        sent.append(set(job.run().sent()))

    later = {job.email(job.outsider(1)), f"exit:{job.customer(4)}"}
    assert sent == [{job.email(job.outsider(0)), *later}, later]


@pytest.mark.guarantee("ledger-lineages")
@pytest.mark.parametrize("order", ["abab", "aabb", "abba", "baab"])
def test_copied_state_loses_no_record(job: Job, order: str) -> None:
    """Two jobs with copies of one state, each of which writes what it reads."""
    job.run()
    states = dict.fromkeys("ab", job.state)
    sent: dict[str, set[str]] = {name: set() for name in "ab"}
    entered = set()
    for number, name in enumerate(order):
        job.clock.advance(60)
        job.box.lytics.enter(job.outsider(number))
        entered.add(job.email(job.outsider(number)))
        job.state = states[name]
        sent[name] |= set(job.run().sent())
        states[name] = job.state
    for name in "ab":
        job.state = states[name]
        sent[name] |= set(job.run().sent())

    assert sent == {"a": entered, "b": entered}


@pytest.mark.guarantee("ledger-lineages")
@pytest.mark.parametrize("generations", [1, 2, 4])
@pytest.mark.parametrize("emit_changes", [True, False])
def test_older_state_sends_what_was_sent_since(
    full_job: Job,
    generations: int,
    emit_changes: bool,  # noqa: FBT001 - a parameter
) -> None:
    full_job.run()
    older, expected = full_job.state, set()
    full_job.config["emit_changes"] = emit_changes
    for number in range(generations):
        full_job.clock.advance(60)
        full_job.box.lytics.enter(full_job.outsider(number))
        full_job.box.lytics.change(number, {"company": "New"})
        expected |= {full_job.email(full_job.outsider(number)), full_job.email(number)}
        full_job.run()
    full_job.state = older
    full_job.config["emit_changes"] = True
    full_job.clock.advance(60)

    assert set(full_job.run().sent()) == expected


@pytest.mark.parametrize("touch", [True, False])
def test_unsent_change_is_sent_once_changes_are(
    full_job: Job,
    touch: bool,  # noqa: FBT001 - a parameter
) -> None:
    full_job.config["emit_changes"] = False
    full_job.run()
    full_job.clock.advance(3600)
    full_job.box.lytics.change(3, {"company": "New"}) if touch else None
    unsent = full_job.run().sent()
    full_job.config["emit_changes"] = True
    full_job.days_later()

    sent = full_job.run().sent()

    assert not unsent
    assert sent == ({full_job.email(3): 1} if touch else {})


def test_unwritten_exit_of_former_customer(full_job: Job) -> None:
    full_job.run()
    kept = full_job.state
    full_job.clock.advance(60)
    former = full_job.customer(4)
    full_job.box.lytics.change(4, {ID: "9001"})
    lost = full_job.run()
    full_job.state = kept
    full_job.clock.advance(60)

    resent = full_job.run()

    assert lost.exits() == resent.exits() == [former]
    assert {r[ID] for r in resent.records} == {former, "9001"}
    full_job.clock.advance(60)
    assert not full_job.run().records


def test_member_entering_during_baseline_is_sent(job: Job) -> None:
    job.state = job.run_interrupted(at_page=2).states[-1]
    job.clock.advance(DAY)
    job.box.lytics.enter(job.outsider())

    assert job.run().sent() == {job.email(job.outsider()): 1}


def test_missing_state_starts_beside_the_old_one(job: Job, ledger_path: str) -> None:
    job.run()
    [first] = lineages(ledger_path)
    job.state = {}

    job.run()

    assert lineages(ledger_path) == [first, job.state["ledger_id"]]
    assert count_rows(ledger_path) == 50


# Removal.


def test_unnamed_lineage_is_removed_after_a_week(job: Job, ledger_path: str) -> None:
    job.run()
    with_state(job, {}, job.run)
    own, _ = lineages(ledger_path)

    job.clock.advance(6 * DAY)
    job.run()
    before = len(lineages(ledger_path))
    job.clock.advance(1.1 * DAY)
    job.run()

    assert before == 2
    assert lineages(ledger_path) == [own]
    assert count_rows(ledger_path) == 25


def test_own_lineage_is_kept_however_old(job: Job, ledger_path: str) -> None:
    job.run()
    job.clock.advance(400 * DAY)
    job.run()
    job.clock.advance(400 * DAY)

    job.run()

    assert lineages(ledger_path) == [job.state["ledger_id"]]


@pytest.mark.parametrize(
    ("days", "is_replaced", "is_removed"),
    [(29, True, False), (31, True, True), (400, False, False)],
)
def test_named_lineage_is_removed_if_replaced(
    days: int,
    is_replaced: bool,  # noqa: FBT001 - a parameter
    is_removed: bool,  # noqa: FBT001 - a parameter
    job: Job,
    ledger_path: str,
) -> None:
    two_runs(job)
    named = job.state["ledger_id"]
    job.clock.advance(days * DAY)
    if is_replaced:
        job.state = {}
        job.run()
    else:
        start_another_audience(job, ledger_path)

    assert (named not in lineages(ledger_path)) == is_removed


def start_another_audience(job: Job, path: str) -> None:
    ledger = open_ledger(path, is_known=False)
    audience = LedgerAudience(id="other", slug="other", fields=())
    ledger.start(audience, job.local_time())
    ledger.close()


def test_lineage_in_use_is_not_removed(ledger_path: str) -> None:
    at = utc_now()
    audience = LedgerAudience(id="a", slug="a", fields=())
    running = open_ledger(ledger_path, is_known=False)
    lineage = running.start(audience, at)
    other = Job(ledger_path=ledger_path)
    other.clock.advance(4000 * DAY)

    other.run()

    assert lineage.id in lineages(ledger_path)
    lineage.put([row_of(1)])
    assert lineage.members(1) == [row_of(1).member]
    running.close()


def row_of(number: int) -> LedgerRow:
    return LedgerRow(
        member=bytes([number] * 16), digest=None, required="[]", generation=1, flags=0
    )


def test_large_lineage_is_removed_whole(job: Job, ledger_path: str) -> None:
    ledger = open_ledger(ledger_path, is_known=False)
    audience = LedgerAudience(id="a", slug="a", fields=())
    lineage = ledger.start(audience, job.local_time())
    keys = [number.to_bytes(16, "big") for number in range(12_000)]
    lineage.put(
        [
            LedgerRow(member=key, digest=None, required="[]", generation=1, flags=0)
            for key in keys
        ]
    )
    ledger.close()
    job.clock.advance(8 * DAY)

    job.run()

    assert count_rows(ledger_path) == 25


# Any order of runs and events.


@pytest.fixture(scope="module")
def ledger_in_memory() -> Iterator[Path]:
    """A ledger whose commits do not wait for a disk, where there is such a folder."""
    shared_memory = "/dev/shm"  # noqa: S108 - not a predictable file name
    folder = shared_memory if os.access(shared_memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=folder) as name:
        yield Path(name) / "members.ledger"


EVENTS = ["change", "change id", "enter", "leave", "enter untouched", "leave untouched"]
RUNS = ["run", "lost run", "cut off", "stateless", "refresh", "emit_changes"]


@dataclass
class Copy:
    """A job with its own state and its own store, which uses the shared ledger."""

    state: dict[str, Any] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)


@settings(
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=settings.default.max_examples // 8,
)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 11), st.sampled_from(EVENTS + RUNS * 2), st.integers(0, 1)
        ),
        max_size=20,
    ),
    seed=st.integers(0, 3),
)
def test_jobs_that_share_a_ledger_add_up(
    ledger_in_memory: Path, steps: list[tuple[int, str, int]], seed: int
) -> None:
    """Each job's store holds exactly the members, whatever the other one does."""
    for path in ledger_in_memory.parent.iterdir():
        path.unlink()
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
    copies = [Copy(), Copy()]
    for copy in copies:
        complete_run(job, copy)

    for index, event, which in steps:
        job.clock.advance(7)
        if event in EVENTS:
            happen(job, index, event)
        else:
            run(job, copies[which], event)

    for copy in copies * 2:  # The first may resume a sync, which finds no exits.
        job.days_later()
        complete_run(job, copy)
    assert [copy.customers for copy in copies] == [job.audience()] * 2


def complete_run(job: Job, copy: Copy) -> None:
    job.state = copy.state
    copy.customers = job.run().apply(copy.customers)
    copy.state = job.state


def run(job: Job, copy: Copy, event: str) -> None:
    job.state = copy.state
    if event == "run":
        complete_run(job, copy)
    elif event == "refresh":
        copy.state = {}
        complete_run(job, copy)
    elif event == "lost run":  # Its records are written, its state is not kept.
        copy.customers = job.run().apply(copy.customers)
    elif event == "cut off":
        output = interrupted(job)
        copy.customers = output.apply(copy.customers)
        copy.state = output.states[-1] if output.states else copy.state
    elif event == "stateless":  # Such as `meltano config test`.
        job.state = {}
        job.run()
    else:
        job.config["emit_changes"] = not job.config["emit_changes"]


def interrupted(job: Job) -> Collected:
    """Shut down at the second page, or end before there is one."""
    output, first = Collected(), len(job.sender.scans)

    def interrupt(request: ApiRequest) -> None:
        if is_scan(request) and len(job.sender.scans) == first + 1:
            raise ShutdownRequestedError

    job.sender.before = interrupt
    with suppress(ShutdownRequestedError):
        job.run(output)
    job.sender.before = lambda _: None
    return output


def happen(job: Job, index: int, event: str) -> None:
    lytics = job.box.lytics
    if event == "change":
        lytics.change(index, {"company": f"At {job.clock.now()}"})
    elif event == "change id":
        lytics.change(index, {ID: str(9000 + int(job.clock.now()) % 5)})
    else:
        verb, _, untouched = event.partition(" ")
        getattr(lytics, verb)(index, touch=not untouched)
