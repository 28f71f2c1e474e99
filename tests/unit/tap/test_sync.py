"""Syncs of an audience: which members are sent, and what the state keeps."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from support.tap_job import Collected, Job, is_scan
from tap_lytics.errors import AudienceError
from tap_lytics.records import format_timestamp

if TYPE_CHECKING:
    from tap_lytics.state import StreamState
    from tap_lytics.transport import ApiRequest


def test_baseline_run_sends_no_records() -> None:
    job = Job()

    sent = job.run().sent()

    assert not sent
    assert job.state["bookmark"] == "2026-03-01T08:00:00Z"


def test_new_and_changed_members_are_sent() -> None:
    job = Job()
    job.run()
    job.clock.advance(60)
    job.box.lytics.enter(job.outsider())
    job.box.lytics.change(3, {"company": "New"})

    sent = job.run().sent()

    assert sent == {job.email(job.outsider()): 1, job.email(3): 1}


def test_start_date_replaces_baseline() -> None:
    job = Job(start_date="2026-02-20T00:00:00Z", overlap_minutes=0)
    before, after = 1771500000.0, 1771600000.0  # Around the 20th of February.
    job.box.lytics.change(1, at=before)
    job.box.lytics.change(2, at=after)

    sent = job.run().sent()

    assert sent == {job.email(2): 1}


def test_existing_users_are_sent_once() -> None:
    job = Job(existing_users=True)

    first, second = job.run().sent(), job.run().sent()

    assert len(first) == 25
    assert set(first.values()) == {1}
    assert not second


@pytest.mark.parametrize(
    "options",
    [
        {"same_token": True},
        {"scan_end": "repeat"},
        {"scan_end": "missing"},
        {"scan_end": "empty_page"},
        {"bare_envelope": True, "status_as_text": True},
        {"scan_is_snapshot": True},
        {"lytics_date_header": False},
    ],
    ids=str,
)
def test_undocumented_variants_are_read(options: dict[str, Any]) -> None:
    job = Job(existing_users=True, options=options)

    sent = job.run().sent()

    assert len(sent) == 25
    assert job.state["scan_cursor"] is None


def test_redefined_audience_gets_full_sync() -> None:
    job = Job(existing_users=True)
    job.run()
    job.clock.advance(60)
    job.box.lytics.redefine("vip_customers")

    assert len(job.run().sent()) == 25


@pytest.mark.parametrize("event", ["delete", "rename", "invalidate"])
def test_unusable_audience_ends_run(event: str) -> None:
    job = Job(existing_users=True)
    job.run()
    extra = ("people_of_renown",) if event == "rename" else ()
    getattr(job.box.lytics, event)("vip_customers", *extra)

    with pytest.raises(AudienceError, match="vip_customers") as error:
        job.run()

    assert ("people_of_renown" in str(error.value)) == (event == "rename")


def test_require_fields_filters_members() -> None:
    job = Job(existing_users=True, require_fields=["bigcommerce_customer_id"])
    job.box.lytics.put_member({"email": "no.id@example.com"})

    sent = job.run().sent()

    assert "no.id@example.com" not in sent
    assert len(sent) == 25


def test_state_has_same_scalar_keys() -> None:
    job = Job(existing_users=True)

    states = [*job.run().states, *job.run().states]

    assert len(states) > 4
    assert len({frozenset(state) for state in states}) == 1
    assert not any(isinstance(v, (dict, list)) for s in states for v in s.values())


@pytest.mark.parametrize(
    "config",
    [{}, {"existing_users": True}, {"existing_users": True, "emit_exits": True}],
    ids=str,
)
def test_pass_is_complete_only_at_its_end(config: dict[str, Any]) -> None:
    job = Job(**config)

    for output in (job.run(), job.run(syncs=2)):
        *before, last = [state["pass_status"] for state in output.states]
        assert last == "complete"
        assert before.count("complete") <= 1


def test_interrupted_pass_is_running() -> None:
    job = Job(existing_users=True)

    output = job.run_interrupted(at_page=3)

    assert {state["pass_status"] for state in output.states} == {"running"}


def test_reused_slug_ends_run() -> None:
    job = Job()
    job.run()
    job.state["audience_id"] = "0" * 32

    with pytest.raises(AudienceError, match="another"):
        job.run()


def test_overlapping_syncs_send_no_repeats() -> None:
    job = Job(overlap_minutes=30)
    output = job.run()
    job.state = output.states[-1]
    for index in range(25):
        job.clock.advance(10)
        job.box.lytics.change(index, {"company": f"Company {index}"})

    job.sender.before = lambda _: job.clock.advance(20)
    output = job.run(syncs=90)

    assert set(output.sent().values()) == {1}
    assert len(output.sent()) == 25


def test_two_changes_within_overlap_are_both_sent() -> None:
    job = Job()
    job.run()
    contents = iter(["One", "Two"])

    def change(call: ApiRequest) -> None:
        if call.path.startswith("/v2/segment/") and (name := next(contents, None)):
            job.clock.advance(60)
            job.box.lytics.change(4, {"company": name})

    job.sender.before = change
    output = job.run(syncs=4)

    assert [r["company"] for r in output.records] == ["One", "Two"]


def test_late_write_is_not_missed() -> None:
    job = Job()
    job.run()
    job.clock.advance(60)
    job.box.lytics.change(6, {"company": "Late"}, visible_after=30)
    job.clock.advance(10)
    unseen = job.run().sent()
    job.clock.advance(60)

    seen = job.run().sent()

    assert not unseen
    assert seen == {job.email(6): 1}


@settings(
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=settings.default.max_examples // 2,
)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 14), st.sampled_from(["change", "enter", "leave"])),
        max_size=12,
    ),
    move=st.sampled_from(["either", "front", "end", "stay"]),
    seed=st.integers(0, 5),
)
def test_change_during_scan_is_not_missed(
    changes: list[tuple[int, str]], move: str, seed: int
) -> None:
    job = Job(
        members=10,
        seed=seed,
        page_size=2,
        existing_users=True,
        options={"changed_members_move": move, "others": 5, "newsletter": 5},
    )
    rest = iter(changes)

    def change(call: ApiRequest) -> None:
        job.clock.advance(1)
        if is_scan(call) and (one := next(rest, None)):
            index, verb = one
            getattr(job.box.lytics, verb)(index)
            job.box.lytics.change(index, {"company": f"At {job.clock.now()}"})

    job.sender.before = change
    sent = {r["email"]: r for r in job.run().records}
    job.sender.before = lambda _: None
    job.clock.advance(300)
    sent |= {r["email"]: r for r in job.run().records}

    for index in job.box.lytics.members():
        member = job.box.lytics.member(index)
        assert sent[member["email"]]["company"] == member.get("company")


def test_memory_is_flat_over_many_syncs() -> None:
    job = Job(options={"journal_length": 10})
    job.run()
    syncs = itertools.count(1)
    used: list[int] = []

    class LastState(Collected):
        @override
        def write(self, records: Any, *, version: int | None = None) -> None:
            """Keep no records."""

        @override
        def checkpoint(self, state: StreamState) -> None:
            super().checkpoint(state)
            del self.states[:-1]

    def change(call: ApiRequest) -> None:
        if not call.path.startswith("/v2/segment/"):
            return
        job.sender.scans.clear()
        number = next(syncs)
        job.clock.advance(60)
        job.box.lytics.change(number % 25, {"company": f"At {job.clock.now()}"})
        if number in {35, 60}:  # From 31 on, the overlap is full.
            gc.collect()
            used.append(tracemalloc.get_traced_memory()[0])

    job.sender.before = change
    tracemalloc.start()
    job.run(LastState(), syncs=61)
    tracemalloc.stop()

    assert used[1] - used[0] < 20_000, "bytes in 25 syncs"


def test_clock_difference_is_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = Job()
    job.local_clock_ahead = timedelta(minutes=5)

    job.run(syncs=3)

    warnings = [r for r in caplog.records if "clocks" in r.message]
    assert len(warnings) == 1
    assert job.state["bookmark"] == "2026-03-01T08:00:00Z", "by Lytics' clock"


@pytest.mark.parametrize(
    "ahead",
    [
        timedelta(days=-900),
        timedelta(days=-90),
        timedelta(minutes=-2),
        timedelta(seconds=-30),
        timedelta(seconds=30),
        timedelta(days=90),
        timedelta(days=900),
    ],
    ids=str,
)
@pytest.mark.parametrize("existing_users", [False, True])
def test_bookmark_is_by_the_earlier_clock(
    ahead: timedelta,
    existing_users: bool,  # noqa: FBT001 - a parameter
) -> None:
    job = Job(existing_users=existing_users)
    lytics = job.local_time()
    job.local_clock_ahead = ahead

    job.run()

    assert job.state["bookmark"] == format_timestamp(min(lytics, lytics + ahead))


@pytest.mark.parametrize("bookmark", ["0001-01-01T00:00:00Z", "0999-01-01T00:00:00Z"])
def test_ancient_bookmark_sends_all_members(bookmark: str) -> None:
    job = Job()
    job.run()
    job.state["bookmark"] = bookmark

    assert len(job.run().sent()) == 25
