"""Passes over an audience: who is sent, who is not, and what the state keeps."""

from __future__ import annotations

import gc
import tracemalloc
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tap_lytics.errors import AudienceError, InterruptedByUserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_lytics.transport import Call

    MakeJob = Callable[..., Any]


def is_scan(call: Call) -> bool:
    return call.path.endswith("/scan")


def test_the_first_run_without_existing_users_sends_nobody(make_job: MakeJob) -> None:
    job = make_job()

    sent = job.run().sent()

    assert not sent
    assert job.state["bookmark"] == "2026-03-01T08:00:00Z"


def test_who_enters_or_changes_after_the_starting_point_is_sent(
    make_job: MakeJob,
) -> None:
    job = make_job()
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.stranger())
    job.box.lytics.change(3, {"company": "New"})

    sent = job.run().sent()

    assert sent == {job.email(job.stranger()): 1, job.email(3): 1}


def test_start_date_is_the_starting_point_whenever_the_first_run_is(
    make_job: MakeJob,
) -> None:
    job = make_job(start_date="2026-02-20T00:00:00Z", overlap_minutes=0)
    before, after = 1771500000.0, 1771600000.0  # Around the 20th of February.
    job.box.lytics.change(1, at=before)
    job.box.lytics.change(2, at=after)

    sent = job.run().sent()

    assert sent == {job.email(2): 1}


def test_existing_users_sends_everybody_once_then_only_changes(
    make_job: MakeJob,
) -> None:
    job = make_job(existing_users=True)

    first, second = job.run().sent(), job.run().sent()

    assert len(first) == 25
    assert set(first.values()) == {1}
    assert not second


def test_a_whole_scan_comes_again_when_its_interval_is_over(make_job: MakeJob) -> None:
    job = make_job(existing_users=True, full_scan_interval_hours=24)
    job.run()
    job.clock.advance(24 * 3600 + 1)
    job.box.lytics.enter(job.stranger(), touch=False)

    sent = job.run().sent()

    assert len(sent) == 26


def test_a_changed_definition_makes_a_whole_scan_due(make_job: MakeJob) -> None:
    job = make_job(existing_users=True)
    job.run()
    job.clock.advance(60)
    job.box.lytics.redefine("vip_customers")

    assert len(job.run().sent()) == 25


