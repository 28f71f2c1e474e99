"""However a run ends, it says so in one line and with one status."""

from __future__ import annotations

import json
import logging
import signal
from typing import TYPE_CHECKING

import pytest

from singer_kit import errors as kit
from target_bigcommerce import errors
from target_bigcommerce.summary import run_to_status

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.target_job import MakeJob
OWN = {
    each
    for each in {**vars(kit), **vars(errors)}.values()
    if isinstance(each, type) and issubclass(each, kit.PluginError)
}
PEACEFUL = (errors.LimitReachedError, kit.ShutdownRequestedError)
WITH_DETAILS = {errors.RequestRejectedError, kit.StreamMapError}
FAILING = [
    each
    for each in sorted(OWN, key=lambda each: each.__name__)
    if not issubclass(each, PEACEFUL) and each not in WITH_DETAILS
]


def end_with(error: Exception | None, *, signum: int | None = None) -> int:
    def work() -> None:
        if error is not None:
            raise error

    return run_to_status(work, signal=lambda: signum)


@pytest.fixture(autouse=True)
def informed(caplog: pytest.LogCaptureFixture) -> None:
    """Everything that a user sees is captured."""
    caplog.set_level(logging.INFO)


def test_a_run_that_did_its_work_ends_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert end_with(None) == 0
    assert not caplog.messages


@pytest.mark.parametrize("kind", FAILING)
def test_an_expected_error_is_one_line_and_status_1(
    caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    status = end_with(kind("The setting cannot work."))

    assert status == 1
    assert caplog.messages == ["The setting cannot work."]
    assert not any(record.exc_info for record in caplog.records)


def test_a_limit_that_was_reached_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert end_with(errors.LimitReachedError("limit 5 reached.")) == 0
    assert caplog.messages == ["limit 5 reached."]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("error", [kit.ShutdownRequestedError("Stopped."), None])
def test_a_signal_s_number_is_in_the_status(
    error: Exception | None, signum: signal.Signals
) -> None:
    assert end_with(error, signum=signum) == 128 + signum


def test_a_defect_says_where_it_is_and_quotes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status = end_with(KeyError("ada@example.com"))

    assert status == 1
    [line] = caplog.messages
    assert "KeyError in test_closing.py, line" in line
    assert "ada@example.com" not in line


# The last words.


def test_the_summary_is_said_and_written(
    box: Sandbox,
    make_job: MakeJob,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "summary.json"
    job = make_job(box, summary_path=str(path), on_exit="clear")
    job.sink(id={})
    job.write({"id": "x"}, {"id": None})
    caplog.clear()
    box.clock.advance(1.5)

    status = job.run.report(0)

    summary = json.loads(path.read_text())
    assert status == summary["exit_status"] == 0
    assert summary["records"] == 2
    assert summary["attributes_created"] == []
    assert summary["seconds"] == 1.5
    [line, rejected, exits] = caplog.messages
    assert line.startswith("2 records: 1 skipped, 1 rejected; rejects unreadable_id 1")
    assert rejected.startswith("1 records were rejected. They are kept in")
    assert exits.startswith("on_exit is clear, but the input reported no exits")


def test_two_members_of_one_customer_are_warned_about(
    box: Sandbox, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(box)
    job.run.stats.shared_ids = 2

    job.run.report(0)

    assert "2 records had the same customer id as another member" in caplog.text


def test_a_summary_that_cannot_be_written_fails_the_run(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    (folder := tmp_path / "gone").mkdir()
    job = make_job(box, summary_path=str(folder / "summary.json"))
    folder.rmdir()

    done = job.run.report(0)
    stopped = job.run.report(143)

    assert (done, stopped) == (1, 143)
