"""The history: opening it, its phases, runs that ended, and its age."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.customers import NAMES, TIER, leaver, member, person, put_customers
from support.history import NOW, recorded, rows_of
from support.store import put_values, writes_of
from target_bigcommerce.errors import HistoryError, TooManyClearsError
from target_bigcommerce.history import (
    DAY_SECONDS,
    FORMAT,
    ROWS_PER_PURGE,
    History,
    open_history,
    open_to_read,
)
from target_bigcommerce.plan import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox import Sandbox
    from support.target_job import MakeJob
    from target_bigcommerce.plan import RecordedChange

STORE = "abc"
COMPANY = Change(name="company", old="Old", new="New")
TIER_CHANGE = Change(name="Tier", is_attribute=True, new="gold")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the history."""
    return tmp_path / "history.sqlite"


@pytest.fixture
def open_run(path: Path) -> Iterator[Callable[..., History]]:
    """Open the history and start a run; all are closed when the test ends."""
    opened: list[History] = []

    def make(
        *,
        store: str = STORE,
        now: float = NOW,
        changes_path: str | None = None,
    ) -> History:
        history = open_history(str(path), store=store, now=lambda: now)
        history.start_run("job", changes_path=changes_path)
        opened.append(history)
        return history

    yield make
    for each in opened:
        each.close()


def states(path: Path) -> list[str]:
    return [
        state for (state,) in rows_of(path, "SELECT state FROM changes ORDER BY id")
    ]


def statuses(path: Path) -> list[str]:
    return [each for (each,) in rows_of(path, "SELECT status FROM runs ORDER BY id")]


def write_database(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


# Opening.


def test_new_history_is_private_and_safe(
    path: Path, open_run: Callable[..., History]
) -> None:
    os.umask(0o022)

    open_run().add_pending(recorded(1, COMPANY))

    files = [each for each in path.parent.iterdir() if each.name.startswith(path.name)]
    assert len(files) > 1
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    assert rows_of(path, "PRAGMA journal_mode") == [("wal",)]


def make_text(path: Path) -> None:
    path.write_text("not a database, but a text that is long enough\n" * 100)


def make_other_database(path: Path) -> None:
    write_database(path, "CREATE TABLE other (id)")


def make_identified_database(path: Path) -> None:
    write_database(path, "PRAGMA application_id = 7")


def make_newer(path: Path) -> None:
    open_history(str(path), store=STORE).close()
    write_database(path, f"PRAGMA user_version = {FORMAT + 1}")


def make_damaged(path: Path) -> None:
    open_history(str(path), store=STORE).close()
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(len(content) - 100))


def make_truncated(path: Path) -> None:
    history = open_history(str(path), store=STORE)
    history.start_run("job")
    history.close()
    path.with_name(path.name + "-wal").unlink(missing_ok=True)
    path.write_bytes(path.read_bytes()[:5000])


