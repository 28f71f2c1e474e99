"""Every record has one outcome; every run ends with a summary and a status."""

from __future__ import annotations

import io
import json
import logging
import signal
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit import errors as kit
from singer_kit.errors import OutputError
from support.customers import VIP, put_customers
from target_bigcommerce import errors
from target_bigcommerce.errors import RejectCode
from target_bigcommerce.summary import (
    OUTCOMES,
    PROGRESS_INTERVAL_SECONDS,
    Outcome,
    Progress,
    RunEnd,
    RunFacts,
    RunStats,
    SummaryFile,
    run_to_end,
    to_line,
    to_summary,
    write_failed_start,
    write_summary,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.target_job import Job, MakeJob
    from target_bigcommerce.state import Input

DONE = RunEnd(exit_status=0)


@pytest.fixture(autouse=True)
def log_level(caplog: pytest.LogCaptureFixture) -> None:
    """Capture everything that a user sees."""
    caplog.set_level(logging.INFO)


def stats_of(*outcomes: Outcome) -> RunStats:
    stats = RunStats(read=len(outcomes))
    for outcome in outcomes:
        stats.count(outcome)
    return stats


def line_of(stats: RunStats, waited: float = 0) -> str:
    facts = RunFacts(quota_wait_seconds=waited)
    return to_line(to_summary(RunEnd(exit_status=0), facts, stats))


@given(outcomes=st.lists(st.sampled_from(OUTCOMES)), left=st.integers(0, 5))
def test_outcomes_add_up_to_the_records(outcomes: list[Outcome], left: int) -> None:
    stats = stats_of(*outcomes)
    stats.read += left  # Read, but not drained when the run ended.

    summary = stats.to_summary()

    assert summary["records"] == sum(summary["outcomes"].values()) == len(outcomes)
    assert summary["left"] == left


def test_every_outcome_is_in_the_summary() -> None:
    summary = RunStats().to_summary()

    assert summary["outcomes"] == dict.fromkeys(OUTCOMES, 0)


def test_summary_is_json() -> None:
    stats = stats_of("updated", "rejected")
    stats.rejects[RejectCode.TOO_LONG] += 1
    stats.changes["company"] += 1
    stats.count_call("GET /customers", 200)
    stats.count_call("GET /customers", 0)

    summary = to_summary(RunEnd(exit_status=0), RunFacts(store="abc123"), stats)

    assert json.loads(json.dumps(summary)) == summary
    assert summary["rejects"] == {"too_long": 1}
    assert summary["changes"] == {"company": 1}
    assert summary["calls"] == {"GET /customers": 2}
    assert summary["store"] == "abc123"
    assert summary["exit_status"] == 0


@pytest.mark.parametrize("found", ["complete", "unknown"])
def test_run_whose_input_is_not_cut_off_succeeds(found: Input) -> None:
    facts = RunFacts(input=found)

    summary = to_summary(RunEnd(exit_status=0), facts, RunStats())

    assert summary["status"] == "succeeded"


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (RunEnd(), "running"),
        (RunEnd(exit_status=0), "incomplete"),
        (RunEnd(exit_status=1, error="It failed."), "failed"),
        (RunEnd(exit_status=143), "stopped"),
        (RunEnd(exit_status=130), "stopped"),
    ],
    ids=str,
)
def test_status_says_how_the_run_ended(end: RunEnd, status: str) -> None:
    summary = to_summary(end, RunFacts(input="cut_off"), RunStats())

    assert summary["status"] == status
    assert summary["exit_status"] == end.exit_status
    assert summary["error"] == end.error


def test_summary_is_one_log_line() -> None:
    stats = stats_of("updated", "updated", "rejected")
    stats.read = 1005
    stats.rejects[RejectCode.TOO_LONG] += 1
    stats.count_call("PUT /customers", 200)

    line = line_of(stats, waited=2)

    assert line == (
        "3 records: 2 updated, 1 rejected; rejects too_long 1; calls PUT /customers 1;"
        " waited 2.0 s for the store's quota; 1,002 more will be read again."
    )


def test_run_without_records_has_a_summary() -> None:
    line = line_of(RunStats())

    assert line == "0 records."


def test_one_record_is_singular() -> None:
    assert line_of(stats_of("updated")) == "1 record: 1 updated."


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


def end_with(error: Exception | None, *, signum: int | None = None) -> RunEnd:
    def work() -> None:
        if error is not None:
            raise error

    return run_to_end(work, signal=lambda: signum)


def test_success_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert end_with(None) == RunEnd(exit_status=0)
    assert not caplog.messages


