"""No more values are cleared in 24 hours than the user allows, over all runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Fault
from singer_kit.errors import RetriesExhaustedError
from support.customers import leaver, member, put_customers
from support.history import SharedHistory
from support.store import put_values
from support.target_job import MakeJob, clearing_job
from target_bigcommerce.errors import TooManyClearsError
from target_bigcommerce.exits import ALWAYS_ALLOWED
from target_bigcommerce.history import DAY_SECONDS
from target_bigcommerce.plan import Change

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

JOB_STREAM, JOB_ATTRIBUTE = "vip_customers", "LyticsAudience_vip_customers"
VIP, NEWS = "LyticsAudience_vip", "LyticsAudience_news"
HOUR = 3600.0


@pytest.fixture
def shared(tmp_path: Path) -> SharedHistory:
    """A history of runs that each clear values of one attribute."""
    return SharedHistory(tmp_path, values=1000)


def is_allowed(percent: int, values: int, cleared: int, count: int) -> bool:
    """The rule of the documentation, in other words than the program's."""
    share = percent * (values + cleared) / 100
    return cleared + count <= max(ALWAYS_ALLOWED, share)


@settings(max_examples=20)
@given(
    percent=st.integers(0, 100),
    values=st.integers(0, 300),
    steps=st.lists(
        st.tuples(st.floats(0, DAY_SECONDS), st.integers(0, 60), st.booleans()),
        max_size=8,
    ),
)
def test_any_day_clears_at_most_the_share_or_10(
    percent: int,
    values: int,
    steps: list[tuple[float, int, bool]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    shared = SharedHistory(tmp_path_factory.mktemp("guard"), values=values)
    cleared: list[tuple[float, int]] = []

    for pause, requested, is_new_run in steps:
        shared.now += pause
        if is_new_run:
            shared.start_run()
        count = min(requested, shared.values)
        recent = sum(n for at, n in cleared if shared.now - at < DAY_SECONDS)
        expected = not count or is_allowed(percent, shared.values, recent, count)

        assert shared.clear(count, percent) is expected
        cleared += [(shared.now, count)] if expected else []


@pytest.mark.parametrize("values", [5, 10, 1000])
def test_10_clears_are_allowed_without_a_count(
    shared: SharedHistory, values: int
) -> None:
    shared.values = values

    assert shared.clear(min(values, 10), 0)
    assert shared.counts == 0


@pytest.mark.guarantee("mass-clear-guard")
@pytest.mark.parametrize(
    ("percent", "clears", "allowed"),
    [
        (20, [(0, 201)], [False]),
        (20, [(0, 50)] * 4 + [(0, 1)], [True] * 4 + [False]),
        (20, [(HOUR, 98)] * 4, [True, True, False, False]),
        (20, [(0, 200), (DAY_SECONDS, 160)], [True, True]),
        (20, [(0, 200), (DAY_SECONDS - 1, 1)], [True, False]),
        (20, [(0, 300), (0, 200)], [False, True]),
        (100, [(0, 1000)], [True]),
        (0, [(0, 10), (0, 1), (DAY_SECONDS, 10)], [True, False, True]),
    ],
    ids=[
        "too many",
        "added up",
        "hourly runs",
        "another day",
        "a second less",
        "refused not counted",
        "100 percent",
        "0 percent",
    ],
)
def test_clears_of_a_day_count_over_runs(
    shared: SharedHistory,
    percent: int,
    clears: list[tuple[float, int]],
    allowed: list[bool],
) -> None:
    for (pause, count), expected in zip(clears, allowed, strict=True):
        shared.now += pause
        shared.start_run()
        assert shared.clear(count, percent) is expected


def test_attributes_are_counted_separately(shared: SharedHistory) -> None:
    shared.clear(200, 20, attribute=VIP)
    shared.values = 1000

    assert shared.clear(200, 20, attribute=NEWS)


def test_jobs_that_share_an_attribute_count_together(shared: SharedHistory) -> None:
    assert shared.clear(150, 20)
    shared.start_run(job="other")

    assert not shared.clear(100, 20)


def test_stores_in_one_file_are_counted_separately(shared: SharedHistory) -> None:
    shared.clear(200, 20)
    shared.values = 1000
    shared.start_run(store="other")

    assert shared.clear(200, 20)


@pytest.mark.parametrize("end", ["killed", "failed", "succeeded"])
def test_clears_of_any_earlier_run_count(shared: SharedHistory, end: str) -> None:
    shared.clear(200, 20, is_settled=end != "killed")
    shared.end_run(end)
    shared.start_run()

    assert not shared.clear(1, 20)


def test_pending_clears_do_not_enlarge_the_share(shared: SharedHistory) -> None:
    shared.clear(200, 20, is_settled=False)
    shared.values += 200  # They have not been deleted yet.
    shared.start_run()

    assert not shared.clear(1, 20)
    assert shared.clear(1, 25)


def test_runs_that_clear_at_once_share_the_allowance(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, *range(1, 101))
    put_values(box, dict.fromkeys(range(1, 101), JOB_STREAM), JOB_ATTRIBUTE)
    one, other = (clearing_job(make_job, box).run.destination for _ in range(2))
    change = Change(name=JOB_ATTRIBUTE, is_attribute=True, old=JOB_STREAM)

    def count_while_the_other_is_admitted() -> int:
        with other.guard.admit(15, attribute=JOB_ATTRIBUTE, total=lambda: 100):
            planned = [(number, None, [change]) for number in range(15)]
            other.recorder.begin(JOB_STREAM, "clear", planned)
        return 100

    with (
        pytest.raises(TooManyClearsError, match="15 were cleared in the last 24"),
        one.guard.admit(
            15, attribute=JOB_ATTRIBUTE, total=count_while_the_other_is_admitted
        ),
    ):
        pytest.fail("both are admitted")


def test_new_history_is_logged_once(
    box: Sandbox, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "target-bigcommerce")

    for _ in range(2):
        clearing_job(make_job, box)

    assert sum("has no earlier run" in each for each in caplog.messages) == 1


def test_failed_deletion_does_not_count_twice(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, *range(1, 101))
    put_values(box, dict.fromkeys(range(1, 101), JOB_STREAM), JOB_ATTRIBUTE)
    box.faults.queue(Fault(kind="503", match="DELETE *", times=99))
    failed = clearing_job(make_job, box)
    with pytest.raises(RetriesExhaustedError):
        failed.write(*map(leaver, range(1, 16)))
    failed.run.close()
    box.faults.clear()

    job = clearing_job(make_job, box)
    job.run.destination.resolve_ended_runs()
    job.write(*map(leaver, range(1, 16)))

    assert len(job.values()) == 85


def test_dropped_clears_do_not_count(shared: SharedHistory) -> None:
    shared.clear(200, 20, is_settled=False)
    shared.values = 1000
    shared.drop_pending()

    assert shared.clear(200, 20)


# Clocks.


@pytest.mark.parametrize(
    ("shift", "store_shift"),
    [(-400 * DAY_SECONDS, None), (-HOUR, None), (2 * DAY_SECONDS, 0), (0, 99 * HOUR)],
    ids=["far back", "back", "ahead of the store", "store ahead"],
)
def test_wrong_clock_does_not_reset_the_guard(
    shared: SharedHistory, shift: float, store_shift: float | None
) -> None:
    shared.clear(200, 20)
    if store_shift is not None:
        shared.store_now = shared.now + store_shift
    shared.now += shift
    shared.start_run()

    assert not shared.clear(1, 20)


def test_clears_dated_in_the_future_count_for_a_day(shared: SharedHistory) -> None:
    now = shared.now
    shared.now += 400 * DAY_SECONDS
    shared.clear(200, 20)
    shared.values = 1000
    shared.now = now
    shared.start_run()

    first = shared.clear(200, 20)
    shared.now += DAY_SECONDS
    shared.start_run()

    assert not first
    assert shared.clear(200, 20)


# The message.


def advised(error: str) -> int:
    found = re.search(r"run once with max_clear_percent (\d+)\.", error)
    assert found, error
    return int(found[1])


def test_refusal_states_all_counts(shared: SharedHistory) -> None:
    shared.clear(150, 20)
    shared.start_run()

    error = shared.refusal(161, 20)

    assert error.startswith("161 of the 850 values of LyticsAudience_vip wait")
    assert "150 were cleared in the last 24 hours" in error
    assert "more than max_clear_percent 20 allows" in error
    assert "None of them was cleared, and STATE does not cover them" in error
    assert advised(error) == 35


@pytest.mark.parametrize(
    ("values", "count", "percentage"),
    [(1000, 201, 25), (1000, 250, 25), (1000, 251, 30), (11, 11, 100), (12, 11, 95)],
)
def test_advised_percentage_is_a_multiple_of_5(
    shared: SharedHistory, values: int, count: int, percentage: int
) -> None:
    shared.values = values

    assert advised(shared.refusal(count, 20)) == percentage


@settings(max_examples=30)
@given(values=st.integers(11, 3000), percent=st.integers(0, 99), data=st.data())
def test_advised_percentage_is_enough(
    values: int,
    percent: int,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    shared = SharedHistory(tmp_path_factory.mktemp("guard"), values=values)
    cleared = data.draw(st.integers(0, values))
    if not shared.clear(cleared, 100 if cleared else percent):
        return
    shared.start_run()
    count = data.draw(st.integers(0, shared.values))

    error = shared.refusal(count, percent, is_required=False)

    if error:
        assert percent < advised(error) <= 100
        assert shared.clear(count, advised(error))


def test_attribute_smaller_than_what_waits_needs_100(shared: SharedHistory) -> None:
    shared.values = 3  # The store counts fewer values than it listed.

    assert advised(shared.refusal(20, 99)) == 100
    assert shared.clear(20, 100)


# In a drain.


def test_refused_exits_are_not_cleared(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, *range(1, 101))
    make_job(box, map_standard_fields=[]).write(*map(member, range(1, 101)))
    clearing_job(make_job, box).write(*map(leaver, range(1, 16)))
    job = clearing_job(make_job, box)

    with pytest.raises(TooManyClearsError, match="15 were cleared in the last 24"):
        job.write(*map(leaver, range(16, 31)))

    assert len(job.values()) == 85
    assert job.run.stats.outcomes == {}


def test_version_is_checked_before_any_deletion(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, *range(1, 91))
    job = clearing_job(make_job, box)
    job.write(*map(member, range(1, 91)), version=6)
    job.write(member(1), version=7)

    with pytest.raises(TooManyClearsError, match="89 of the 90 values"):
        job.activate(7)

    assert len(job.values()) == 90


def test_reported_and_version_exits_add_up(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, *range(1, 101))
    job = clearing_job(make_job, box)
    job.write(*map(member, range(1, 101)), version=6)
    job.write(*map(leaver, range(91, 101)))
    job.write(*map(member, range(1, 76)), version=7)

    with pytest.raises(TooManyClearsError, match=r"15 of the 90 .* 10 were"):
        job.activate(7)


@pytest.mark.guarantee("mass-clear-guard")
def test_audience_emptied_by_mistake_stays(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, *range(1, 374))
    make_job(box, map_standard_fields=[]).write(*map(member, range(1, 374)))

    for _ in range(4):
        box.clock.advance(HOUR)
        job = clearing_job(make_job, box, batch_size_rows=500)
        with pytest.raises(TooManyClearsError, match="max_clear_percent 100"):
            job.write(*map(leaver, range(1, 374)))

    assert len(job.values()) == 373