def make_folder(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere" / "history")


def make_locked_file_in_the_way(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("a file where a folder should be")


UNUSABLE = [
    (make_text, "file is not a database"),
    (make_other_database, "it is another program's database"),
    (make_identified_database, "it is another program's database"),
    (make_newer, "a newer version of target-bigcommerce wrote it"),
    (make_damaged, ""),
    (make_truncated, ""),
    (make_folder, "it is not a regular file"),
    (make_pipe, "it is not a regular file"),
    (make_dangling_link, "No such file or directory"),
    (make_locked_file_in_the_way, "File exists"),
]
unusable = pytest.mark.parametrize(
    ("make", "why"), UNUSABLE, ids=[make.__name__ for make, _ in UNUSABLE]
)


@unusable
def test_unusable_history_ends_a_run_that_clears(
    make: Callable[[Path], None],
    why: str,
    box: Sandbox,
    make_job: MakeJob,
    tmp_path: Path,
) -> None:
    path = tmp_path / "folder" / "history.sqlite"
    path.parent.mkdir()
    make(path)

    with pytest.raises(HistoryError) as caught:
        make_job(box, history_path=str(path), on_exit="clear")

    [line] = caught.value.args
    assert line.startswith(f"history_path {path} cannot be used: ")
    assert why in line
    assert "on_exit clear needs it" in line
    assert not list(box.journal)


@unusable
def test_unusable_history_is_one_warning(
    make: Callable[[Path], None],
    why: str,
    box: Sandbox,
    make_job: MakeJob,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "folder" / "history.sqlite"
    path.parent.mkdir()
    make(path)
    put_customers(box, 1)
    changes_path = tmp_path / "changes.jsonl"
    job = make_job(
        box,
        history_path=str(path),
        changes_path=str(changes_path),
        map_standard_fields=NAMES,
    )

    outcomes = job.write(member(1, company="New"))

    assert outcomes == {"updated": 1}
    warnings = [each for each in caplog.messages if "history_path" in each]
    assert len(warnings) == 1
    assert why in warnings[0]
    assert warnings[0].endswith("This run continues without a history.")
    lines = [json.loads(line) for line in changes_path.read_text().splitlines()]
    assert len(lines) == 2
    assert "id" not in lines[0]


def test_other_database_is_not_changed(path: Path) -> None:
    make_other_database(path)
    before = path.read_bytes()

    with pytest.raises(HistoryError):
        open_history(str(path), store=STORE)

    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_many_runs_create_the_history_at_once(path: Path) -> None:
    failures: list[Exception] = []
    barrier = threading.Barrier(8)

    def run() -> None:
        barrier.wait()
        try:
            history = open_history(str(path), store=STORE)
            history.start_run("job")
            history.add_pending(recorded(1, COMPANY))
            history.close()
        except Exception as error:  # noqa: BLE001 - asserted below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert failures == []
    assert len(states(path)) == 8
    assert len({run for (run,) in rows_of(path, "SELECT run FROM changes")}) == 8


# Failures in the middle of a run.


def refusing(action: str) -> str:
    return (
        f"CREATE TRIGGER refuse BEFORE {action} ON changes"
        " BEGIN SELECT RAISE(ABORT, 'no'); END"
    )


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE changes", refusing("UPDATE"), refusing("INSERT")],
    ids=["table lost", "update fails", "insert fails"],
)
@pytest.mark.parametrize("on_exit", ["clear", "keep"])
def test_failure_in_the_middle_of_a_run(
    on_exit: str,
    statement: str,
    box: Sandbox,
    make_job: MakeJob,
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put_customers(box, 1, 2)
    job = make_job(
        box, history_path=str(path), on_exit=on_exit, map_standard_fields=NAMES
    )
    job.write(member(1, company="New"))
    write_database(path, statement)
    box.journal.clear()

    if on_exit == "clear":
        with pytest.raises(HistoryError, match="on_exit clear needs it"):
            job.write(member(2, company="New"))
        assert ("UPDATE" in statement) == bool(writes_of(box))
    else:
        job.write(member(2, company="New"))
        assert box.store.customers[2]["company"] == "New"
        assert job.run.stats.changes["company"] == 2
        assert sum("continues without" in each for each in caplog.messages) == 1


@pytest.mark.parametrize("loss", ["deleted", "moved"])
def test_history_lost_in_the_middle_of_a_run_ends_it(
    loss: str, box: Sandbox, make_job: MakeJob, path: Path
) -> None:
    put_customers(box, 1)
    job = make_job(box, on_exit="clear", map_standard_fields=NAMES)
    path.rename(path.with_name("moved"))
    if loss == "deleted":
        path.with_name("moved").unlink()

    with pytest.raises(HistoryError, match="was moved or deleted during the run"):
        job.write(member(1, company="New"))

    assert writes_of(box) == []


# Two phases.


def test_change_is_pending_until_it_is_settled(
    path: Path, open_run: Callable[..., History]
) -> None:
    history = open_run()
    first, second, third = recorded(1, COMPANY, TIER_CHANGE, COMPANY)

    history.add_pending([first, second, third])
    before = states(path)
    history.settle([first], [third])

    assert before == ["pending"] * 3
    assert states(path) == ["done", "pending", "dropped"]
    assert [first.id, second.id, third.id] == [1, 2, 3]


def test_ids_are_those_of_the_rows(
    path: Path, open_run: Callable[..., History]
) -> None:
    one, other = open_run(), open_run()
    changes = [recorded(number, COMPANY, TIER_CHANGE) for number in range(6)]

    for number, each in enumerate(changes):
        (one, other)[number % 2].add_pending(each)

    rows = rows_of(path, "SELECT id, run, customer, name FROM changes")
    assert sorted(rows) == sorted(
        (each.id, each.run, each.customer, each.change.name)
        for entries in changes
        for each in entries
    )


VALUES = st.recursive(
    st.none() | st.text() | st.integers(-(2**53), 2**53) | st.booleans(),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3)
    ),
    max_leaves=5,
)


@given(old=VALUES, new=VALUES)
def test_any_value_is_read_back(
    old: object, new: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("history") / "history.sqlite"
    history = open_history(str(path), store=STORE)
    history.start_run("job")
    change = Change(name="notes", old=old, new=new)

    history.add_pending(recorded(1, change))
    [found] = history.pending([history.run])
    history.close()

    assert found.change == change


def test_created_customer_is_pending_under_its_email(
    path: Path, open_run: Callable[..., History]
) -> None:
    history = open_run()
    [change] = recorded(None, COMPANY, action="create", email="m1@example.com")

    history.add_pending([change])
    before = rows_of(path, "SELECT customer, email FROM changes")
    change.customer = 17
    history.settle([change], [])

    assert before == [(None, "m1@example.com")]
    assert rows_of(path, "SELECT customer, email FROM changes") == [(17, None)]


def test_password_of_a_new_customer_is_not_recorded(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    fields = [*NAMES, {"from": "login", "to": "authentication"}]
    path, changes_path = tmp_path / "history.sqlite", tmp_path / "changes.jsonl"
    job = make_job(
        box,
        map_standard_fields=fields,
        on_missing_id="create",
        changes_path=str(changes_path),
    )

    job.write({**person(9), "login": {"new_password": "hunter2hunter2"}})

    assert job.outcomes == {"created": 1}
    job.run.close()
    assert b"hunter2" not in path.read_bytes()
    assert "hunter2" not in changes_path.read_text()
    assert "authentication" in changes_path.read_text()


# Runs that ended.


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda run: run.close(), "killed"),
        (
            lambda run: run.finish_run(status="failed", input="unknown", counts={}),
            "failed",
        ),
    ],
    ids=["killed", "failed"],
)
def test_pending_changes_of_an_ended_run_are_found(
    end: Callable[[History], None],
    status: str,
    path: Path,
    open_run: Callable[..., History],
) -> None:
    former = open_run()
    former.add_pending(recorded(1, COMPANY))
    end(former)

    run = open_run()

    assert run.ended_runs() == [former.run]
    assert statuses(path) == [status, "running"]
    assert [each.change for each in run.pending([former.run])] == [COMPANY]


