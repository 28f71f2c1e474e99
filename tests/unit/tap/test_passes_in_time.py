"""Passes over an audience while time goes by: overlaps, late writes and clocks."""

from __future__ import annotations

import gc
import tracemalloc
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.lytics import is_scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_lytics.transport import ApiRequest

    MakeJob = Callable[..., Any]


def test_in_one_process_nobody_is_sent_twice_within_the_overlap(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(overlap_minutes=30)
    output = job.run()
    job.state = output.states[-1]
    for index in range(25):
        job.clock.advance(10)
        job.box.lytics.change(index, {"company": f"Company {index}"})

    def minute(_: ApiRequest) -> None:
        job.clock.advance(20)

    job.sender.before = minute
    output = job.run(collected(), syncs=90)

    assert set(output.sent().values()) == {1}
    assert len(output.sent()) == 25


def test_a_member_who_changes_twice_within_the_overlap_is_sent_twice(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job()
    job.run()
    contents = iter(["One", "Two"])

    def change(call: ApiRequest) -> None:
        if call.path.startswith("/v2/segment/") and (name := next(contents, None)):
            job.clock.advance(60)
            job.box.lytics.change(4, {"company": name})

    job.sender.before = change
    output = job.run(collected(), syncs=4)

    assert [r["company"] for r in output.records] == ["One", "Two"]


def test_a_late_write_is_not_missed(make_job: MakeJob) -> None:
    job = make_job()
    job.run()
    job.clock.advance(60)
    job.box.lytics.change(6, {"company": "Late"}, visible_after=30)
    job.clock.advance(10)
    unseen = job.run().sent()
    job.clock.advance(60)

    seen = job.run().sent()

    assert not unseen
    assert seen == {job.email(6): 1}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.lists(
        st.tuples(st.integers(0, 14), st.sampled_from(["change", "enter", "leave"])),
        max_size=12,
    ),
    move=st.sampled_from(["either", "front", "end", "stay"]),
    seed=st.integers(0, 5),
)
def test_who_changes_while_the_scan_runs_is_not_missed_by_the_next_pass(
    make_job: MakeJob, data: list[tuple[int, str]], move: str, seed: int
) -> None:
    job = make_job(
        members=10,
        seed=seed,
        page_size=2,
        existing_users=True,
        options={"changed_members_move": move, "others": 5, "newsletter": 5},
    )
    happenings = iter(data)

    def happen(call: ApiRequest) -> None:
        job.clock.advance(1)
        if is_scan(call) and (one := next(happenings, None)):
            index, verb = one
            getattr(job.box.lytics, verb)(index)
            job.box.lytics.change(index, {"company": f"At {job.clock.now()}"})

    job.sender.before = happen
    got = {r["email"]: r for r in job.run().records}
    job.sender.before = lambda _: None
    job.clock.advance(timedelta(minutes=5).total_seconds())
    got |= {r["email"]: r for r in job.run().records}

    for index in job.box.lytics.members():
        now = job.box.lytics.member(index)
        assert got[now["email"]]["company"] == now.get("company")


def test_memory_is_flat_over_many_passes(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(options={"journal_length": 10})
    job.run()
    looks, used = [0], []

    class Forgetful(collected):  # type: ignore[misc]  # the conftest's
        def write(self, records: Any, **_: Any) -> None:  # noqa: ANN401 - counted only
            """Keep nothing."""

        def checkpoint(self, place: Any) -> None:  # noqa: ANN401 - the conftest's
            """Keep the last state alone."""
            super().checkpoint(place)
            del self.states[:-1]

    def minute(call: ApiRequest) -> None:
        if not call.path.startswith("/v2/segment/"):
            return
        looks[0] += 1
        job.clock.advance(60)
        job.box.lytics.change(looks[0] % 25, {"company": f"At {job.clock.now()}"})
        if looks[0] in {40, 80}:
            gc.collect()
            used.append(tracemalloc.get_traced_memory()[0])

    job.sender.before = minute
    tracemalloc.start()
    job.run(Forgetful(), syncs=81)
    tracemalloc.stop()

    assert used[1] - used[0] < 30_000, "bytes in 40 passes"


def test_clocks_far_apart_are_told_once(
    make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job()
    job.own_clock_is_ahead = timedelta(minutes=5)

    job.run(syncs=3)

    warnings = [r for r in caplog.records if "clocks" in r.message]
    assert len(warnings) == 1
    assert job.state["bookmark"] == "2026-03-01T08:00:00Z", "by Lytics' clock"


@pytest.mark.parametrize("years", [-3, 1, 500])
def test_a_clock_of_another_age_is_not_believed(make_job: MakeJob, years: int) -> None:
    job = make_job(existing_users=True)
    job.own_clock_is_ahead = timedelta(days=-400 * years)

    job.run()

    own = job._own_time().replace(tzinfo=None)
    assert job.state["bookmark"] == f"{own.isoformat()}Z"


@pytest.mark.parametrize("bookmark", ["0001-01-01T00:00:00Z", "0999-01-01T00:00:00Z"])
def test_a_bookmark_before_all_calendars_brings_everybody(
    make_job: MakeJob, bookmark: str
) -> None:
    job = make_job()
    job.run()
    job.state["bookmark"] = bookmark

    assert len(job.run().sent()) == 25
