"""The reader keeps to the clock and to signals, whether the input is silent or busy."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from listener import Listener, hooks, pipe_of, record

from singer_kit.errors import UnexpectedResponseError

if TYPE_CHECKING:
    from target_bigcommerce.interrupt import Interrupt


def test_the_clock_ticks_while_the_input_is_silent(interrupt: Interrupt) -> None:
    reader, writer = os.pipe()
    os.write(writer, record("waiting").encode() + b"\n")
    due: list[bool] = []

    def deadline() -> float | None:
        return -1.0 if due else None

    def tick() -> None:
        due.clear()
        os.close(writer)  # Only the tick ends the input.

    listener = Listener(hooks(interrupt, deadline, tick))
    with open(reader, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        listener.read(source, lambda _message: due.append(True))

    assert len(listener.messages) == 1
    assert not due


def test_a_deadline_that_comes_during_the_wait_ticks(interrupt: Interrupt) -> None:
    reader, writer = os.pipe()
    asked: list[float] = []

    def deadline() -> float:
        asked.append(0.01 if len(asked) < 4 else -1.0)
        return asked[-1]

    def tick() -> None:
        if not interrupt.is_set:
            os.close(writer)
            interrupt.set(15)

    with open(reader, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        Listener(hooks(interrupt, deadline, tick)).read(source)

    assert asked[-1] == -1.0


def test_the_clock_ticks_between_messages_of_a_busy_input(
    interrupt: Interrupt,
) -> None:
    ticks: list[int] = []
    listener = Listener(hooks(interrupt, lambda: 0.0, lambda: ticks.append(1)))
    data = "".join(record(n) + "\n" for n in range(100)).encode()

    with pipe_of(data) as source:
        listener.read(source)

    assert len(ticks) >= 100


def test_a_signal_ends_the_wait_for_a_silent_input(interrupt: Interrupt) -> None:
    reader, writer = os.pipe()
    threading.Timer(0.05, interrupt.set, [15]).start()

    with open(reader, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        Listener(hooks(interrupt)).read(source)

    assert interrupt.is_set
    os.close(writer)


def test_a_signal_stops_between_two_messages(interrupt: Interrupt) -> None:
    listener = Listener(hooks(interrupt))
    data = "".join(record(n) + "\n" for n in range(10)).encode()

    with pipe_of(data) as source:
        listener.read(
            source,
            lambda message: interrupt.set(15) if message["record"]["v"] == 3 else None,
        )

    assert len(listener.messages) == 4
    assert listener.reader.line_number == 4


def test_a_cut_line_behind_a_signal_is_nobodys_fault(interrupt: Interrupt) -> None:
    listener = Listener(hooks(interrupt))

    with pipe_of(record(1).encode() + b'\n{"type":"REC') as source:
        listener.read(source, lambda _message: interrupt.set(15))

    assert len(listener.messages) == 1


@pytest.mark.parametrize(
    "error", [UnexpectedResponseError("x"), OSError(28, "disk full")]
)
def test_what_a_callback_raises_passes_through(
    error: Exception, interrupt: Interrupt
) -> None:
    def fail(_message: dict[str, Any]) -> None:
        raise error

    with pipe_of(record(1).encode() + b"\n") as source, pytest.raises(type(error)):
        Listener(hooks(interrupt)).read(source, fail)


def test_what_a_tick_raises_passes_through(interrupt: Interrupt) -> None:
    def fail() -> None:
        raise OSError(28, "disk full")

    with (
        pipe_of(record(1).encode() + b"\n") as source,
        pytest.raises(OSError, match="disk"),
    ):
        Listener(hooks(interrupt, lambda: 0.0, fail)).read(source)