def test_running_run_is_left_alone(
    path: Path, open_run: Callable[..., History]
) -> None:
    other = open_run()
    other.add_pending(recorded(1, COMPANY))

    assert open_run().ended_runs() == []
    assert statuses(path) == ["running", "running"]


def test_run_of_another_store_is_left_alone(
    path: Path, open_run: Callable[..., History]
) -> None:
    other = open_run(store="other")
    other.add_pending(recorded(1, COMPANY))
    other.close()

    assert open_run().ended_runs() == []
    assert statuses(path) == ["running", "running"]


def test_lost_lock_file_means_that_the_run_ended(
    path: Path, open_run: Callable[..., History]
) -> None:
    open_run().close()
    for each in path.parent.glob("*.run-*"):
        each.unlink()

    open_run().ended_runs()

    assert statuses(path) == ["killed", "running"]


def test_lock_files_do_not_pile_up(
    path: Path, open_run: Callable[..., History]
) -> None:
    for _ in range(3):
        open_run().close()
    history = open_run()
    history.ended_runs()
    history.finish_run(status="succeeded", input="complete", counts={"records": 3})

    assert list(path.parent.glob("*.run-*")) == []
    assert rows_of(path, "SELECT input, counts FROM runs WHERE id = 4") == [
        ("complete", '{"records":3}')
    ]


