"""Input without records makes no call to the store, however long it lasts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.singer import left, record, schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sandbox import Sandbox
    from support.singer import Message
    from support.store import MakeBox
    from support.target_job import Job, MakeJob

MINUTES = 8 * 60
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"history": False},
    {"on_exit": "clear"},
    {"on_exit": "clear", "batch_wait_limit_seconds": 1},
    {"on_missing_id": "match", "batch_size_rows": 250, "max_in_flight": 1},
    {"map_custom_attributes": [{"from": "tier", "to": "Tier", "type": "string"}]},
    {"map_standard_fields": [], "audience_attribute": "Members"},
    {"dry_run": True},
)


def a_pass(number: int, *streams: str, messages: Sequence[Message] = ()) -> list[str]:
    """Return the lines that the tap writes in a pass."""
    names = streams or ("vip",)

    def status(value: str) -> Message:
        part = {"pass_status": value, "bookmark": number}
        return {"type": "STATE", "value": {"bookmarks": dict.fromkeys(names, part)}}

    schemas = [schema(stream=name) for name in names]
    found = [status("running"), *schemas, *messages, status("complete")]
    return [json.dumps(each) for each in found]


class Passes:
    """The input of a continuous job, in which a minute passes after each pass."""

    def __init__(self, job: Job, passes: Sequence[Sequence[str]]) -> None:
        self._job = job
        self._passes = passes
        self.calls: list[int] = []  # Of each pass and the minute after it.

    def __iter__(self) -> Iterator[str]:
        journal, clock = self._job.box.journal, self._job.box.clock
        for lines in self._passes:
            before = journal.total
            yield from lines[:-1]
            clock.advance(60)
            yield lines[-1]
            self.calls.append(journal.total - before)


def read(job: Job, *passes: Sequence[str]) -> list[int]:
    """Run the target over the passes; return the calls of each."""
    source = Passes(job, passes)
    job.target.listen(source)  # type: ignore[arg-type]  # it only iterates
    return [*source.calls, job.box.journal.total - sum(source.calls)]


@pytest.mark.guarantee("fewest-calls")
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("streams", [("vip",), ("vip", "news", "friends")])
def test_idle_hours_make_no_call(
    make_job: MakeJob, box: Sandbox, settings: dict[str, Any], streams: tuple[str, ...]
) -> None:
    if len(streams) > 1 and "audience_attribute" in settings:
        settings = {}
    job = make_job(box, **settings)

    calls = read(job, *(a_pass(number, *streams) for number in range(MINUTES)))

    assert sum(calls) == 0
    assert job.run.seconds_to_drain() is None


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_store_that_has_the_attribute_gets_no_call(
    make_job: MakeJob, box: Sandbox, settings: dict[str, Any]
) -> None:
    for name in ("LyticsAudience_vip", "Members", "Tier"):
        box.store.add_attribute(name)
    job = make_job(box, **settings)

    assert sum(read(job, a_pass(1), a_pass(2))) == 0


@pytest.mark.parametrize(
    "settings", [each for each in SETTINGS if not each.get("dry_run")], ids=str
)
@pytest.mark.parametrize("leaves", [True, False])
def test_only_passes_with_records_make_calls(
    make_job: MakeJob, make_box: MakeBox, settings: dict[str, Any], *, leaves: bool
) -> None:
    box = make_box(members=3, without_id=0, unknown_id=0, refused=0, shared_id=0)
    job = make_job(box, **settings)
    entry = [record(1001, email="x@example.com")]
    changes = [left(1001)] if leaves else [record(1002, email="y@example.com")]
    passes = [a_pass(n) for n in range(9)]
    passes[2], passes[5] = a_pass(2, messages=entry), a_pass(5, messages=changes)

    calls = read(job, *passes)

    makes_calls = {2} if leaves and settings.get("on_exit") != "clear" else {2, 5}
    assert {number for number, made in enumerate(calls) if made} == makes_calls


@pytest.mark.parametrize("settings", SETTINGS[:4], ids=str)
def test_idle_input_has_its_newest_state_printed(
    make_job: MakeJob,
    box: Sandbox,
    settings: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = make_job(box, **settings)

    read(job, *(a_pass(number) for number in range(3)))

    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"bookmarks": {"vip": {"bookmark": 2, "pass_status": "complete"}}}
