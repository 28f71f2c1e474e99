"""Full syncs of an audience that is read with several cursors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import UnexpectedResponseError
from support.tap_job import ID, Collected, Job, MakeJob, is_scan
from tap_lytics import scan
from tap_lytics.errors import AudienceError, StateError
from tap_lytics.state import ScanCursors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_lytics.transport import ApiRequest

MEMBERS = 120
LARGE = {"members": 1200, "page_size": 100}
WAYS: dict[str, dict[str, Any]] = {
    "records": {"ledger_path": "ledger", "require_fields": [ID]},
    "versions": {"ledger_path": None},
}


@pytest.fixture(autouse=True)
def divide_small_audiences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Divide scans of more than 100 members, so that tests are fast."""
    monkeypatch.setattr(scan, "MAX_UNDIVIDED", 100)


@pytest.fixture
def make_job(ledger_path: str) -> MakeJob:
    """Make jobs that send all members and report exits, by default by records."""

    def make(way: str = "records", **more: Any) -> Job:  # noqa: ANN401 - settings
        config = {"members": MEMBERS, "page_size": 10, **WAYS[way], **more}
        if config["ledger_path"]:
            config["ledger_path"] = ledger_path
        return Job(existing_users=True, emit_exits=True, **config)

    return make


def splits(job: Job) -> list[str]:
    """Return the splits of all requests of full scans."""
    full = [call for call in job.sender.scans if "_modified" not in (call.body or "")]
    return [call.query.get("splits", "") for call in full]


def is_divided(job: Job) -> bool:
    """Whether later pages were read by part."""
    return any(c.query.get("start") and c.query.get("splits") for c in job.sender.scans)


def act_at(job: Job, number: int, act: Callable[[], object]) -> None:
    """Act when this request of a scan starts, the first one being 1."""
    seen = []

    def before(request: ApiRequest) -> None:
        if is_scan(request):
            seen.append(request)
            if len(seen) == number:
                act()

    job.sender.before = before


@pytest.mark.guarantee("parallel-scan")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("parallelism", [1, 2, 4, 8])
def test_exits_are_those_of_one_cursor(
    parallelism: int, way: str, make_job: MakeJob
) -> None:
    job = make_job(way, scan_parallelism=parallelism)
    first = job.run()
    job.days_later()
    for index in (4, 70, 119):
        job.box.lytics.leave(index)
    for index in range(3):
        job.box.lytics.enter(job.outsider(index))

    second = job.run()

    assert is_divided(job) == (parallelism > 1)
    assert len(first.sent()) == len(first.records) == MEMBERS
    if way == "records":
        assert second.apply(first.apply()) == job.audience()
        assert len(second.exits()) == len(second.records) - 3 == 3
    else:
        assert second.apply() == job.audience()
        assert len(first.activated) == len(second.activated) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at", [1, 2, 4, 5, 7, 10, 14, 17])
def test_members_come_and_go_during_scan(at: int, way: str, make_job: MakeJob) -> None:
    job = make_job(way)
    store = job.run().apply()
    job.days_later()
    lytics = job.box.lytics

    def change() -> None:
        for index in range(0, 15, 3):
            lytics.leave(index)
            lytics.change(index + 1, {"company": f"New {index}"})
            lytics.enter(job.outsider(index))

    act_at(job, at, change)
    outputs = [job.run()]
    job.sender.before = lambda _: None
    for days in (0.01, 1.1, 1.1):
        job.days_later(days)
        outputs.append(job.run())

    for output in outputs:
        # With a version, records replace those of the versions before.
        store = output.apply(set() if output.activated else store)
    assert store == job.audience()
    assert is_divided(job)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("options", "is_used"),
    [
        ({"splits": "ignored"}, False),
        ({"splits": "refused"}, False),
        ({"splits": "ignored_on_post"}, None),  # Only the ledger's scan is filtered.
        ({"without_split": 0.002}, False),
        ({"without_split": 0.004}, False),
        ({"without_split": 0.05}, False),
        ({"scan_end": "repeat"}, True),
        ({"scan_end": "empty_page"}, True),
        ({"scan_end": "missing"}, True),
        ({"scan_is_snapshot": True}, True),
        ({"same_token": True}, True),
        ({"page_limit": 20}, True),
    ],
    ids=str,
)
def test_divided_scan_sends_all_members(
    options: dict[str, Any],
    is_used: bool | None,  # noqa: FBT001 - a parameter
    way: str,
    make_job: MakeJob,
) -> None:
    job = make_job(way, options=options, **LARGE)
    first = job.run()
    job.days_later()
    job.box.lytics.leave(4)

    second = job.run()

    assert first.apply() == job.audience() | {job.customer(4)}
    assert is_divided(job) == (way == "versions" if is_used is None else is_used)
    if way == "records":
        assert second.exits() == [job.customer(4)]
    else:
        assert second.activated