# What became of pending changes.


def customer_values(box: Sandbox) -> None:
    put_customers(box, 1, company="New")
    put_values(box, {1: "gold"}, "Tier")
    number = box.store.add_attribute("Points", "number")
    box.store.values[1, number] = "33"


@pytest.mark.parametrize(
    ("change", "customer", "state"),
    [
        (COMPANY, 1, "done"),
        (Change(name="company", old="New", new="Newer"), 1, "dropped"),
        (COMPANY, 404, "dropped"),
        (Change(name="email", new="M1@example.com"), 1, "done"),
        (TIER_CHANGE, 1, "done"),
        (Change(name="Tier", is_attribute=True, new="silver"), 1, "dropped"),
        (Change(name="Tier", is_attribute=True, old="gold"), 1, "dropped"),
        (Change(name="Tier", is_attribute=True, old="gold"), 2, "done"),
        (Change(name="Points", is_attribute=True, new="33.0"), 1, "done"),
        (Change(name="Gone", is_attribute=True, new="x"), 1, "dropped"),
        (Change(name="Gone", is_attribute=True, old="x"), 1, "done"),
    ],
)
def test_pending_change_becomes_what_the_store_holds(  # noqa: PLR0913, PLR0917 - fixtures
    change: Change,
    customer: int,
    state: str,
    box: Sandbox,
    make_job: MakeJob,
    path: Path,
    open_run: Callable[..., History],
) -> None:
    customer_values(box)
    put_customers(box, 2)
    run = open_run(store=box.options.store_hash)
    run.add_pending(recorded(customer, change))
    run.close()

    job = make_job(box, history_path=str(path))
    job.run.destination.resolve_ended_runs()

    assert states(path) == [state]


@pytest.mark.parametrize(
    ("emails", "expected"),
    [
        (["m7@example.com"], [(7, "done")]),
        (["M7@Example.com"], [(7, "done")]),
        (["m8@example.com"], [(None, "dropped")]),
    ],
)
def test_pending_creation_is_looked_up_by_email(
    emails: list[str],
    expected: list[tuple[int | None, str]],
    box: Sandbox,
    make_job: MakeJob,
    path: Path,
    open_run: Callable[..., History],
) -> None:
    put_customers(box, 7, company="New")
    run = open_run(store=box.options.store_hash)
    for email in emails:
        run.add_pending(recorded(None, COMPANY, email=email, action="create"))
    run.close()

    make_job(box, history_path=str(path)).run.destination.resolve_ended_runs()

    assert rows_of(path, "SELECT customer, state FROM changes") == expected


def test_change_that_a_later_run_replaced_was_done(
    box: Sandbox,
    make_job: MakeJob,
    path: Path,
    open_run: Callable[..., History],
) -> None:
    put_customers(box, 1, company="New")
    killed = open_run(store=box.options.store_hash)
    killed.add_pending(recorded(1, COMPANY))
    other = make_job(box, history_path=str(path), map_standard_fields=NAMES)
    other.write(member(1, company="Newer"))
    killed.close()

    job = make_job(box, history_path=str(path))
    job.run.destination.resolve_ended_runs()

    query = "SELECT new, state FROM changes WHERE kind = 'field' ORDER BY id"
    assert rows_of(path, query) == [('"New"', "done"), ('"Newer"', "done")]


