"""The reader keeps to the clock and to signals, whether the input is silent or busy."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import UnexpectedResponseError
from support.reader import Listener, pipe_of, record

if TYPE_CHECKING:
    from singer_kit.shutdown import ShutdownSignal


def test_the_clock_ticks_while_the_input_is_silent(shutdown: ShutdownSignal) -> None:
    reader, writer = os.pipe()
    os.write(writer, record("waiting").encode() + b"\n")
    due: list[bool] = []

    def deadline() -> float | None:
        return -1.0 if due else None

    def tick() -> None:
        due.clear()
        os.close(writer)  # Only the tick ends the input.

    listener = Listener(shutdown, deadline, tick)
    with open(reader, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        listener.read(source, lambda _message: due.append(True))

    assert len(listener.messages) == 1
    assert not due


def test_a_deadline_that_comes_during_the_wait_ticks(shutdown: ShutdownSignal) -> None:
    reader, writer = os.pipe()
    asked: list[float] = []

    def deadline() -> float:
        asked.append(0.01 if len(asked) < 4 else -1.0)
        return asked[-1]

    def tick() -> None:
        if not shutdown.is_set:
            os.close(writer)
            shutdown.set(15)

    with open(reader, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        Listener(shutdown, deadline, tick).read(source)

    assert asked[-1] == -1.0


def test_the_clock_ticks_between_messages_of_a_busy_input(
    shutdown: ShutdownSignal,
) -> None:
    ticks: list[int] = []
    listener = Listener(shutdown, lambda: 0.0, lambda: ticks.append(1))
    data = "".join(record(n) + "\n" for n in range(100)).encode()

    with pipe_of(data) as source:
        listener.read(source)

    assert len(ticks) >= 100


def test_a_signal_ends_the_wait_for_a_silent_input(shutdown: ShutdownSignal) -> None:
    reader, writer = os.pipe()
    threading.Timer(0.05, shutdown.set, [15]).start()

    with open(reader, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        Listener(shutdown).read(source)

    assert shutdown.is_set
    os.close(writer)


def test_a_signal_stops_between_two_messages(shutdown: ShutdownSignal) -> None:
    listener = Listener(shutdown)
    data = "".join(record(n) + "\n" for n in range(10)).encode()

    with pipe_of(data) as source:
        listener.read(
            source,
            lambda message: shutdown.set(15) if message["record"]["v"] == 3 else None,
        )

    assert len(listener.messages) == 4
    assert listener.reader.line_number == 4


def test_a_cut_line_behind_a_signal_is_no_error(shutdown: ShutdownSignal) -> None:
    listener = Listener(shutdown)

    with pipe_of(record(1).encode() + b'\n{"type":"REC') as source:
        listener.read(source, lambda _message: shutdown.set(15))

    assert len(listener.messages) == 1


@pytest.mark.parametrize(
    "error", [UnexpectedResponseError("x"), OSError(28, "disk full")]
)
def test_what_a_callback_raises_passes_through(
    error: Exception, shutdown: ShutdownSignal
) -> None:
    def fail(_message: dict[str, Any]) -> None:
        raise error

    with pipe_of(record(1).encode() + b"\n") as source, pytest.raises(type(error)):
        Listener(shutdown).read(source, fail)


def test_what_a_tick_raises_passes_through(shutdown: ShutdownSignal) -> None:
    def fail() -> None:
        raise OSError(28, "disk full")

    with (
        pipe_of(record(1).encode() + b"\n") as source,
        pytest.raises(OSError, match="disk"),
    ):
        Listener(shutdown, lambda: 0.0, fail).read(source)
