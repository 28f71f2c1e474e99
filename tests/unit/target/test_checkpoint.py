"""A state that is printed covers only what is settled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.state import Checkpoint

STEPS = st.lists(st.sampled_from(["record", "state", "drain", "take"]))


@given(steps=STEPS)
def test_a_printed_state_never_covers_an_unsettled_record(steps: list[str]) -> None:
    checkpoint, read, settled = Checkpoint(), 0, 0

    for step in steps:
        if step == "record":
            read += 1
        elif step == "state":
            checkpoint.receive(read, is_covered=read == settled)
        elif step == "drain":
            settled = read
            checkpoint.advance()
        else:
            state = checkpoint.take()
            assert state is None or state <= settled


@given(steps=STEPS)
def test_the_newest_covered_state_is_printed_once(steps: list[str]) -> None:
    checkpoint, number, is_settled = Checkpoint(), 0, True
    covered: list[int] = []
    waiting: list[int] = []
    printed: list[int] = []

    for step in [*steps, "drain", "take"]:
        if step == "record":
            is_settled = False
        elif step == "state":
            number += 1
            checkpoint.receive(number, is_covered=is_settled)
            (covered if is_settled else waiting).append(number)
        elif step == "drain":
            checkpoint.advance()
            covered, waiting, is_settled = covered + waiting, [], True
        else:
            state = checkpoint.take()
            assert state == (covered[-1] if covered else None)
            covered = []
            printed += [] if state is None else [state]

    assert printed == sorted(set(printed))
    assert not printed or printed[-1] == number


def test_a_state_behind_nothing_is_covered_at_once() -> None:
    checkpoint = Checkpoint()

    checkpoint.receive({"a": 1}, is_covered=True)

    assert checkpoint.take() == {"a": 1}
    assert checkpoint.take() is None


def test_an_older_state_can_be_printed_while_a_newer_waits() -> None:
    checkpoint = Checkpoint()

    checkpoint.receive({"a": 1}, is_covered=True)
    checkpoint.receive({"a": 2}, is_covered=False)

    assert checkpoint.take() == {"a": 1}


def test_an_empty_state_is_a_state() -> None:
    checkpoint = Checkpoint()

    checkpoint.receive({}, is_covered=False)
    checkpoint.advance()

    assert checkpoint.take() == {}
