"""The ledger as a file: lost, damaged, another's, held and for its owner alone."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_lytics.errors import LedgerError
from tap_lytics.ledger import open_ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.tap_job import Job

    MakeJob = Callable[..., Any]


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
    job.days_later()
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

    with pytest.raises(LedgerError, match="in use by another process"):
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

    with pytest.raises(LedgerError, match="not a ledger"):
        job.run()

    assert Path(path).stat().st_size == before


def test_a_folder_that_is_missing_is_told(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(ledger_path=str(tmp_path / "missing" / "members.ledger"))

    with pytest.raises(LedgerError, match="ledger_path"):
        job.run()


@pytest.mark.guarantee("private-files")
def test_only_the_owner_can_read_the_ledger(job: Job, path: str) -> None:
    job.run()

    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