def test_in_one_process_nobody_is_sent_twice_within_the_overlap(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(overlap_minutes=30)
    outlet = job.run()
    job.state = outlet.states[-1]
    for index in range(25):
        job.clock.advance(10)
        job.box.lytics.change(index, {"company": f"Company {index}"})

    def minute(_: Call) -> None:
        job.clock.advance(20)

    job.transport.before = minute
    outlet = job.run(collected(), passes=90)

    assert set(outlet.sent().values()) == {1}
    assert len(outlet.sent()) == 25


def test_a_member_who_changes_twice_within_the_overlap_is_sent_twice(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job()
    job.run()
    contents = iter(["One", "Two"])

    def change(call: Call) -> None:
        if call.path.startswith("/v2/segment/") and (name := next(contents, None)):
            job.clock.advance(60)
            job.box.lytics.change(4, {"company": name})

    job.transport.before = change
    outlet = job.run(collected(), passes=4)

    assert [r["company"] for r in outlet.records] == ["One", "Two"]


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


def test_a_cut_off_scan_goes_on_at_the_page_behind_its_state(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(existing_users=True)
    outlet, calls = collected(), []

    def cut(call: Call) -> None:
        calls.extend([call] if is_scan(call) else [])
        if len(calls) == 4:
            raise InterruptedByUserError

    job.transport.before = cut
    with pytest.raises(InterruptedByUserError):
        job.run(outlet)
    job.state, job.transport.before = outlet.states[-1], lambda _: None
    job.clock.advance(600)
    rest = job.run()

    covered = {r["email"] for r in outlet.records[: outlet.covered]}
    assert covered
    assert not covered & set(rest.sent())
    assert len(covered | set(rest.sent())) == 25
    assert job.state["bookmark"] == "2026-03-01T08:00:00Z", "as the first run began"


def test_an_unknown_cursor_starts_the_scan_afresh(make_job: MakeJob) -> None:
    job = make_job(existing_users=True)
    job.state = {"scan_cursor": "gone", "scan_started_at": "2026-02-28T00:00:00Z"}

    sent = job.run().sent()

    assert len(sent) == 25
    assert job.state["scan_cursor"] is None


@pytest.mark.parametrize("happening", ["delete", "rename", "invalidate"])
def test_an_audience_that_is_not_well_ends_the_run(
    happening: str, make_job: MakeJob
) -> None:
    job = make_job(existing_users=True)
    job.run()
    extra = ("people_of_renown",) if happening == "rename" else ()
    getattr(job.box.lytics, happening)("vip_customers", *extra)

    with pytest.raises(AudienceError, match="vip_customers") as error:
        job.run()

    assert ("people_of_renown" in str(error.value)) == (happening == "rename")


def test_require_fields_asks_only_for_members_who_have_them(make_job: MakeJob) -> None:
    job = make_job(existing_users=True, require_fields=["bigcommerce_customer_id"])
    job.box.lytics.put_member({"email": "no.id@example.com"})

    sent = job.run().sent()

    assert "no.id@example.com" not in sent
    assert len(sent) == 25


def test_versions_are_activated_after_a_whole_scan_that_saw_everybody(
    make_job: MakeJob,
) -> None:
    job = make_job(existing_users=True, emit_exits=True)

    outlet = job.run()

    assert len(outlet.activated) == 1
    assert set(outlet.versions) == set(outlet.activated)


def test_changes_between_scans_bear_the_version_of_the_last_one(
    make_job: MakeJob,
) -> None:
    job = make_job(existing_users=True, emit_exits=True)
    [version] = job.run().activated
    job.clock.advance(60)
    job.box.lytics.change(2, {"company": "New"})

    outlet = job.run()

    assert outlet.versions == [version]
    assert not outlet.activated


@pytest.mark.parametrize("spoil", ["row_missing", "empty_page"])
def test_a_scan_that_answers_short_activates_nothing(
    spoil: str, make_job: MakeJob
) -> None:
    job = make_job(
        existing_users=True,
        emit_exits=True,
        options={"fault_rates": {f"{spoil}@GET /api/segment/*": 0.5}},
    )

    assert not job.run().activated


def test_an_audience_that_turns_invalid_while_it_is_scanned_activates_nothing(
    make_job: MakeJob, collected: type[Any]
) -> None:
    job = make_job(existing_users=True, emit_exits=True)
    outlet, pages = collected(), []

    def spoil(call: Call) -> None:
        pages.extend([call] if is_scan(call) else [])
        if len(pages) == 3:
            job.box.lytics.invalidate("vip_customers")

    job.transport.before = spoil
    with pytest.raises(AudienceError, match="invalid"):
        job.run(outlet)

    assert not outlet.activated


def test_the_state_is_scalars_with_the_same_keys_always(make_job: MakeJob) -> None:
    job = make_job(existing_users=True)

    states = [*job.run().states, *job.run().states]

    assert len(states) > 4
    assert len({frozenset(state) for state in states}) == 1
    assert not any(isinstance(v, (dict, list)) for s in states for v in s.values())


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

    def happen(call: Call) -> None:
        job.clock.advance(1)
        if is_scan(call) and (one := next(happenings, None)):
            index, verb = one
            getattr(job.box.lytics, verb)(index)
            job.box.lytics.change(index, {"company": f"At {job.clock.now()}"})

    job.transport.before = happen
    got = {r["email"]: r for r in job.run().records}
    job.transport.before = lambda _: None
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

    def minute(call: Call) -> None:
        if not call.path.startswith("/v2/segment/"):
            return
        looks[0] += 1
        job.clock.advance(60)
        job.box.lytics.change(looks[0] % 25, {"company": f"At {job.clock.now()}"})
        if looks[0] in {40, 80}:
            gc.collect()
            used.append(tracemalloc.get_traced_memory()[0])

    job.transport.before = minute
    tracemalloc.start()
    job.run(Forgetful(), passes=81)
    tracemalloc.stop()

    assert used[1] - used[0] < 30_000, "bytes in 40 passes"


def test_a_slug_given_to_another_audience_ends_the_run(make_job: MakeJob) -> None:
    job = make_job()
    job.run()
    job.state["audience_id"] = "0" * 32

    with pytest.raises(AudienceError, match="another"):
        job.run()


def test_clocks_far_apart_are_told_once(
    make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job()
    job.own_clock_is_ahead = timedelta(minutes=5)

    job.run(passes=3)

    told = [r for r in caplog.records if "clocks" in r.message]
    assert len(told) == 1
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


@pytest.mark.parametrize(("cursor_is_known", "activates"), [(True, 0), (False, 1)])
def test_a_resumed_scan_activates_nothing_unless_it_began_afresh(
    cursor_is_known: bool,  # noqa: FBT001 - a table
    activates: int,
    make_job: MakeJob,
    collected: type[Any],
) -> None:
    job = make_job(existing_users=True, emit_exits=True)
    outlet, scans = collected(), []

    def cut(call: Call) -> None:
        scans.extend([call] if is_scan(call) else [])
        if len(scans) == 4:
            raise InterruptedByUserError

    job.transport.before = cut
    with pytest.raises(InterruptedByUserError):
        job.run(outlet)
    job.state, job.transport.before = outlet.states[-1], lambda _: None
    if not cursor_is_known:
        job.state["scan_cursor"] = "gone"

    assert len(job.run().activated) == activates
