"""The ledger as a file: refused, lost, damaged, torn, full and private."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from singer_kit.errors import ShutdownRequestedError
from support.tap_job import ID, Collected, Job
from tap_lytics.errors import LedgerError
from tap_lytics.ledger import (
    Ledger,
    LedgerAudience,
    LedgerRow,
    ledger_errors,
    open_file,
    open_ledger,
)

if TYPE_CHECKING:
    from tap_lytics.state import StreamState

FULL = 2  # `PRAGMA synchronous`: every commit waits for the disk.
AUDIENCE = LedgerAudience(id="an id", slug="vip_customers", fields=(ID,))
AT = datetime(2026, 3, 1, tzinfo=UTC)


def copy_ledger(path: str, name: str = "copy") -> Path:
    """Copy the file and its write-ahead log, as a killed process leaves them."""
    copy = Path(path).with_name(name)
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    return copy


def wal_size(path: str) -> int:
    return Path(f"{path}-wal").stat().st_size


def query_copy(path: str, query: str) -> int:
    """Read a number from a copy of the ledger."""
    connection = sqlite3.connect(copy_ledger(path))
    [number] = connection.execute(query).fetchone()
    connection.close()
    return int(number)


@pytest.mark.parametrize("loss", ["missing", "damaged", "empty", "another"])
@pytest.mark.parametrize("existing_users", [False, True])
def test_lost_ledger_sends_everybody(
    loss: str,
    existing_users: bool,  # noqa: FBT001 - a parameter
    job: Job,
    ledger_path: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job.config["existing_users"] = existing_users
    job.run()
    Path(ledger_path).unlink()
    if loss == "another":
        Job(ledger_path=ledger_path).run()
    elif loss != "missing":
        content = b"SQLite format 3\0" + b"x" * 5000 if loss == "damaged" else b""
        Path(ledger_path).write_bytes(content)
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider())

    sent = job.run().sent()

    [line] = [r.getMessage() for r in caplog.records if "cannot know" in r.message]
    assert ledger_path in line
    assert "names: the file was lost or replaced" in line
    assert len(sent) == 26
    job.clock.advance(60)
    assert not job.run().records
    job.days_later()
    assert not job.run().records


def test_interrupted_rebuild_is_continued(job: Job, ledger_path: str) -> None:
    job.run()
    Path(ledger_path).unlink()
    output = job.run_interrupted(at_page=3)
    job.state = output.states[-1]

    sent = output.sent() + job.run().sent()

    assert set(sent) == {job.email(index) for index in range(25)}


def test_rebuild_stays_due_without_its_state(job: Job, ledger_path: str) -> None:
    job.run()
    Path(ledger_path).unlink()
    job.run_interrupted(at_page=3)

    assert len(job.run().sent()) == 25


# Restored copies.


def test_restored_copy_sends_who_is_missing(
    job: Job, ledger_path: str, caplog: pytest.LogCaptureFixture
) -> None:
    job.run()
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider(0))
    job.run()
    copy = Path(ledger_path).read_bytes()
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider(1), touch=False)
    job.days_later()
    job.run()
    Path(ledger_path).write_bytes(copy)

    sent = job.run().sent()

    assert sent == {job.email(job.outsider(1)): 1}
    assert "such as a restored copy" in caplog.text
    assert not job.run().records


def test_restored_copy_does_not_hide_a_change(full_job: Job, ledger_path: str) -> None:
    before = full_job.box.lytics.member(3)["company"]
    full_job.run()
    copy = Path(ledger_path).read_bytes()
    for company in ("New", before):
        full_job.clock.advance(3600)
        full_job.box.lytics.change(3, {"company": company})
        if company != before:
            full_job.run()
    Path(ledger_path).write_bytes(copy)

    assert full_job.run().sent() == {full_job.email(3): 1}


def test_restored_copy_stays_due_until_covered(full_job: Job, ledger_path: str) -> None:
    full_job.run()
    copy = Path(ledger_path).read_bytes()
    full_job.clock.advance(3600)
    full_job.box.lytics.enter(full_job.outsider())
    full_job.run()
    Path(ledger_path).write_bytes(copy)
    full_job.clock.advance(3600)
    full_job.run_interrupted(at_page=2)  # Its states are lost.

    assert full_job.email(full_job.outsider()) in full_job.run().sent()


@pytest.mark.parametrize("later", [1, 2, 3])
def test_state_after_copy_is_not_mistaken(
    full_job: Job, ledger_path: str, later: int
) -> None:
    """A state of the time after the copy does not cover rows written since."""
    full_job.run()
    copy, states = Path(ledger_path).read_bytes(), []
    for number in range(4):
        full_job.clock.advance(3600)
        full_job.box.lytics.enter(full_job.outsider(number))
        full_job.run()
        states.append(full_job.state)
    Path(ledger_path).write_bytes(copy)
    full_job.state = states[0]
    full_job.clock.advance(3600)
    full_job.box.lytics.change(3, {"company": "New"})
    for _ in range(3):  # None of what these send is written.
        full_job.run()
    full_job.state = states[later]

    assert full_job.email(3) in full_job.run().sent()


def test_damaged_ledger_is_moved_aside(job: Job, ledger_path: str) -> None:
    job.run()
    Path(ledger_path).write_bytes(b"damaged")

    job.run()

    assert Path(f"{ledger_path}.damaged").read_bytes() == b"damaged"


def test_lineage_in_use_is_refused(job: Job, ledger_path: str) -> None:
    job.run()
    holder = open_ledger(ledger_path, is_known=True)
    audience = replace(AUDIENCE, id=job.state["audience_id"])
    assert holder.resume(job.state["ledger_id"], 0, audience, AT)

    with pytest.raises(LedgerError, match="in use: another process") as error:
        job.run()

    assert ledger_path in str(error.value)
    assert "--state-id-suffix" in str(error.value)
    holder.close()
    job.run()
    assert [each.name for each in Path(ledger_path).parent.iterdir()] == [
        Path(ledger_path).name
    ]


@pytest.mark.parametrize("content", [b"name: my project\n", None])
def test_other_file_is_not_overwritten(
    content: bytes | None, job: Job, ledger_path: str
) -> None:
    if content is None:
        connection = sqlite3.connect(ledger_path)
        connection.execute("CREATE TABLE other (a)")
        connection.close()
    else:
        Path(ledger_path).write_bytes(content)
    before = Path(ledger_path).stat().st_size

    with pytest.raises(LedgerError, match="not a ledger"):
        job.run()

    assert Path(ledger_path).stat().st_size == before


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    job = Job(ledger_path=str(tmp_path / "missing" / "members.ledger"))

    with pytest.raises(LedgerError, match="ledger_path"):
        job.run()


@pytest.mark.guarantee("private-files")
def test_only_owner_can_read_ledger(job: Job, ledger_path: str) -> None:
    job.run()

    assert stat.S_IMODE(Path(ledger_path).stat().st_mode) == 0o600


@pytest.mark.guarantee("tap-resumes-after-kill")
def test_commits_are_synchronous(ledger_path: str) -> None:
    connection = open_file(ledger_path)
    [synchronous] = connection.execute("PRAGMA synchronous").fetchone()
    [journal] = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()

    assert (synchronous, journal) == (FULL, "wal")


@pytest.mark.guarantee("tap-resumes-after-kill")
def test_state_is_written_after_commit(full_job: Job, ledger_path: str) -> None:
    committed: list[int] = []

    class Watched(Collected):
        @override
        def checkpoint(self, state: StreamState) -> None:
            super().checkpoint(state)
            committed.append(query_copy(ledger_path, "SELECT generation FROM lineage"))

    output = full_job.run(Watched())

    assert len(committed) > 4
    assert committed == [state["ledger_generation"] for state in output.states]


def test_records_are_written_after_commit(full_job: Job, ledger_path: str) -> None:
    committed: list[int] = []

    class Watched(Collected):
        @override
        def write(self, records: Any, *, version: int | None = None) -> None:
            super().write(records, version=version)
            committed.append(query_copy(ledger_path, "SELECT count(*) FROM member"))

    output = full_job.run(Watched())

    assert len(output.records) == 25
    assert committed[::2] == [5, 10, 15, 20, 25, 25]


def test_unchanged_page_is_not_committed(full_job: Job, ledger_path: str) -> None:
    sizes: list[int] = []

    class Watched(Collected):
        @override
        def checkpoint(self, state: StreamState) -> None:
            super().checkpoint(state)
            sizes.append(wal_size(ledger_path))

    full_job.run()
    full_job.days_later()

    full_job.run(Watched())

    assert len(sizes) > 4
    assert len(set(sizes)) == 1


@pytest.mark.guarantee("tap-resumes-after-kill")
@pytest.mark.parametrize("written", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("at_write", [2, 3, 6])
def test_torn_commit_loses_no_member(
    full_job: Job, ledger_path: str, written: float, at_write: int
) -> None:
    sizes: list[int] = []

    class Interrupted(Collected):
        @override
        def write(self, records: Any, *, version: int | None = None) -> None:
            sizes.append(wal_size(ledger_path))
            if len(sizes) == at_write:
                copy_ledger(ledger_path)
                raise ShutdownRequestedError
            super().write(records, version=version)

    customers = full_job.run().apply()
    full_job.clock.advance(60)
    for number in range(20):
        full_job.box.lytics.enter(full_job.outsider(number))
    for index in range(5):
        full_job.box.lytics.leave(index)
    output = Interrupted()
    with pytest.raises(ShutdownRequestedError):
        full_job.run(output)
    customers = output.apply(customers)
    restore_torn(ledger_path, sizes[-2] + int(written * (sizes[-1] - sizes[-2])))
    for number in range(20):
        full_job.box.lytics.leave(full_job.outsider(number))
    full_job.clock.advance(60)

    customers = full_job.run().apply(customers)

    assert customers == full_job.audience()


def restore_torn(path: str, size: int) -> None:
    """Restore the copy with the write-ahead log that a power cut left at this size."""
    copy = Path(path).with_name("copy")
    log = Path(f"{copy}-wal").read_bytes()
    Path(path).write_bytes(copy.read_bytes())
    Path(f"{path}-wal").write_bytes(log[:size] + bytes(len(log) - size))


def test_older_ledger_resends_what_it_lacks(full_job: Job, ledger_path: str) -> None:
    full_job.run()
    older = Path(ledger_path).read_bytes()
    full_job.clock.advance(60)
    full_job.box.lytics.change(3, {"company": "New"})
    full_job.run()
    kept = full_job.state  # The last state that the target printed.
    Path(ledger_path).write_bytes(older)
    full_job.clock.advance(60)
    full_job.box.lytics.enter(full_job.outsider())
    lost = full_job.run().sent()  # The target was killed before it wrote them.
    full_job.state = kept
    full_job.clock.advance(60)

    resent = full_job.run().sent()

    assert full_job.email(full_job.outsider()) in lost
    assert set(resent) >= set(lost)


def test_full_database_keeps_committed_rows(ledger_path: str) -> None:
    connection = open_file(ledger_path)
    ledger = Ledger(ledger_path, connection)
    lineage = ledger.start(AUDIENCE, AT)
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 3}")
    rows = [
        LedgerRow(
            member=number.to_bytes(16, "big"),
            digest=None,
            required="[]",
            generation=1,
            flags=0,
        )
        for number in range(10_000)
    ]

    with (
        pytest.raises(LedgerError, match=r"ledger_path.*full.*Free disk space"),
        ledger_errors(ledger_path),
    ):
        lineage.put(rows)
    ledger.close()

    ledger = open_ledger(ledger_path, is_known=True)
    resumed = ledger.resume(lineage.id, lineage.committed, AUDIENCE, AT)
    assert resumed
    assert (resumed.committed, resumed.members(0)) == (0, [])
    ledger.close()
