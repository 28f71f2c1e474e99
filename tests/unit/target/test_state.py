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
from target_bigcommerce.state import Checkpoint

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
            assert state is None or state <= drained


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
            assert state == (covered[-1] if covered else None)
            covered = []
            printed += [] if state is None else [state]

    assert printed == sorted(set(printed))
    assert not printed or printed[-1] == number


def test_state_without_pending_records_is_covered() -> None:
    checkpoint = Checkpoint()

    checkpoint.receive({"a": 1}, is_covered=True)

    assert checkpoint.take() == {"a": 1}
    assert checkpoint.take() is None


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
