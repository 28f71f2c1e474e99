"""The ledger as a file: refused, lost, damaged, torn, full and private."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from singer_kit.errors import ShutdownRequestedError
from support.tap_job import ID, Collected, Job
from tap_lytics.errors import LedgerError
from tap_lytics.ledger import (
    Ledger,
    LedgerClaim,
    LedgerRow,
    ledger_errors,
    open_file,
    open_ledger,
)

if TYPE_CHECKING:
    from tap_lytics.state import StreamState

FULL = 2  # `PRAGMA synchronous`: every commit waits for the disk.
NO_CLAIM = LedgerClaim(ids=(), generation=0, audiences=())


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


@pytest.mark.parametrize("loss", ["missing", "damaged", "empty", "older"])
def test_lost_ledger_is_rebuilt_by_full_sync(
    loss: str, job: Job, ledger_path: str, caplog: pytest.LogCaptureFixture
) -> None:
    job.run()
    older = Path(ledger_path).read_bytes()
    job.run()
    if loss == "missing":
        Path(ledger_path).unlink()
    else:
        contents = {"damaged": b"SQLite format 3\0" + b"x" * 5000, "empty": b""}
        Path(ledger_path).write_bytes(contents.get(loss, older))
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider())

    sent = job.run().sent()

    assert "cannot know" in caplog.text
    assert sent == {job.email(job.outsider()): 1}
    job.days_later()
    assert not job.run().records


def test_damaged_ledger_is_moved_aside(job: Job, ledger_path: str) -> None:
    job.run()
    Path(ledger_path).write_bytes(b"damaged")

    job.run()

    assert Path(f"{ledger_path}.damaged").read_bytes() == b"damaged"


def test_ledger_of_another_job_is_refused(job: Job, tmp_path: Path) -> None:
    other = Job(ledger_path=str(tmp_path / "other.ledger"))
    job.run()
    other.run()
    job.config["ledger_path"] = other.config["ledger_path"]

    with pytest.raises(LedgerError, match="another job") as error:
        job.run()

    assert job.state["ledger_id"] in str(error.value)
    assert other.state["ledger_id"] in str(error.value)


def test_ledger_of_other_audiences_is_refused(job: Job, ledger_path: str) -> None:
    job.run()

    with pytest.raises(LedgerError, match="vip_customers"):
        open_ledger(ledger_path, [], ["id of another audience"])


def test_locked_ledger_is_refused(job: Job, ledger_path: str) -> None:
    holder = open_ledger(ledger_path, [], [])

    with pytest.raises(LedgerError, match="in use by another process"):
        job.run()

    holder.close()


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
    connection = open_file(ledger_path, NO_CLAIM)
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
            committed.append(query_copy(ledger_path, "SELECT generation FROM about"))

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
    assert resent == lost


def test_full_database_keeps_committed_rows(ledger_path: str) -> None:
    connection = open_file(ledger_path, NO_CLAIM)
    ledger = Ledger(connection, claimed=0)
    audience = ledger.start_audience(
        "an id", "vip_customers", [ID], keeps_members=False
    )
    covered = ledger.commit()
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 3}")
    rows = (
        LedgerRow(
            member=number.to_bytes(16, "big"),
            digest=None,
            required="[]",
            generation=1,
            flags=0,
        )
        for number in range(10_000)
    )

    with (
        pytest.raises(LedgerError, match=r"ledger_path.*full.*Free disk space"),
        ledger_errors(ledger_path),
    ):
        ledger.put(audience, rows)
    ledger.close()

    claim = LedgerClaim(ids=(ledger.id,), generation=covered, audiences=("an id",))
    ledger = Ledger(open_file(ledger_path, claim), claimed=covered)
    assert ledger.resume_audience("an id", "vip_customers", [ID], covered) == audience
    assert ledger.members(audience, 0) == []
    ledger.close()
