"""Every record has one outcome; every run ends with a summary and a status."""

from __future__ import annotations

import json
import logging
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit import errors as kit
from singer_kit.errors import OutputError
from target_bigcommerce import errors
from target_bigcommerce.errors import RejectCode
from target_bigcommerce.summary import (
    OUTCOMES,
    PROGRESS_INTERVAL_SECONDS,
    Outcome,
    Progress,
    RunStats,
    run_to_status,
    to_line,
    write_summary,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.target_job import MakeJob


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    """Capture everything that a user sees."""
    caplog.set_level(logging.INFO)


def stats_of(*outcomes: Outcome) -> RunStats:
    stats = RunStats(read=len(outcomes))
    for outcome in outcomes:
        stats.count(outcome)
    return stats


@given(
    outcomes=st.lists(st.sampled_from(OUTCOMES)), left=st.integers(0, 5), data=st.data()
)
def test_outcomes_add_up_to_the_records(
    outcomes: list[Outcome], left: int, data: st.DataObject
) -> None:
    stats = stats_of(*outcomes)
    stats.read += left  # Read, but not drained when the run ended.
    waited = data.draw(st.floats(0, 100))

    summary = stats.to_summary(waited_seconds=waited)

    assert summary["records"] == sum(summary["outcomes"].values()) == len(outcomes)
    assert summary["left"] == left


def test_every_outcome_is_in_the_summary() -> None:
    summary = RunStats().to_summary(waited_seconds=0)

    assert summary["outcomes"] == dict.fromkeys(OUTCOMES, 0)


def test_summary_is_json() -> None:
    stats = stats_of("updated", "rejected")
    stats.rejects[RejectCode.TOO_LONG] += 1
    stats.changes["company"] += 1
    stats.count_call("GET /customers", 200)
    stats.count_call("GET /customers", 0)

    summary = stats.to_summary(waited_seconds=1.23456, exit_status=0)

    assert json.loads(json.dumps(summary)) == summary
    assert summary["rejects"] == {"too_long": 1}
    assert summary["changes"] == {"company": 1}
    assert summary["calls"] == {"GET /customers": 2}
    assert summary["quota_wait_seconds"] == 1.235
    assert summary["exit_status"] == 0


def test_summary_is_one_log_line() -> None:
    stats = stats_of("updated", "updated", "rejected")
    stats.read = 1005
    stats.rejects[RejectCode.TOO_LONG] += 1
    stats.count_call("PUT /customers", 200)

    line = to_line(stats.to_summary(waited_seconds=2))

    assert line == (
        "3 records: 2 updated, 1 rejected; rejects too_long 1; calls PUT /customers 1;"
        " waited 2.0 s for the store's quota; 1,002 more were read and will be"
        " read again."
    )


def test_run_without_records_has_a_summary() -> None:
    line = to_line(RunStats().to_summary(waited_seconds=0))

    assert line == "0 records: none; waited 0.0 s for the store's quota."


# The summary's file.


def test_summary_replaces_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text("the last one, which was longer")

    write_summary(str(path), {"records": 1})

    assert json.loads(path.read_text()) == {"records": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["summary.json"]


def test_unwritable_summary_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="summary_path cannot be written"):
        write_summary(str(tmp_path / "missing" / "summary.json"), {})


def test_summary_can_go_to_a_device(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")

    write_summary(str(link), {"records": 1})

    assert link.is_symlink()


# Progress.


def test_progress_is_logged_at_intervals(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    stats = RunStats()
    progress = Progress(stats, clock=lambda: now)

    for step in range(7):
        now = step * PROGRESS_INTERVAL_SECONDS / 2
        stats.read += 600
        stats.count("updated")
        progress.log()

    assert caplog.messages == [
        "So far 1,800 records: 3 updated.",
        "So far 3,000 records: 5 updated.",
        "So far 4,200 records: 7 updated.",
    ]


def test_no_progress_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    progress = Progress(RunStats(), clock=lambda: now)

    now = PROGRESS_INTERVAL_SECONDS * 10
    progress.log()

    assert not caplog.messages


# Exit statuses.

ERRORS = {
    each
    for each in {**vars(kit), **vars(errors)}.values()
    if isinstance(each, type) and issubclass(each, kit.PluginError)
}
EXPECTED_ENDS = (errors.LimitReachedError, kit.ShutdownRequestedError)
WITH_DETAILS = {
    errors.FailedCallError,
    errors.ForbiddenError,
    errors.OutcomeUnknownError,
    errors.RefusedCallError,
    errors.RequestRejectedError,
    kit.ConnectionFailedError,
    kit.StreamMapError,
}
FAILING = [
    each
    for each in sorted(ERRORS, key=lambda each: each.__name__)
    if not issubclass(each, EXPECTED_ENDS) and each not in WITH_DETAILS
]


def end_with(error: Exception | None, *, signum: int | None = None) -> int:
    def work() -> None:
        if error is not None:
            raise error

    return run_to_status(work, signal=lambda: signum)


def test_success_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert end_with(None) == 0
    assert not caplog.messages


@pytest.mark.parametrize("kind", FAILING)
def test_expected_error_is_one_line_and_status_1(
    caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    status = end_with(kind("The setting cannot work."))

    assert status == 1
    assert caplog.messages == ["The setting cannot work."]
    assert not any(record.exc_info for record in caplog.records)


def test_reached_limit_is_status_0(caplog: pytest.LogCaptureFixture) -> None:
    assert end_with(errors.LimitReachedError("limit 5 reached.")) == 0
    assert caplog.messages == ["limit 5 reached."]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("error", [kit.ShutdownRequestedError("Stopped."), None])
def test_signal_number_is_in_the_status(
    error: Exception | None, signum: signal.Signals
) -> None:
    assert end_with(error, signum=signum) == 128 + signum


def test_unexpected_error_is_located_not_quoted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    status = end_with(KeyError("ada@example.com"))

    assert status == 1
    [line] = caplog.messages
    assert "KeyError in test_summary.py, line" in line
    assert "ada@example.com" not in line


# The report of a run.


def test_summary_is_logged_and_written(
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


def test_shared_customer_ids_are_a_warning(
    box: Sandbox, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(box)
    job.run.stats.shared_ids = 2

    job.run.report(0)

    assert "2 records had the same customer id as another member" in caplog.text


def test_unwritable_summary_fails_the_run(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    (folder := tmp_path / "deleted").mkdir()
    job = make_job(box, summary_path=str(folder / "summary.json"))
    folder.rmdir()

    succeeded = job.run.report(0)
    stopped = job.run.report(143)

    assert (succeeded, stopped) == (1, 143)