def test_no_call_is_made_without_pending_changes(
    box: Sandbox, make_job: MakeJob
) -> None:
    job = make_job(box)

    job.run.destination.resolve_ended_runs()

    assert not list(box.journal)


# Rejects and facts.


def test_rejects_are_recorded_without_their_records(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=NAMES)

    job.write(member(404, company="Secret"), member("x"), member(1, company="y" * 300))

    path = tmp_path / "history.sqlite"
    assert rows_of(path, "SELECT stream, customer, code FROM rejects ORDER BY id") == [
        ("vip_customers", None, "unreadable_id"),
        ("vip_customers", 1, "too_long"),
        ("vip_customers", 404, "unknown_customer"),
    ]
    [(dump,)] = rows_of(path, "SELECT group_concat(reason) FROM rejects")
    assert "Secret" not in dump


def test_facts_are_kept_by_store(open_run: Callable[..., History]) -> None:
    one, other = open_run(), open_run(store="other")

    one.lower_facts({"ids": 250, "emails": 20})
    one.lower_facts({"ids": 125})

    assert open_run().facts() == {"ids": 125, "emails": 20}
    assert other.facts() == {}


@pytest.mark.parametrize("second", [62, 125, 250])
def test_lowest_fact_of_two_jobs_is_kept(
    open_run: Callable[..., History], second: int
) -> None:
    one, other = open_run(), open_run()

    one.lower_facts({"ids": 125})
    other.lower_facts({"ids": second, "rows": 5})

    assert one.facts() == {"ids": min(second, 125), "rows": 5}


# Dry runs.


