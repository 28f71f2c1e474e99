"""Scans that contradict the audience's size are repeated, and not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.tap_job import ID, Job

if TYPE_CHECKING:
    from collections.abc import Callable

    Describe = Callable[[dict[str, Any]], object]

MEMBERS = 25
JOBS: dict[str, dict[str, Any]] = {
    "whole": {},
    "filtered": {"require_fields": [ID]},
    "versions": {"emit_exits": True},
    "ledger": {"require_fields": [ID], "ledger_path": "", "emit_exits": True},
    "ledger of whole audience": {"ledger_path": ""},
}
EMPTY_PAGES: list[dict[str, Any]] = [
    {"data": [], "total": 0, "_next": ""},
    {"data": [], "total": "0", "_next": None},
    {"data": None, "total": 0, "_next": ""},
    {"data": [], "total": None, "_next": ""},
]


def end_scans(job: Job, page: dict[str, Any], *, scans: int) -> None:
    """Let the first scans of all members return this page only."""
    before = job.sender.full_syncs()

    def corrupt(number: int, content: dict[str, Any]) -> None:
        is_full = "_modified" not in (job.sender.scans[number - 1].body or "")
        if is_full and job.sender.full_syncs() - before <= scans:
            content.update(page)

    job.sender.corrupt = corrupt


def sizes(*values: object) -> Describe:
    """Let the audience have these sizes in turn, the last one forever."""
    rest = list(values)

    def describe(audience: dict[str, Any]) -> None:
        audience["size"] = rest.pop(0) if len(rest) > 1 else rest[0]

    return describe


@pytest.fixture(params=JOBS)
def any_job(request: pytest.FixtureRequest, ledger_path: str) -> Job:
    """A job of each kind that has full syncs, before its first run."""
    settings = dict(JOBS[request.param])
    if "ledger_path" in settings:
        settings["ledger_path"] = ledger_path
    return Job(existing_users=True, **settings)


@pytest.mark.parametrize("page", EMPTY_PAGES, ids=str)
@pytest.mark.parametrize("scans", [1, 2])
def test_empty_scan_is_repeated(page: dict[str, Any], scans: int, any_job: Job) -> None:
    end_scans(any_job, page, scans=scans)

    output = any_job.run()

    assert len(output.sent()) == MEMBERS
    assert any_job.sender.full_syncs() == scans + 1
    assert any_job.state["last_whole_scan"]


@pytest.mark.parametrize("size", ["25", 25.0, None, "many"], ids=repr)
def test_empty_scan_is_repeated_by_any_size(size: object, any_job: Job) -> None:
    end_scans(any_job, EMPTY_PAGES[0], scans=1)
    any_job.sender.describe = sizes(size)

    assert len(any_job.run().sent()) == MEMBERS


@pytest.mark.guarantee("misleading-responses")
@pytest.mark.parametrize("page", EMPTY_PAGES[:2], ids=str)
def test_empty_scan_is_never_believed(
    page: dict[str, Any], any_job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    end_scans(any_job, page, scans=3)

    first = any_job.run()
    state_between = any_job.state
    second = any_job.run()

    assert not first.sent()
    assert not first.activated
    assert any_job.sender.full_syncs() == 4
    assert state_between["bookmark"] is None
    assert state_between["last_whole_scan"] is None
    assert state_between["pass_status"] == "complete"
    assert "because it has read no members" in caplog.text
    assert "Lytics reports 25 in the audience" in caplog.text
    assert "result is not used" in caplog.text
    assert len(second.sent()) == MEMBERS


def test_empty_scan_moves_no_bookmark(any_job: Job) -> None:
    any_job.run()
    before = any_job.state
    any_job.days_later()
    any_job.box.lytics.change(3, {"company": "New"})
    any_job.box.lytics.leave(4)
    end_scans(any_job, EMPTY_PAGES[0], scans=3)

    empty = any_job.run()
    between = any_job.state
    any_job.days_later()
    full = any_job.run()

    assert not empty.records
    assert not empty.activated
    for name in ("bookmark", "last_whole_scan"):
        assert between[name] == before[name]
    assert any_job.email(3) in full.sent()
    assert any_job.state["last_whole_scan"] > before["last_whole_scan"]
    assert len(full.activated) == any_job.config["emit_exits"] * (
        not any_job.config.get("ledger_path")
    )


def test_redefinition_is_not_forgotten(any_job: Job) -> None:
    any_job.run()
    any_job.clock.advance(60)
    any_job.box.lytics.redefine("vip_customers")
    end_scans(any_job, EMPTY_PAGES[0], scans=3)

    any_job.run()
    empty = any_job.sender.full_syncs()
    any_job.run()

    assert any_job.sender.full_syncs() == empty + 1


def test_empty_scan_is_no_baseline(ledger_path: str) -> None:
    job = Job(ledger_path=ledger_path, require_fields=[ID])
    end_scans(job, EMPTY_PAGES[0], scans=3)

    empty = job.run()
    baseline = job.run()
    job.days_later()
    later = job.run()

    assert [run.sent() for run in (empty, baseline, later)] == [{}, {}, {}]
    assert job.sender.full_syncs() == 5


def test_resumed_scan_without_members_is_repeated() -> None:
    job = Job(existing_users=True, require_fields=[ID])
    job.sender.corrupt = lambda _, content: content.update(data=[])
    job.state = job.run_interrupted(at_page=3).states[1]
    before, number = job.state, len(job.sender.scans) + 1
    job.sender.corrupt = lambda at, content: (
        content.update(EMPTY_PAGES[0]) if at == number else None
    )

    sent = job.run().sent()

    assert before["scan_cursor"]
    assert before["scan_read"] == 0
    assert len(sent) == MEMBERS


def test_emptied_audience_is_believed(any_job: Job) -> None:
    any_job.run()
    for index in any_job.box.lytics.members():
        any_job.box.lytics.leave(index)
    any_job.days_later()
    before = any_job.sender.full_syncs()

    any_job.run()

    assert any_job.sender.full_syncs() == before + 1
    assert any_job.state["short_scans"] is None


def test_audience_emptied_meanwhile_is_believed(any_job: Job) -> None:
    end_scans(any_job, EMPTY_PAGES[0], scans=3)
    any_job.sender.describe = sizes(25, 0)

    any_job.run()

    assert any_job.sender.full_syncs() == 1
    assert any_job.state["last_whole_scan"]


@pytest.mark.parametrize("settings", [JOBS["whole"], JOBS["filtered"]], ids=str)
def test_incremental_without_changes_is_not_repeated(settings: dict[str, Any]) -> None:
    job = Job(existing_users=True, **settings)
    job.run()
    job.clock.advance(3600)
    before = len(job.sender.scans)

    job.run()

    assert len(job.sender.scans) == before + 1
    assert job.state["bookmark"] == "2026-03-01T09:00:00Z"


@pytest.mark.parametrize("settings", [{}, {"emit_exits": True}], ids=str)
@pytest.mark.parametrize("missing", [1, 10, 24])
def test_whole_scan_below_size_is_repeated(
    settings: dict[str, Any], missing: int, caplog: pytest.LogCaptureFixture
) -> None:
    job = Job(existing_users=True, page_size=100, **settings)
    job.sender.corrupt = lambda _, content: content.update(
        data=content["data"][missing:], total=MEMBERS - missing
    )
    first = job.run()
    job.sender.corrupt = None

    second = job.run()

    assert len(first.sent()) == MEMBERS - missing
    assert not first.activated
    assert f"{MEMBERS - missing} of the 25 members" in caplog.text
    assert len(second.sent()) == MEMBERS
    assert len(second.activated) == len(settings)


def test_size_that_is_always_wrong_costs_one_full_sync() -> None:
    job = Job(existing_users=True)
    job.sender.describe = sizes(99)

    job.run(syncs=4)

    assert job.sender.full_syncs() == 2
    assert job.state["last_whole_scan"]


@pytest.mark.parametrize("after", [24, 3, "24"], ids=repr)
def test_members_who_leave_during_scan_are_not_missing(after: object) -> None:
    job = Job(existing_users=True)
    job.sender.corrupt = lambda _, content: content.update(
        data=[m for m in content["data"] if m["email"] != job.email(7)], total=24
    )
    job.sender.describe = sizes(25, after)

    job.run()

    assert job.state["last_whole_scan"]
    assert job.state["short_scans"] is None


def test_filtered_scan_below_size_is_complete() -> None:
    job = Job(existing_users=True, require_fields=[ID])
    job.sender.describe = sizes(30)

    job.run()

    assert job.sender.full_syncs() == 1
    assert job.state["last_whole_scan"]


# Scans of changed members have no size, but a total.


def lose_changed(job: Job, number: int, *, times: int) -> None:
    """Let the next pages of changed members lack one of them."""
    name, left = job.email(number), [times]

    def corrupt(page: int, content: dict[str, Any]) -> None:
        if "_modified" not in (job.sender.scans[page - 1].body or ""):
            return
        kept = [m for m in content["data"] if m.get("email") != name]
        if left[0] and len(kept) < len(content["data"]):
            left[0] -= 1
            content["data"] = kept

    job.sender.corrupt = corrupt


@pytest.mark.parametrize("number", [0, 4, 7])
@pytest.mark.parametrize("settings", [{}, {"existing_users": True}], ids=str)
def test_missing_changed_member_is_read_again(
    settings: dict[str, Any], number: int
) -> None:
    job = Job(**settings)
    job.run()
    job.clock.advance(3600)
    for index in range(8):
        job.box.lytics.change(index, {"company": "New"})
    lose_changed(job, number, times=1)

    sent = job.run().sent()

    assert sent.keys() == {job.email(index) for index in range(8)}


@pytest.mark.parametrize("settings", [{}, {"existing_users": True}], ids=str)
def test_bookmark_stays_while_changed_members_lack(settings: dict[str, Any]) -> None:
    job = Job(full_scan_interval_hours=0, **settings)
    job.run()
    before = job.state["bookmark"]
    job.clock.advance(3600)
    job.box.lytics.change(3, {"company": "New"})
    lose_changed(job, 3, times=2)

    first = job.run().sent()

    assert not first
    assert job.state["bookmark"] == before
    job.clock.advance(3600)
    assert job.run().sent() == {job.email(3): 1}
    assert job.state["bookmark"] > before
