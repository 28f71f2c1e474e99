"""The reader turns bytes into messages, or into one clear error."""

from __future__ import annotations

import io
import os
import tempfile
from decimal import Decimal
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import UnexpectedResponseError
from support.reader import Listener, pipe_of, record
from target_bigcommerce.errors import InputError
from target_bigcommerce.reader import (
    CHUNK_BYTES,
    MAX_DISCARD_SECONDS,
    InvalidMessageError,
    LineBuffer,
    TimedReader,
    discard_input,
    read_message,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from singer_kit.shutdown import ShutdownSignal


STATE = b'{"type":"STATE","value":1}'
SECRET = "ann@example.com"
BAD_LINES = {
    "not JSON": b'{"type": "RECORD", "record": {"email": "ann@example.com"',
    "NaN": b'{"type":"RECORD","record":{"v":NaN,"email":"ann@example.com"}}',
    "a number": b"17",
    "a list": b'["ann@example.com"]',
    "no type": b'{"email":"ann@example.com"}',
    "type not text": b'{"type":17,"email":"ann@example.com"}',
    "unknown type": b'{"type":"ann@example.com"}',
    "not UTF-8": b'{"type":"RECORD","v":"\xff ann@example.com"}',
    "half a surrogate": b'{"type":"RECORD","v":"\\ud800 ann@example.com"}',
    "deep": b'{"type":"RECORD","v":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge exponent": b'{"type":"RECORD","v":1e99999999999999999999}',
    "huge integer": b'{"type":"RECORD","v":' + b"1" * 5000 + b"}",
    "text after it": b'{"type":"RECORD"} ann@example.com',
    "null bytes": b"\x00\x00",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_bad_line_is_named_by_number_not_quoted(line: bytes) -> None:
    listener = Listener()
    data = record("good").encode() + b"\n\n" + line + b"\n" + record("late").encode()

    with pipe_of(data) as source, pytest.raises(InputError) as caught:
        listener.read(source)

    assert str(caught.value).startswith("Line 3 of the input ")
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(listener.messages) == 1


def test_cut_off_line_is_an_error() -> None:
    with (
        pipe_of(STATE + b'\n{"type":"RECO') as source,
        pytest.raises(InputError, match=r"^Line 2 of the input is cut off"),
    ):
        Listener().read(source)


@pytest.mark.parametrize(
    "data", [STATE + b"\n" + STATE, b"\r\n  \n" + STATE + b"\r\n\n" + STATE + b"\r\n"]
)
def test_line_ends_may_vary(data: bytes) -> None:
    with pipe_of(data) as source:
        counts = Listener().read(source)

    assert counts == {"STATE": 2}


def test_line_in_pieces_is_read() -> None:
    listener = Listener()
    line = record("Zoë\u2028\x85🎉").encode()

    with pipe_of(*(line[at : at + 1] for at in range(len(line)))) as source:
        listener.read(source)

    assert [m["record"]["v"] for m in listener.messages] == ["Zoë\u2028\x85🎉"]


def test_last_duplicate_key_wins() -> None:
    assert read_message(b'{"type":"A","v":1,"v":2}') == {"type": "A", "v": 2}


@pytest.mark.guarantee("hostile-input")
def test_endless_line_is_refused() -> None:
    with (
        pipe_of(*[b"x" * (1 << 22)] * 17) as source,
        pytest.raises(InputError, match=r"^Line 1 of the input is longer than 64 MiB"),
    ):
        Listener().read(source)


def test_file_is_read(tmp_path: Path, shutdown: ShutdownSignal) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text("\n".join(record(n) for n in range(5000)), encoding="utf-8")
    listener = Listener(shutdown)

    with path.open(encoding="utf-8") as source:
        counts = listener.read(source)

    assert counts == {"RECORD": 5000}


def test_terminal_is_read(shutdown: ShutdownSignal) -> None:
    inside, outside = os.openpty()
    os.write(inside, record("typed").encode() + b"\n\x04")
    listener = Listener(shutdown)

    with open(outside, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        listener.read(source)

    os.close(inside)
    assert listener.messages[0]["record"] == {"v": "typed"}


@pytest.mark.parametrize("make", [io.StringIO, lambda text: io.BytesIO(text.encode())])
def test_input_in_memory_is_read(
    make: Callable[[str], IO[Any]], shutdown: ShutdownSignal
) -> None:
    ticks: list[int] = []
    listener = Listener(shutdown, lambda: 0.0, lambda: ticks.append(1))

    listener.read(make(record(1) + "\n" + record(2)))

    assert len(listener.messages) == 2
    assert len(ticks) == 2


def test_closed_stdin_is_an_error(shutdown: ShutdownSignal) -> None:
    class Closed(TimedReader):
        default_input = None  # type: ignore[assignment]  # as sys.stdin is then

    reader = Closed(shutdown, deadline=lambda: None, tick=lambda: None)

    with pytest.raises(InputError, match="standard input is closed"):
        reader.process_lines(None, {})


def test_folder_as_input_is_an_error(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)

    class Folder(io.StringIO):
        def fileno(self) -> int:
            return descriptor

    with pytest.raises(InputError, match="cannot be read"):
        Listener().read(Folder())

    os.close(descriptor)


def test_missing_key_is_named_without_the_line() -> None:
    reader = Listener().reader
    reader.line_number = 12

    with pytest.raises(InputError) as caught:
        reader.assert_line_requires({"record": {"email": SECRET}}, {"stream", "record"})

    assert str(caught.value) == "Line 12 of the input lacks: stream."


# Lines.


@given(st.binary(), st.lists(st.integers(0, 200)))
def test_chunk_edges_do_not_change_the_lines(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    lines, found = LineBuffer(), []

    for start, end in pairwise(edges):
        found += lines.feed(data[start:end])

    assert [*found, lines.rest()] == data.split(b"\n")
    assert lines.pending == len(lines.rest())


@pytest.mark.parametrize(
    "number",
    ["0.1", "12345678901234567890.5", "1E+400", "123456789012345678901234567890"],
)
def test_numbers_are_exact(number: str) -> None:
    message = read_message('{"type":"RECORD","v":' + number + "}")

    assert Decimal(message["v"]) == Decimal(number)


@given(st.binary())
def test_any_bytes_are_a_message_or_an_error(line: bytes) -> None:
    try:
        message = read_message(line)
    except InvalidMessageError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is right
    else:
        assert isinstance(message["type"], str)


# Timers and signals.


def test_tick_runs_while_the_input_is_silent(shutdown: ShutdownSignal) -> None:
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


def test_tick_runs_when_the_deadline_passes(shutdown: ShutdownSignal) -> None:
    reader, writer = os.pipe()
    asked: list[float] = []

    def deadline() -> float:
        asked.append(0.001 if len(asked) < 4 else -1.0)
        return asked[-1]

    def tick() -> None:
        if not shutdown.is_set:
            os.close(writer)
            shutdown.set(15)

    with open(reader, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        Listener(shutdown, deadline, tick).read(source)

    assert asked[-1] == -1.0


def test_tick_runs_between_messages(shutdown: ShutdownSignal) -> None:
    ticks: list[int] = []
    listener = Listener(shutdown, lambda: 0.0, lambda: ticks.append(1))
    data = "".join(record(n) + "\n" for n in range(100)).encode()

    with pipe_of(data) as source:
        listener.read(source)

    assert len(ticks) >= 100


def test_signal_ends_the_wait_for_input(shutdown: ShutdownSignal) -> None:
    reader, writer = os.pipe()
    listener = Listener(shutdown, lambda: shutdown.set(15))

    with open(reader, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        listener.read(source)

    assert listener.messages == []
    os.close(writer)


def test_signal_stops_after_the_current_message(shutdown: ShutdownSignal) -> None:
    listener = Listener(shutdown)
    data = "".join(record(n) + "\n" for n in range(10)).encode()

    with pipe_of(data) as source:
        listener.read(
            source,
            lambda message: shutdown.set(15) if message["record"]["v"] == 3 else None,
        )

    assert len(listener.messages) == 4
    assert listener.reader.line_number == 4


def test_cut_line_after_a_signal_is_ignored(shutdown: ShutdownSignal) -> None:
    listener = Listener(shutdown)

    with pipe_of(record(1).encode() + b'\n{"type":"REC') as source:
        listener.read(source, lambda _message: shutdown.set(15))

    assert len(listener.messages) == 1


@pytest.mark.parametrize(
    "error", [UnexpectedResponseError("x"), OSError(28, "disk full")]
)
def test_error_of_a_callback_is_raised(
    error: Exception, shutdown: ShutdownSignal
) -> None:
    def fail(_message: dict[str, Any]) -> None:
        raise error

    with pipe_of(record(1).encode() + b"\n") as source, pytest.raises(type(error)):
        Listener(shutdown).read(source, fail)


def test_error_of_a_tick_is_raised(shutdown: ShutdownSignal) -> None:
    def fail() -> None:
        raise OSError(28, "disk full")

    with (
        pipe_of(record(1).encode() + b"\n") as source,
        pytest.raises(OSError, match="disk"),
    ):
        Listener(shutdown, lambda: 0.0, fail).read(source)


# Input that is discarded.


@pytest.fixture
def pipe() -> Iterator[tuple[IO[str], IO[bytes]]]:
    """An input, and the end that another process would write to."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "wb", 0) as writer:
        yield source, writer


def test_all_written_input_is_discarded(
    pipe: tuple[IO[str], IO[bytes]], shutdown: ShutdownSignal
) -> None:
    source, writer = pipe
    writer.write(b"{}\n" * 1000)
    writer.close()

    discard_input(source, shutdown)

    assert os.read(source.fileno(), 1) == b""


def test_paused_writer_is_not_awaited(
    pipe: tuple[IO[str], IO[bytes]], shutdown: ShutdownSignal
) -> None:
    source, writer = pipe
    writer.write(b"{}\n")

    discard_input(source, shutdown)

    os.set_blocking(source.fileno(), False)
    with pytest.raises(BlockingIOError):
        os.read(source.fileno(), 1)


def test_endless_writer_is_left_after_a_limit(
    pipe: tuple[IO[str], IO[bytes]], shutdown: ShutdownSignal
) -> None:
    source, writer = pipe
    writer.write(b"x" * CHUNK_BYTES)
    times = iter([0.0, MAX_DISCARD_SECONDS])

    discard_input(source, shutdown, clock=lambda: next(times))

    assert os.read(source.fileno(), 1) == b"x"


def test_signal_ends_discarding(
    pipe: tuple[IO[str], IO[bytes]], shutdown: ShutdownSignal
) -> None:
    source, writer = pipe
    writer.write(b"{}\n")
    shutdown.set(15)

    discard_input(source, shutdown)

    assert os.read(source.fileno(), 1) == b"{"


def test_input_without_a_writer_is_untouched(shutdown: ShutdownSignal) -> None:
    memory = io.StringIO("{}\n")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.write("{}\n")
        file.seek(0)

        discard_input(file, shutdown)
        discard_input(memory, shutdown)

        assert file.read() == memory.read() == "{}\n"


def test_closed_input_is_ignored(shutdown: ShutdownSignal) -> None:
    closed = io.StringIO()
    closed.close()

    discard_input(closed, shutdown)