def test_dry_run_creates_no_history(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    put_customers(box, 1)
    job = make_job(box, dry_run=True, map_standard_fields=NAMES)

    job.write(member(1, company="New"))

    assert list(tmp_path.glob("history*")) == []


def test_dry_run_changes_no_history(
    box: Sandbox, make_job: MakeJob, tmp_path: Path, open_run: Callable[..., History]
) -> None:
    put_customers(box, 1)
    killed = open_run(store=box.options.store_hash)
    killed.add_pending(recorded(1, COMPANY))
    killed.close()
    path = tmp_path / "history.sqlite"
    before = path.read_bytes()
    job = make_job(box, dry_run=True, map_standard_fields=NAMES)

    job.run.destination.resolve_ended_runs()
    job.write(member(1, company="New"))
    job.run.close()

    assert path.read_bytes() == before
    assert states(path) == ["pending"]


def test_dry_run_shows_what_the_guard_refuses(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, *range(1, 31))
    put_values(
        box,
        dict.fromkeys(range(1, 31), "vip_customers"),
        "LyticsAudience_vip_customers",
    )
    make_job(box, on_exit="clear").write(*map(leaver, range(1, 9)))
    job = make_job(box, on_exit="clear", dry_run=True)

    with pytest.raises(TooManyClearsError, match="8 were cleared in the last 24 hours"):
        job.write(*map(leaver, range(9, 12)))


def test_history_that_a_dry_run_cannot_read_ends_it(path: Path) -> None:
    make_text(path)

    with pytest.raises(HistoryError, match="not a database"):
        open_to_read(str(path), store=STORE)


# Age.


def add_days(open_run: Callable[..., History], *ages: float, rows: int = 1) -> None:
    """Add a finished run with changes and a reject for each age in days."""
    for age in ages:
        at = NOW - age * DAY_SECONDS
        run = open_run(now=at)
        changes: list[RecordedChange] = []
        for number in range(rows):
            changes += recorded(number, COMPANY, at=at)
        run.add_pending(changes)
        run.settle(changes, [])
        run.add_reject("vip", code="refused", reason="", status=422, customer=None)
        run.finish_run(status="succeeded", input="complete", counts={})


def test_old_rows_are_purged(path: Path, open_run: Callable[..., History]) -> None:
    add_days(open_run, 200, 91, 89, 0)

    purged = open_run().purge(90)

    assert purged == 2
    assert rows_of(path, "SELECT run FROM changes") == [(3,), (4,)]
    assert rows_of(path, "SELECT run FROM rejects") == [(3,), (4,)]
    assert rows_of(path, "SELECT id FROM runs") == [(3,), (4,), (5,)]


def test_old_facts_are_purged(open_run: Callable[..., History]) -> None:
    open_run(now=NOW - 91 * DAY_SECONDS).lower_facts({"ids": 125, "emails": 20})
    open_run(now=NOW - 89 * DAY_SECONDS).lower_facts({"emails": 10})
    run = open_run()

    run.purge(90)

    assert run.facts() == {"emails": 10}
    run.lower_facts({"ids": 250})
    assert run.facts() == {"emails": 10, "ids": 250}


def test_more_than_a_chunk_is_purged(
    path: Path, open_run: Callable[..., History]
) -> None:
    add_days(open_run, 100, rows=ROWS_PER_PURGE + 1)
    add_days(open_run, 1)

    assert open_run().purge(90) == ROWS_PER_PURGE + 1
    assert len(states(path)) == 1


def test_pending_changes_are_not_purged(
    path: Path, open_run: Callable[..., History]
) -> None:
    run = open_run(now=NOW - 100 * DAY_SECONDS)
    run.add_pending(recorded(1, COMPANY, at=NOW - 100 * DAY_SECONDS))
    run.close()

    open_run().purge(90)

    assert states(path) == ["pending"]
    assert len(statuses(path)) == 2


def test_clears_of_a_day_survive_the_shortest_age(
    open_run: Callable[..., History],
) -> None:
    change = Change(name="A", is_attribute=True, old="vip")
    run = open_run()
    changes = recorded(1, change, at=NOW - DAY_SECONDS + 1, action="clear")
    run.add_pending(changes)
    run.settle(changes, [])

    run.purge(1)

    assert run.cleared("A") == (1, 0)


def test_clock_ahead_of_the_store_purges_nothing(
    path: Path, open_run: Callable[..., History]
) -> None:
    add_days(open_run, 0)
    history = open_history(
        str(path),
        store=STORE,
        now=lambda: NOW + 1000 * DAY_SECONDS,
        store_time=lambda: NOW,
    )

    history.purge(90)
    history.close()

    assert len(states(path)) == 1


def test_end_of_a_run_purges(box: Sandbox, make_job: MakeJob, tmp_path: Path) -> None:
    put_customers(box, 1)
    path = tmp_path / "history.sqlite"
    make_job(box, map_standard_fields=NAMES).write(member(1, company="New"))
    box.clock.advance(91 * DAY_SECONDS)
    job = make_job(box, map_standard_fields=NAMES, map_custom_attributes=[TIER])
    job.write(member(1, company="New", tier="gold"))

    job.run.destination.recorder.finish(status="succeeded", input="complete", counts={})

    assert rows_of(path, "SELECT name FROM changes") == [("Tier",)]


@pytest.mark.parametrize("calls", [0, 1])
def test_run_that_reached_no_store_purges_nothing(
    box: Sandbox, make_job: MakeJob, tmp_path: Path, calls: int
) -> None:
    put_customers(box, 1)
    path = tmp_path / "history.sqlite"
    make_job(box, map_standard_fields=NAMES).write(member(1, company="New"))
    box.clock.advance(91 * DAY_SECONDS)
    job = make_job(box, map_standard_fields=NAMES)
    if calls:
        job.write(member(1, company="New"))

    job.run.destination.recorder.finish(status="succeeded", input="complete", counts={})

    assert bool(states(path)) == (not calls)
