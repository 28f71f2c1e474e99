"""Which STATE may be printed, and when."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from support.plugins import to_text
from support.singer import record, schema, state
from target_bigcommerce.state import NO_STATE, Checkpoint, InputTracker

if TYPE_CHECKING:
    from sandbox import Clock, Sandbox
    from support.target_job import MakeJob

STEPS = st.lists(st.sampled_from(["record", "state", "drain", "take"]))


@given(steps=STEPS)
def test_printed_state_covers_only_drained_records(steps: list[str]) -> None:
    checkpoint, read, drained = Checkpoint(), 0, 0

    for step in steps:
        if step == "record":
            read += 1
        elif step == "state":
            checkpoint.receive(read, is_covered=read == drained)
        elif step == "drain":
            drained = read
            checkpoint.advance()
        else:
            state = checkpoint.take()
            assert state is NO_STATE or state <= drained


@given(steps=STEPS)
def test_newest_covered_state_is_printed_once(steps: list[str]) -> None:
    checkpoint, number, is_drained = Checkpoint(), 0, True
    covered: list[int] = []
    waiting: list[int] = []
    printed: list[int] = []

    for step in [*steps, "drain", "take"]:
        if step == "record":
            is_drained = False
        elif step == "state":
            number += 1
            checkpoint.receive(number, is_covered=is_drained)
            (covered if is_drained else waiting).append(number)
        elif step == "drain":
            checkpoint.advance()
            covered, waiting, is_drained = covered + waiting, [], True
        else:
            state = checkpoint.take()
            assert state == (covered[-1] if covered else NO_STATE)
            covered = []
            printed += [] if state is NO_STATE else [state]

    assert printed == sorted(set(printed))
    assert not printed or printed[-1] == number


def test_state_without_pending_records_is_covered() -> None:
    checkpoint = Checkpoint()

    checkpoint.receive({"a": 1}, is_covered=True)

    assert checkpoint.take() == {"a": 1}
    assert checkpoint.take() is NO_STATE


def test_covered_state_is_printed_while_a_newer_waits() -> None:
    checkpoint = Checkpoint()

    checkpoint.receive({"a": 1}, is_covered=True)
    checkpoint.receive({"a": 2}, is_covered=False)

    assert checkpoint.take() == {"a": 1}


def test_empty_state_is_printed() -> None:
    checkpoint = Checkpoint()

    checkpoint.receive({}, is_covered=False)
    checkpoint.advance()

    assert checkpoint.take() == {}


# Printing.

Message = dict[str, Any]
STATES = 12


class SlowInput(io.StringIO):
    """An input whose lines arrive some seconds apart."""

    def __init__(self, text: str, clock: Clock, seconds: float) -> None:
        super().__init__(text)
        self._clock, self._seconds = clock, seconds

    @override
    def __next__(self) -> str:
        self._clock.advance(self._seconds)
        return super().__next__()


def skipped_records(count: int) -> list[Message]:
    """Skipped records, with a state after each."""
    return [m for n in range(count) for m in (record(None), state(n))]


@pytest.mark.parametrize(
    ("seconds", "printed"),
    [(0.0, [0, 11]), (0.25, [0, 2, 4, 6, 8, 10, 11]), (0.5, [*range(STATES)])],
    ids=["all at once", "two a second", "one a second"],
)
def test_states_are_printed_at_most_once_a_second(
    seconds: float,
    printed: list[int],
    box: Sandbox,
    make_job: MakeJob,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = make_job(box)
    text = to_text([schema(), *skipped_records(STATES)])

    job.target.run(SlowInput(text, box.clock, seconds))

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["n"] for line in lines] == printed


@pytest.mark.parametrize("config", [{"dry_run": True}, {"limit": 5}])
def test_dry_run_and_limit_print_no_state(
    config: dict[str, Any],
    box: Sandbox,
    make_job: MakeJob,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job = make_job(box, **config)
    text = to_text([schema(), *skipped_records(STATES)])

    job.target.run(SlowInput(text, box.clock, 1.0))

    assert capsys.readouterr().out == ""


# Whether the tap got to its end.

SCHEMA = {"type": "SCHEMA", "stream": "vip", "key_properties": ["_member_id"]}
OTHER_SCHEMA = {"type": "SCHEMA", "stream": "vip", "key_properties": ["id"]}
RECORD = {"type": "RECORD", "stream": "vip", "record": {}}
REPLAYED = {**RECORD, "reject": {"code": "too_long"}}
VERSION = {"type": "ACTIVATE_VERSION", "stream": "vip", "version": 1}


def state_of(**statuses: object) -> dict[str, Any]:
    parts = {name: {"pass_status": each} for name, each in statuses.items()}
    return {"type": "STATE", "value": {"bookmarks": parts}}


RUNNING, COMPLETE = state_of(vip="running"), state_of(vip="complete")
CASES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "one pass": ([SCHEMA, RUNNING, RECORD, COMPLETE], "complete"),
    "a quiet pass": ([SCHEMA, COMPLETE], "complete"),
    "several passes": (
        [SCHEMA, RECORD, COMPLETE, SCHEMA, RECORD, COMPLETE],
        "complete",
    ),
    "several states": ([SCHEMA, RECORD, COMPLETE, COMPLETE, COMPLETE], "complete"),
    "two streams": (
        [
            SCHEMA,
            state_of(vip="complete", news="running"),
            SCHEMA,
            state_of(vip="complete", news="complete"),
        ],
        "complete",
    ),
    "a stream of an earlier run": (
        [SCHEMA, state_of(vip="complete", old=None)],
        "complete",
    ),
    "mapped keys": ([OTHER_SCHEMA, RECORD, COMPLETE], "complete"),
    "an activated version": ([SCHEMA, RECORD, VERSION, COMPLETE], "complete"),
    "rejects before a sync": ([SCHEMA, REPLAYED, RECORD, COMPLETE], "complete"),
    "nothing": ([], "cut_off"),
    "a schema only": ([SCHEMA], "cut_off"),
    "no state": ([SCHEMA, RECORD, RECORD], "cut_off"),
    "the state of the last run": ([COMPLETE], "cut_off"),
    "no schema after the last state": ([RUNNING], "cut_off"),
    "the middle of a page": ([SCHEMA, RUNNING, RECORD, RECORD], "cut_off"),
    "the end of a page": ([SCHEMA, RECORD, RUNNING], "cut_off"),
    "a record after the last state": ([SCHEMA, COMPLETE, RECORD], "cut_off"),
    "the start of a second pass": ([SCHEMA, RECORD, COMPLETE, SCHEMA], "cut_off"),
    "a version after the last state": ([SCHEMA, COMPLETE, VERSION], "cut_off"),
    "the second of two streams": (
        [SCHEMA, RECORD, state_of(vip="complete", news="running")],
        "cut_off",
    ),
    "the first of two streams": (
        [SCHEMA, RECORD, state_of(vip="running", news="complete")],
        "cut_off",
    ),
    "an unknown status": ([SCHEMA, state_of(vip="done")], "cut_off"),
    "a status that is no text": ([SCHEMA, state_of(vip=["complete"])], "cut_off"),
    "no status": ([SCHEMA, {"type": "STATE", "value": {"bookmarks": {}}}], "cut_off"),
    "cleared statuses": ([SCHEMA, state_of(vip=None)], "cut_off"),
    "rejects and some records": ([SCHEMA, REPLAYED, RECORD], "cut_off"),
    "rejects": ([SCHEMA, REPLAYED, REPLAYED], "unknown"),
    "another tap": ([OTHER_SCHEMA, RECORD], "unknown"),
    "another tap's state": (
        [OTHER_SCHEMA, RECORD, {"type": "STATE", "value": {"bookmarks": {"vip": {}}}}],
        "unknown",
    ),
    "a tap without keys": (
        [{"type": "SCHEMA", "stream": "vip", "key_properties": None}, RECORD],
        "unknown",
    ),
    **{
        f"the state {value!r}": (
            [OTHER_SCHEMA, {"type": "STATE", "value": value}],
            "unknown",
        )
        for value in (None, [], "x", 7, {"bookmarks": None}, {"bookmarks": [1]})
    },
    "a part that is null": (
        [OTHER_SCHEMA, {"type": "STATE", "value": {"bookmarks": {"vip": None}}}],
        "unknown",
    ),
}


@pytest.mark.parametrize(("messages", "status"), CASES.values(), ids=CASES)
def test_end_of_the_tap_is_found(messages: list[dict[str, Any]], status: str) -> None:
    tracker = InputTracker()

    for message in messages:
        tracker.add(message)
    tracker.end()

    assert tracker.status == status


def test_input_that_was_not_read_is_unknown() -> None:
    assert InputTracker().status == "unknown"
