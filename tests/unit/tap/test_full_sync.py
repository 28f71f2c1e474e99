"""Full syncs: incomplete scans, and versions activated after complete ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.tap_job import Collected, Job, ends_at, is_scan
from tap_lytics.errors import AudienceError

if TYPE_CHECKING:
    from tap_lytics.transport import ApiRequest

MEMBERS = 25


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if "Lytics counts" in r.getMessage()]


def fall_to_zero(number: int, content: dict[str, Any]) -> None:
    """Let the second page say that the audience is empty."""
    if number == 2:
        content.update(data=[], _next="", total=0)


@pytest.mark.guarantee("incomplete-scan-repeated")
def test_incomplete_full_sync_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    job = Job(existing_users=True, full_scan_interval_hours=0)
    job.sender.corrupt = ends_at(2)
    first = job.run().sent()
    state_between, logged = job.state, warnings_in(caplog)
    job.sender.corrupt = None

    second = job.run().sent()

    assert len(first) == 5
    assert state_between["bookmark"]
    assert state_between["last_whole_scan"] is None
    [line] = logged
    assert "5 of the 25 members" in line
    assert "another full sync" in line
    assert len(second) == MEMBERS
    assert job.state["last_whole_scan"]
    assert job.state["short_scans"] is None
    assert not job.run().sent()


def test_total_falling_to_zero_is_incomplete(caplog: pytest.LogCaptureFixture) -> None:
    job = Job(existing_users=True, emit_exits=True)
    job.sender.corrupt = fall_to_zero
    first = job.run()
    state_between = job.state
    job.sender.corrupt = None

    second = job.run()

    assert not first.activated
    assert state_between["last_whole_scan"] is None
    assert "fell from 25 to 0" in caplog.text
    assert "5 of the 25 members" in caplog.text
    assert len(second.sent()) == MEMBERS
    assert second.activated


def test_total_falling_to_zero_reports_no_exits(full_job: Job) -> None:
    full_job.run()
    full_job.sender.scans.clear()
    full_job.sender.corrupt = fall_to_zero
    full_job.days_later()

    assert not full_job.run().sent()


@pytest.mark.guarantee("incomplete-scan-repeated")
def test_lost_page_with_same_cursor_is_noticed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = Job(existing_users=True, options={"same_token": True})
    job.sender.lost_pages = {2}

    first, second = job.run().sent(), job.run().sent()

    assert len(first) == MEMBERS - 5
    assert len(warnings_in(caplog)) == 1
    assert len(second) == MEMBERS


@pytest.mark.guarantee("incomplete-scan-repeated")
@pytest.mark.parametrize("interval", [0, 24])
def test_wrong_total_costs_one_full_sync(
    interval: int, caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(existing_users=True, full_scan_interval_hours=interval)
    job.sender.corrupt = lambda _, content: content.update(total=content["total"] + 9)

    job.run(syncs=6)
    early = job.sender.full_syncs()
    job.days_later()
    job.run(syncs=6)

    assert early == 2
    assert job.sender.full_syncs() == early + bool(interval)
    announced = ["another full sync" in line for line in warnings_in(caplog)]
    assert announced[:2] == [True, False]


def test_missing_total_is_not_incomplete(caplog: pytest.LogCaptureFixture) -> None:
    job = Job(existing_users=True)
    job.sender.corrupt = lambda _, content: content.pop("total")

    job.run()

    assert job.state["last_whole_scan"]
    assert not warnings_in(caplog)


@pytest.mark.parametrize("move", ["front", "end"])
def test_moved_members_are_not_missing(
    move: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(existing_users=True, options={"changed_members_move": move})
    movers = iter(range(MEMBERS))

    def change(call: ApiRequest) -> None:
        index = next(movers, None) if is_scan(call) else None
        if index is not None:
            job.clock.advance(1)
            job.box.lytics.change(MEMBERS - 1 - index, {"company": "New"})

    job.sender.before = change

    sent = job.run().sent()

    assert len(sent) == MEMBERS
    assert job.state["last_whole_scan"]
    assert not warnings_in(caplog)


@pytest.mark.parametrize("last_page", [0, 4])
def test_resumed_scan_counts_earlier_members(
    last_page: int, caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(existing_users=True)
    output = job.run_interrupted(at_page=4)
    job.state = output.states[-1]
    job.sender.corrupt = ends_at(last_page)

    job.run()

    assert output.states[-1]["scan_read"] == 15
    assert job.state["scan_read"] is None
    incomplete = ["15 of the 25" in line for line in warnings_in(caplog)]
    assert incomplete == [True] * bool(last_page)


def test_state_without_count_skips_completeness(
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = Job(existing_users=True)
    job.state = job.run_interrupted(at_page=4).states[-1]
    del job.state["scan_read"]

    job.run()

    assert job.state["last_whole_scan"]
    assert not warnings_in(caplog)


def test_member_missed_by_baseline_is_not_new(ledger_path: str) -> None:
    job = Job(ledger_path=ledger_path)
    job.sender.corrupt = ends_at(2)
    job.run()
    job.sender.corrupt = None
    job.clock.advance(3600)
    job.box.lytics.enter(job.outsider())

    second = job.run().sent()
    job.days_later()
    third = job.run().sent()

    assert second == {job.email(job.outsider()): 1}
    assert not third


def test_complete_full_sync_activates_version() -> None:
    output = Job(existing_users=True, emit_exits=True).run()

    assert len(output.activated) == 1
    assert set(output.versions) == set(output.activated)


def test_incremental_records_keep_version() -> None:
    job = Job(existing_users=True, emit_exits=True)
    [version] = job.run().activated
    job.clock.advance(60)
    job.box.lytics.change(2, {"company": "New"})

    output = job.run()

    assert output.versions == [version]
    assert not output.activated


@pytest.mark.guarantee("no-false-exit")
@pytest.mark.parametrize("fault", ["row_missing", "empty_page"])
def test_incomplete_scan_activates_no_version(fault: str) -> None:
    job = Job(
        existing_users=True,
        emit_exits=True,
        options={"fault_rates": {f"{fault}@GET /api/segment/*": 0.5}},
    )

    assert not job.run().activated


def test_invalidated_audience_activates_no_version() -> None:
    job = Job(existing_users=True, emit_exits=True)
    output = Collected()

    def invalidate(call: ApiRequest) -> None:
        if is_scan(call) and len(job.sender.scans) == 2:
            job.box.lytics.invalidate("vip_customers")

    job.sender.before = invalidate
    with pytest.raises(AudienceError, match="invalid"):
        job.run(output)

    assert not output.activated


@pytest.mark.guarantee("no-false-exit")
@pytest.mark.parametrize(("cursor_is_known", "activates"), [(True, 0), (False, 1)])
def test_only_restarted_scan_activates_version(
    cursor_is_known: bool,  # noqa: FBT001 - a parameter
    activates: int,
) -> None:
    job = Job(existing_users=True, emit_exits=True)
    job.state = job.run_interrupted(at_page=4).states[-1]
    if not cursor_is_known:
        job.state["scan_cursor"] = "unknown"

    assert len(job.run().activated) == activates