@pytest.mark.parametrize("kind", FAILING)
def test_expected_error_is_one_line_and_status_1(
    caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    end = end_with(kind("The setting cannot work."))

    assert end == RunEnd(exit_status=1, error="The setting cannot work.")
    assert caplog.messages == ["The setting cannot work."]
    assert not any(record.exc_info for record in caplog.records)


def test_reached_limit_is_status_0(caplog: pytest.LogCaptureFixture) -> None:
    end = end_with(errors.LimitReachedError("limit 5 reached."))

    assert end == RunEnd(exit_status=0)
    assert caplog.messages == ["limit 5 reached."]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("error", [kit.ShutdownRequestedError("Stopped."), None])
def test_signal_number_is_in_the_status(
    error: Exception | None, signum: signal.Signals
) -> None:
    assert end_with(error, signum=signum) == RunEnd(exit_status=128 + signum)


def test_unexpected_error_is_located_not_quoted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    end = end_with(KeyError("ada@example.com"))

    [line] = caplog.messages
    assert end == RunEnd(exit_status=1, error=line)
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

    status = job.run.report(DONE)

    summary = json.loads(path.read_text())
    assert status == summary["exit_status"] == 0
    assert summary["records"] == 2
    assert summary["attributes_created"] == []
    assert summary["seconds"] == 1.5
    [line, rejected, exits] = caplog.messages
    assert line.startswith("2 records: 1 skipped, 1 rejected; rejects unreadable_id 1")
    assert rejected.startswith("1 record was rejected. It is kept in")
    assert exits.startswith("on_exit is clear, but the input reported no exits")


@pytest.mark.parametrize(("count", "text"), [(1, "1 record"), (2000, "2,000 records")])
def test_shared_customer_ids_are_a_warning(
    box: Sandbox,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
    count: int,
    text: str,
) -> None:
    job = make_job(box)
    job.run.stats.shared_ids = count

    job.run.report(DONE)

    assert f"{text} had the same customer id as another member" in caplog.text


def test_unwritable_summary_fails_the_run(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    (folder := tmp_path / "deleted").mkdir()
    job = make_job(box, summary_path=str(folder / "summary.json"))
    folder.rmdir()

    succeeded = job.run.report(DONE)
    stopped = job.run.report(RunEnd(exit_status=143))

    assert (succeeded, stopped) == (1, 143)


# The summary of a run of the target.

VIP_SCHEMA = {
    "type": "SCHEMA",
    "stream": VIP,
    "schema": {"properties": {"id": {}, "email": {}}},
    "key_properties": [],
}


def row(number: object) -> dict[str, object]:
    return {"type": "RECORD", "stream": VIP, "record": {"id": number}}


class SummaryRun:
    """Runs of one job whose summaries replace each other."""

    def __init__(self, box: Sandbox, make_job: MakeJob, folder: Path) -> None:
        self.path = folder / "summary.json"
        self._box = box
        self._make_job = make_job

    def job(self, **config: object) -> Job:
        """Open a job."""
        return self._make_job(self._box, summary_path=str(self.path), **config)

    def run(self, *messages: object, **config: object) -> dict[str, Any]:
        """Run the target; return the summary it leaves."""
        text = "".join(
            each if isinstance(each, str) else json.dumps(each) + "\n"
            for each in messages
        )
        self.job(**config).target.run(io.StringIO(text))
        return self.read()

    def read(self) -> dict[str, Any]:
        """Read the summary."""
        summary: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        return summary


@pytest.fixture
def summaries(box: Sandbox, make_job: MakeJob, tmp_path: Path) -> SummaryRun:
    put_customers(box, 1, 2, 3)
    return SummaryRun(box, make_job, tmp_path)


def test_summary_names_the_run(summaries: SummaryRun, box: Sandbox) -> None:
    summary = summaries.run(VIP_SCHEMA, row(1), map_standard_fields=[])

    attribute = f"LyticsAudience_{VIP}"
    [number] = box.store.attributes
    assert summary["job"] == VIP
    assert summary["store"] == box.options.store_hash
    assert summary["audiences"] == [VIP]
    assert summary["attribute_ids"] == {attribute: number}
    assert summary["attributes_created"] == [attribute]
    start, end = (datetime.fromisoformat(summary[name]) for name in ("start", "end"))
    assert start <= end
    assert start.utcoffset() == end.utcoffset() == timedelta(0)
    assert (summary["status"], summary["exit_status"], summary["error"]) == (
        "succeeded",
        0,
        None,
    )


def test_summary_names_every_audience_and_attribute(summaries: SummaryRun) -> None:
    news = {**VIP_SCHEMA, "stream": "news"}
    tier = [{"from": "email", "to": "Mail"}]

    summary = summaries.run(
        VIP_SCHEMA, news, row(1), map_standard_fields=[], map_custom_attributes=tier
    )

    assert summary["audiences"] == [VIP, "news"]
    assert summary["job"] == f"{VIP}, news"
    names = {f"LyticsAudience_{VIP}", "LyticsAudience_news", "Mail"}
    assert summary["attribute_ids"].keys() <= names


def test_job_id_names_the_job(summaries: SummaryRun) -> None:
    assert summaries.run(VIP_SCHEMA, job_id="weekly")["job"] == "weekly"


@pytest.mark.parametrize(
    ("messages", "config", "error"),
    [
        (["not JSON\n"], {}, "Line 1 of the input is not JSON"),
        ([row(1)], {}, "came before its SCHEMA"),
        ([VIP_SCHEMA, row(1)], {"id_field": "number"}, "has no field 'number'"),
        ([VIP_SCHEMA, row("x")], {"max_rejects": 0}, "max_rejects 0"),
        ([VIP_SCHEMA], {"stream_maps": {VIP: {"id": "1 +"}}}, "stream_maps"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_failed_run_replaces_the_summary(
    summaries: SummaryRun,
    messages: list[object],
    config: dict[str, object],
    error: str,
) -> None:
    before = summaries.run(VIP_SCHEMA, row(1), map_standard_fields=[])

    summary = summaries.run(*messages, **config)

    assert before["exit_status"] == 0
    assert (summary["status"], summary["exit_status"]) == ("failed", 1)
    assert error in summary["error"]
    assert summary.keys() == before.keys()


def test_summary_is_written_at_the_start(summaries: SummaryRun) -> None:
    summaries.job().run.start()

    summary = summaries.read()
    assert (summary["status"], summary["exit_status"]) == ("running", None)
    assert (summary["end"], summary["error"], summary["input"]) == (
        None,
        None,
        "unknown",
    )
    assert summary["start"]
    assert summary["records"] == 0


def test_running_summary_is_written_every_30_seconds(
    summaries: SummaryRun, box: Sandbox
) -> None:
    job = summaries.job(map_standard_fields=[])
    job.run.start()
    seen = []

    for number in (1, 2, 3, 1):
        box.clock.advance(PROGRESS_INTERVAL_SECONDS / 2)
        job.write({"id": number})
        job.run.write_progress()
        seen.append(summaries.read()["records"])

    assert seen == [0, 2, 2, 4]
    assert summaries.read()["status"] == "running"


def test_unwritable_running_summary_is_ignored(
    box: Sandbox, make_job: MakeJob, tmp_path: Path
) -> None:
    (folder := tmp_path / "deleted").mkdir()
    job = make_job(box, summary_path=str(folder / "summary.json"))
    folder.rmdir()

    job.run.write_progress()


def test_summary_file_is_optional() -> None:
    SummaryFile(None).write({"records": 1})


# A run that fails before it starts.


def failed_start(**config: object) -> None:
    error = kit.ConfigError("id_field is missing.", "limit must be at least 1.")
    write_failed_start(config, error, "2026-03-01T08:00:00Z")


def test_failed_start_replaces_the_summary(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text('{"exit_status": 0}')

    failed_start(summary_path=str(path), store_hash="abc123", job_id="weekly")

    summary = json.loads(path.read_text())
    assert summary["exit_status"] == 1
    assert summary["error"] == "id_field is missing. limit must be at least 1."
    assert (summary["store"], summary["job"]) == ("abc123", "weekly")
    assert summary["start"] == summary["end"] == "2026-03-01T08:00:00Z"
    complete = to_summary(RunEnd(exit_status=0), RunFacts(), RunStats())
    assert summary.keys() == complete.keys()


@pytest.mark.parametrize(
    "store", [7, None, "https://store-abc123.mybigcommerce.com", "0123456789abcdef" * 2]
)
def test_failed_start_quotes_no_invalid_store(tmp_path: Path, store: object) -> None:
    path = tmp_path / "summary.json"

    failed_start(summary_path=str(path), store_hash=store, job_id=["x"])

    summary = json.loads(path.read_text())
    assert (summary["store"], summary["job"]) == (None, None)


def test_failed_start_creates_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "output" / "sandbox" / "summary.json"

    failed_start(summary_path=str(path))

    assert json.loads(path.read_text())["exit_status"] == 1


@pytest.mark.parametrize("path", [None, 7, "", " ", "/dev/null/summary.json", "nu\0l"])
def test_failed_start_without_a_usable_path_writes_nothing(path: object) -> None:
    failed_start(summary_path=path)


# Whether the input was complete.


@pytest.mark.parametrize(
    ("messages", "records", "line"),
    [
        ([], 0, "It sent no records"),
        ([{**VIP_SCHEMA, "key_properties": ["_member_id"]}], 0, "It sent no records"),
        (
            [
                VIP_SCHEMA,
                row(None),
                {
                    "type": "STATE",
                    "value": {"bookmarks": {VIP: {"pass_status": "running"}}},
                },
            ],
            1,
            "What it sent was handled",
        ),
    ],
)
def test_cut_off_input_is_a_warning(
    summaries: SummaryRun,
    caplog: pytest.LogCaptureFixture,
    messages: list[object],
    records: int,
    line: str,
) -> None:
    summary = summaries.run(*messages)

    assert (summary["input"], summary["exit_status"]) == ("cut_off", 0)
    assert summary["records"] == records
    [warning] = [text for text in caplog.messages if text.startswith("The input was")]
    assert line in warning


def test_failed_run_has_no_warning_about_its_input(
    summaries: SummaryRun, caplog: pytest.LogCaptureFixture
) -> None:
    summary = summaries.run("not JSON\n")

    assert summary["input"] == "unknown"
    assert "cut off" not in caplog.text
