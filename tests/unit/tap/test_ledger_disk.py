"""The ledger and its disk: cut off, full, or a copy of before."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import ShutdownRequestedError
from tap_lytics.errors import LedgerError
from tap_lytics.ledger import Ledger, LedgerClaim, LedgerRow, ledger_errors, open_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.tap_job import Collected, Job

    MakeJob = Callable[..., Any]

ID = "bigcommerce_customer_id"
FULL = 2  # As SQLite numbers it: every commit waits until the disk has it.
NO_CLAIM = LedgerClaim(ids=(), generation=0, audiences=())


def applied(output: Collected, store: set[str]) -> set[str]:
    """Give the customers of a store to which an output's records were written."""
    customers = set(store)
    for record in output.records:
        act = customers.discard if record["_sdc_deleted_at"] else customers.add
        act(record[ID])
    return customers


def copy_of(path: str, name: str) -> Path:
    """Copy the file and what is not yet moved into it, as a process leaves them."""
    copy = Path(path).with_name(name)
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    return copy


@pytest.mark.guarantee("tap-resumes-after-kill")
def test_no_commit_is_taken_back_by_a_power_cut(path: str) -> None:
    connection = open_file(path, NO_CLAIM)
    [synchronous] = connection.execute("PRAGMA synchronous").fetchone()
    [journal] = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()

    assert (synchronous, journal) == (FULL, "wal")


@pytest.mark.guarantee("tap-resumes-after-kill")
def test_a_state_is_written_when_the_ledger_has_what_it_covers(
    full_job: Job, path: str, collected: type[Any]
) -> None:
    found: list[int] = []

    class Looking(collected):  # type: ignore[misc]  # a fixture gives the class
        def checkpoint(self, place: Any) -> None:  # noqa: ANN401 - of the tap
            super().checkpoint(place)
            copy = sqlite3.connect(copy_of(path, "copy"))
            found.extend(copy.execute("SELECT generation FROM about").fetchone())
            copy.close()

    output = full_job.run(Looking())

    assert len(found) > 4
    assert found == [state["ledger_generation"] for state in output.states]


def test_records_are_written_when_the_ledger_has_them(
    full_job: Job, path: str, collected: type[Any]
) -> None:
    found: list[int] = []

    class Looking(collected):  # type: ignore[misc]  # a fixture gives the class
        def write(self, records: Any, *, version: int | None = None) -> None:  # noqa: ANN401 - of the tap
            super().write(records, version=version)
            copy = sqlite3.connect(copy_of(path, "copy"))
            found.extend(copy.execute("SELECT count(*) FROM member").fetchone())
            copy.close()

    output = full_job.run(Looking())

    assert len(output.records) == 25
    assert found[::2] == [5, 10, 15, 20, 25, 25]


def test_a_page_of_which_nothing_is_new_costs_no_wait_for_the_disk(
    full_job: Job, path: str, collected: type[Any]
) -> None:
    sizes: list[int] = []

    class Looking(collected):  # type: ignore[misc]  # a fixture gives the class
        def checkpoint(self, place: Any) -> None:  # noqa: ANN401 - of the tap
            super().checkpoint(place)
            sizes.append(Path(f"{path}-wal").stat().st_size)

    full_job.run()
    full_job.clock.advance(2 * 24 * 3600)
    full_job.run(Looking())

    assert len(sizes) > 4
    assert len(set(sizes)) == 1


@pytest.mark.guarantee("tap-resumes-after-kill")
@pytest.mark.parametrize("written", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("at_write", [2, 3, 6])
def test_a_commit_that_the_power_cut_in_two_loses_nobody(
    full_job: Job, path: str, collected: type[Any], written: float, at_write: int
) -> None:
    lengths: list[int] = []

    class CutOff(collected):  # type: ignore[misc]  # a fixture gives the class
        def write(self, records: Any, *, version: int | None = None) -> None:  # noqa: ANN401 - of the tap
            lengths.append(Path(f"{path}-wal").stat().st_size)
            if len(lengths) == at_write:
                copy_of(path, "left")
                raise ShutdownRequestedError
            super().write(records, version=version)

    store = applied(full_job.run(), set())
    full_job.clock.advance(60)
    for number in range(20):
        full_job.box.lytics.enter(full_job.stranger(number))
    for index in range(5):
        full_job.box.lytics.leave(index)
    output = CutOff()
    with pytest.raises(ShutdownRequestedError):
        full_job.run(output)
    store = applied(output, store)
    tear(path, "left", at=lengths[-2] + int(written * (lengths[-1] - lengths[-2])))
    for number in range(20):
        full_job.box.lytics.leave(full_job.stranger(number))
    full_job.clock.advance(60)

    store = applied(full_job.run(), store)

    assert store == {
        full_job.customer(index) for index in full_job.box.lytics.members()
    }


def tear(path: str, name: str, *, at: int) -> None:
    """Put the copy in the file's place, its newest part torn off."""
    copy = Path(path).with_name(name)
    newest = Path(f"{copy}-wal").read_bytes()
    torn = newest[:at] + bytes(len(newest) - at)
    Path(path).write_bytes(copy.read_bytes())
    Path(f"{path}-wal").write_bytes(torn)


def test_a_copy_of_before_covers_nothing_that_it_did_not_see(
    full_job: Job, path: str
) -> None:
    full_job.run()
    older = Path(path).read_bytes()
    full_job.clock.advance(60)
    full_job.box.lytics.change(3, {"company": "New"})
    full_job.run()
    kept = full_job.state  # The last state that the target printed.
    Path(path).write_bytes(older)
    full_job.clock.advance(60)
    full_job.box.lytics.enter(full_job.stranger())
    lost = full_job.run().sent()  # By a target that was killed.
    full_job.state = kept
    full_job.clock.advance(60)

    again = full_job.run().sent()

    assert full_job.email(full_job.stranger()) in lost
    assert again == lost


def test_a_database_that_can_grow_no_further_is_told_and_keeps_what_it_had(
    path: str,
) -> None:
    connection = open_file(path, NO_CLAIM)
    ledger = Ledger(connection, claimed=0)
    audience = ledger.start_audience(
        "an id", "vip_customers", [ID], keeps_members=False
    )
    covered = ledger.commit()
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 3}")

    with (
        pytest.raises(LedgerError, match=r"ledger_path.*full.*Free disk space"),
        ledger_errors(path),
    ):
        ledger.put(audience, (row(number) for number in range(10_000)))
    ledger.close()

    claim = LedgerClaim(ids=(ledger.id,), generation=covered, audiences=("an id",))
    again = Ledger(open_file(path, claim), claimed=covered)
    assert again.resume_audience("an id", "vip_customers", [ID], covered) == audience
    assert again.members(audience, 0) == []
    again.close()


def row(number: int) -> LedgerRow:
    return LedgerRow(
        member=number.to_bytes(16, "big"),
        digest=None,
        required="[]",
        generation=1,
        flags=0,
    )
