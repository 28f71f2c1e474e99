"""Every record has one outcome, and the summary says how many have which."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import OutputError
from target_bigcommerce.errors import RejectCode
from target_bigcommerce.summary import (
    OUTCOMES,
    PROGRESS_INTERVAL_SECONDS,
    Outcome,
    Progress,
    RunStats,
    to_line,
    write_summary,
)

if TYPE_CHECKING:
    from pathlib import Path


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
    stats.read += left  # Read, and not settled when the run ended.
    waited = data.draw(st.floats(0, 100))

    summary = stats.to_summary(waited_seconds=waited)

    assert summary["records"] == sum(summary["outcomes"].values()) == len(outcomes)
    assert summary["left"] == left


def test_every_outcome_is_in_the_summary() -> None:
    summary = RunStats().to_summary(waited_seconds=0)

    assert summary["outcomes"] == dict.fromkeys(OUTCOMES, 0)


def test_a_summary_is_json_with_all_figures() -> None:
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


def test_a_summary_is_said_in_a_line() -> None:
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


def test_a_run_without_records_is_said_too() -> None:
    line = to_line(RunStats().to_summary(waited_seconds=0))

    assert line == "0 records: none; waited 0.0 s for the store's quota."


# The file.


def test_a_summary_replaces_the_last_one_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text("the last one, which was longer")

    write_summary(str(path), {"records": 1})

    assert json.loads(path.read_text()) == {"records": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["summary.json"]


def test_a_summary_that_cannot_be_written_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="summary_path cannot be written"):
        write_summary(str(tmp_path / "nowhere" / "summary.json"), {})


def test_a_device_takes_the_summary_and_stays_what_it_is(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")

    write_summary(str(link), {"records": 1})

    assert link.is_symlink()


# Progress.


def test_progress_is_told_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
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


def test_a_quiet_input_is_not_spoken_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    progress = Progress(RunStats(), clock=lambda: now)

    now = PROGRESS_INTERVAL_SECONDS * 10
    progress.log()

    assert not caplog.messages
