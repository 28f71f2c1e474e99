"""Incremental passes without changes: one scan call each, and no change is missed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import UnexpectedResponseError
from support.tap_job import ID, Collected, Job, is_scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_lytics.transport import ApiRequest

    Change = Callable[[Job, int], object]

HOUR = 3600.0
WITH_LEDGER: tuple[dict[str, Any], ...] = (
    {},
    {"existing_users": True},
    {"require_fields": [ID]},
    {"require_fields": [ID], "emit_exits": True},
    {"require_fields": [ID], "emit_exits": True, "existing_users": True},
    {"require_fields": ["email", "company", ID], "emit_changes": False},
)
WITHOUT_LEDGER: tuple[dict[str, Any], ...] = (
    {},
    {"existing_users": True},
    {"existing_users": True, "emit_exits": True},
    {"require_fields": [ID], "overlap_minutes": 0},
)


class Passes:
    """The scan calls of each pass of a job, and what to do before each pass."""

    def __init__(self, job: Job, *, seconds: float = 60.0) -> None:
        self.calls: list[list[ApiRequest]] = []
        self.acts: dict[int, Callable[[], object]] = {}
        self._job = job
        self._seconds = seconds
        job.sender.before = self._observe

    @property
    def numbers(self) -> list[int]:
        """How many calls each pass made."""
        return [len(calls) for calls in self.calls]

    def _observe(self, request: ApiRequest) -> None:
        if request.path.startswith("/v2/segment/"):
            self._job.clock.advance(self._seconds)
            self.acts.get(len(self.calls), lambda: None)()
            self.calls.append([])
        elif is_scan(request):
            self.calls[-1].append(request)


def has_probe(calls: list[ApiRequest]) -> bool:
    return calls[0].query["limit"] == "1"


@pytest.mark.parametrize("options", [{}, {"scan_end": "missing"}], ids=str)
@pytest.mark.parametrize(
    ("config", "with_ledger"),
    [
        *((config, True) for config in WITH_LEDGER),
        *((config, False) for config in WITHOUT_LEDGER),
    ],
    ids=str,
)
def test_idle_pass_makes_one_scan_call(
    config: dict[str, Any],
    *,
    with_ledger: bool,
    options: dict[str, Any],
    ledger_path: str,
) -> None:
    ledger = {"ledger_path": ledger_path} if with_ledger else {}
    job = Job(options=options, **config, **ledger)
    job.run()
    in_one_process, apart = Passes(job), []

    job.run(syncs=4)
    for _ in range(3):
        passes = Passes(job)
        job.run()
        apart += passes.numbers

    assert in_one_process.numbers == [1, 1, 1, 1]
    assert apart == [1, 1, 1]


def change(job: Job, index: int) -> None:
    job.box.lytics.change(index, {"company": f"Company {job.clock.now()}"})


def leave_and_enter(job: Job, index: int) -> None:
    inside = index in job.box.lytics.audiences["vip_customers"]
    (job.box.lytics.leave if inside else job.box.lytics.enter)(index)


def enter(job: Job, index: int) -> None:
    job.box.lytics.enter(job.outsider(index))


@pytest.mark.parametrize("in_one_process", [True, False])
@pytest.mark.parametrize("act", [change, leave_and_enter, enter])
@pytest.mark.parametrize("overlap_minutes", [0, 30])
def test_next_pass_finds_every_change(
    full_job: Job, act: Change, *, in_one_process: bool, overlap_minutes: int
) -> None:
    job = full_job
    job.config["overlap_minutes"] = overlap_minutes
    job.run()
    changed_before = {1, 2, 3, 6, 9}  # Several passes in a row, and after idle ones.
    passes, output = Passes(job, seconds=HOUR), Collected()
    sent: list[int] = []

    def start(number: int) -> None:
        sent.append(len(output.records))
        if number in changed_before:
            act(job, number)

    passes.acts = {number: partial(start, number) for number in range(11)}
    if in_one_process:
        job.run(output, syncs=11)
    else:
        for _ in range(11):
            job.run(output)

    assert {at for at in range(10) if sent[at + 1] == sent[at] + 1} == changed_before
    assert len(output.records) == len(changed_before)


def test_probe_is_skipped_after_pass_with_changes(full_job: Job) -> None:
    full_job.run()
    full_job.clock.advance(2 * HOUR)
    passes = Passes(full_job, seconds=900)
    passes.acts[1] = lambda: change(full_job, 3)

    output = full_job.run(syncs=8)

    # The lookback window of 30 minutes returns the change in three more passes, and the
    # one after them finds nothing.
    probes = [has_probe(calls) for calls in passes.calls]
    assert probes == [True, True, False, False, False, False, True, True]
    assert passes.numbers == [1, 3, 2, 2, 2, 2, 1, 1]
    assert output.sent() == {full_job.email(3): 1}


@pytest.mark.parametrize("outside", [True, False])
def test_probe_sees_members_and_others(full_job: Job, *, outside: bool) -> None:
    full_job.run()
    full_job.clock.advance(2 * HOUR)
    passes = Passes(full_job)
    index = full_job.outsider() if outside else 3
    full_job.box.lytics.change(index, {"company": "New"})

    output = full_job.run()

    assert passes.numbers == [3]
    assert len(output.records) == (not outside)


@pytest.mark.parametrize(
    ("content", "is_read"),
    [
        ({"data": [], "_next": "", "total": 0}, False),
        ({"data": [], "_next": None, "total": "0"}, False),
        ({"data": [], "total": None}, False),
        ({"data": None, "total": 0}, False),
        ({"data": [], "_next": "", "total": 5}, True),
        ({"data": [], "_next": "more", "total": 0}, True),
        ({"data": [{}], "_next": "", "total": None}, True),
        ({"data": [{"_modified": "x"}], "_next": "", "total": 0}, True),
    ],
    ids=str,
)
def test_probe_trusts_only_an_empty_answer(
    full_job: Job, content: dict[str, Any], *, is_read: bool
) -> None:
    full_job.run()
    full_job.clock.advance(2 * HOUR)
    passes, scans = Passes(full_job), len(full_job.sender.scans)

    def corrupt(number: int, page: dict[str, Any]) -> None:
        if number == scans + 1:
            page.pop("_next")
            page.update(content)

    full_job.sender.corrupt = corrupt
    full_job.run()

    assert passes.numbers == [3 if is_read else 1]


@pytest.mark.parametrize(
    "content",
    [
        {"status": 400, "data": None, "message": "bad filter"},
        {"status": "404", "data": None, "message": "unknown"},
        {"data": {"a": 1}},
        {"data": ["text"]},
        {"data": None, "total": None},
    ],
    ids=str,
)
def test_error_of_probe_ends_pass(
    full_job: Job, content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("singer_kit.shutdown.ShutdownSignal.wait", lambda *_: None)
    full_job.run()
    full_job.clock.advance(2 * HOUR)
    before = dict(full_job.state)
    full_job.sender.corrupt = lambda _, page: page.update(content)

    with pytest.raises(Exception, match="POST /api/segment/scan") as error:
        full_job.run()

    assert isinstance(error.value, UnexpectedResponseError) or "404" in str(content)
    assert full_job.state == before


def test_probe_asks_for_required_fields(ledger_path: str) -> None:
    job = Job(ledger_path=ledger_path, require_fields=[ID])
    job.run()
    passes = Passes(job)

    job.run()

    [[probe]] = passes.calls
    assert probe.body == (
        f'FILTER AND (EXISTS {ID}, _modified >= "2026-03-01T07:30:00Z") FROM user'
    )
    assert probe.query["fields"] == "_modified"


def test_due_exit_is_sent_without_changes(full_job: Job) -> None:
    full_job.run()
    full_job.clock.advance(2 * HOUR)
    customer = full_job.customer(3)
    full_job.box.lytics.change(3, {ID: "900003"})
    cut_off = full_job.run_interrupted(at_page=3)
    # It has no customer any more, so neither scan nor probe returns it.
    full_job.box.lytics.change(3, {ID: None})
    passes = Passes(full_job)

    output = full_job.run()

    assert customer in cut_off.exits()
    assert passes.numbers == [1]
    assert customer in output.exits()