@pytest.mark.parametrize(("members", "parts"), [(1000, 1), (1001, 4)])
def test_audience_over_threshold_is_divided(
    members: int, parts: int, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    job = make_job("versions", members=members, page_size=100)

    assert len(job.run().sent()) == members
    assert len(set(splits(job))) == (1 if parts == 1 else 1 + parts)
    assert len(job.sender.scans) == (10 if parts == 1 else 1 + parts * 3 + 2) + 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("enters_at", range(2, 7))
@pytest.mark.parametrize("leaves_at", [12, 16])
def test_member_in_no_part_does_not_seem_to_leave(
    enters_at: int, leaves_at: int, way: str, make_job: MakeJob
) -> None:
    job = make_job(way, options={"without_split": 1 / MEMBERS})
    lytics = job.box.lytics
    [alone] = [n for n in range(MEMBERS) if "_split" not in lytics.member(n)]
    store = job.run().apply()
    job.days_later()
    acts = {
        enters_at: lambda: lytics.enter(job.outsider()),
        leaves_at: lambda: lytics.leave(7),
    }
    seen: list[ApiRequest] = []

    def before(request: ApiRequest) -> None:
        if is_scan(request):
            seen.append(request)
            acts.pop(len(seen), lambda: None)()

    job.sender.before = before
    output = job.run()

    assert not acts
    assert job.customer(alone) in (
        output.apply() if output.activated else output.apply(store)
    )


def test_repeated_full_sync_uses_one_cursor(make_job: MakeJob) -> None:
    job = make_job("versions")

    def lose_members(_: int, content: dict[str, Any]) -> None:
        content["data"] = content["data"][:-1]

    job.sender.corrupt = lose_members
    first = job.run()
    was_divided, state = is_divided(job), job.state
    job.sender.corrupt = None
    job.sender.scans.clear()

    second = job.run()

    assert was_divided
    assert len(first.sent()) < MEMBERS
    assert not first.activated
    assert state["last_whole_scan"] is None
    assert set(splits(job)) == {""}
    assert len(second.sent()) == MEMBERS
    assert second.activated
    job.days_later()
    job.run()
    assert is_divided(job)


def test_repeats_of_empty_scan_use_one_cursor(make_job: MakeJob) -> None:
    job = make_job("versions")
    job.sender.corrupt = lambda _, content: content.update(data=[], _next="")

    output = job.run()

    assert not output.records
    assert not output.activated
    parts = [int(each.partition(",")[0]) for each in splits(job) if each]
    assert sorted(parts) == [0, 25, 50, 75]
    assert splits(job)[-2:] == ["", ""]


@pytest.mark.guarantee("parallel-scan")
@pytest.mark.parametrize(("parallelism", "way"), [(2, "versions"), (4, "records")])
def test_interrupted_scan_resumes_each_part(
    parallelism: int, way: str, make_job: MakeJob
) -> None:
    for at in range(1, MEMBERS):
        job = make_job(way, scan_parallelism=parallelism, seed=at)
        if way == "records":
            job.config["ledger_path"] += str(at)
        try:
            output = job.run_interrupted(at_page=at)
        except pytest.fail.Exception:
            break  # It was not interrupted, so it has fewer pages.
        job.state = output.states[-1]
        cursor = job.state["scan_cursor"]
        read, covered = len(job.sender.scans), output.records[: output.covered]

        rest = job.run()

        store = {record[ID] for record in [*covered, *rest.records]}
        assert store == job.audience()
        assert len(covered) + len(rest.records) == MEMBERS
        assert not rest.activated or cursor is None
        if cursor is None:
            continue
        saved = ScanCursors.read(cursor)
        calls = job.sender.scans[read:]
        for scan_splits, at_cursor in zip(
            parts_of(saved.parts), saved.cursors, strict=True
        ):
            asked = [c for c in calls if c.query.get("splits") == scan_splits]
            starts = [c.query.get("start", "") for c in asked]
            assert starts[:1] == ([] if at_cursor is None else [at_cursor])
    assert at > MEMBERS // 10 + parallelism


def parts_of(number: int) -> list[str]:
    step = 100 // number
    return [",".join(map(str, range(n, n + step))) for n in range(0, 100, step)]


@pytest.mark.parametrize(("before", "after"), [(4, 1), (4, 2), (2, 8)])
def test_other_parallelism_restarts_scan(
    before: int,
    after: int,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    job = make_job("versions", scan_parallelism=before)
    interrupt(job)
    job.config["scan_parallelism"] = after

    output = job.run()

    assert len(output.sent()) == len(output.records) == MEMBERS
    assert output.activated
    assert "cannot be resumed, because scan_parallelism changed" in caplog.text


def test_scan_of_one_cursor_goes_on_with_one(make_job: MakeJob) -> None:
    job = make_job("versions", scan_parallelism=1)
    covered = interrupt(job)
    job.config["scan_parallelism"] = 4

    rest = job.run()

    assert len(covered) + len(rest.records) == MEMBERS
    assert not is_divided(job)


@pytest.mark.parametrize("text", ["{", '{"parts":4}', '{"parts":4,"cursors":[]}'])
def test_unreadable_cursors_end_run(text: str, make_job: MakeJob) -> None:
    job = make_job("versions")
    interrupt(job)
    job.state["scan_cursor"] = text

    with pytest.raises(StateError, match="scan_cursor is not a cursor"):
        job.run()


@pytest.mark.parametrize("way", WAYS)
def test_constant_cursors_restart_scan(way: str, make_job: MakeJob) -> None:
    job = make_job(way, options={"same_token": True, "page_limit": 5})
    covered = interrupt(job, at=20)

    rest = job.run()

    assert job.audience() == {r[ID] for r in [*covered, *rest.records]}
    assert len(rest.records) == MEMBERS - (len(covered) if way == "records" else 0)


def test_expired_cursors_restart_scan(make_job: MakeJob) -> None:
    job = make_job("versions", options={"token_seconds": 60})
    interrupt(job)
    job.clock.advance(600)

    output = job.run()

    assert len(output.sent()) == len(output.records) == MEMBERS
    assert output.activated


@pytest.mark.parametrize("at", [3, 8, 12])
def test_audience_deleted_during_scan_ends_run(at: int, make_job: MakeJob) -> None:
    job = make_job()
    act_at(job, at, lambda: job.box.lytics.delete("vip_customers"))

    with pytest.raises((AudienceError, UnexpectedResponseError), match="vip_customers"):
        job.run()


@pytest.mark.parametrize("change", [-10, -1, 1, 10, 50])
def test_total_that_changes_during_scan(change: int, make_job: MakeJob) -> None:
    job = make_job("versions")
    act = job.box.lytics.leave if change < 0 else job.box.lytics.enter
    first = 0 if change < 0 else job.outsider()

    def apply() -> None:
        for number in range(abs(change)):
            act(first + number)

    act_at(job, 8, apply)

    output = job.run()

    assert output.apply() >= job.audience()
    assert is_divided(job)
    assert job.state["last_whole_scan"], "it is complete"


def interrupt(job: Job, at: int = 10) -> list[dict[str, Any]]:
    """Interrupt a run at a request; return the records that its state covers."""
    output: Collected = job.run_interrupted(at_page=at)
    job.state = output.states[-1]
    return output.records[: output.covered]
