"""The reader makes messages of bytes in any pieces, or one clear error."""

from __future__ import annotations

import io
import os
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.reader import Listener, pipe_of, record
from target_bigcommerce.errors import InputError
from target_bigcommerce.reader import TimedReader, read_message

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from singer_kit.shutdown import ShutdownSignal

SECRET = "ann@example.com"
BAD_LINES = {
    "not JSON": b'{"type": "RECORD", "record": {"email": "ann@example.com"',
    "NaN": b'{"type":"RECORD","record":{"v":NaN,"email":"ann@example.com"}}',
    "a number": b"17",
    "a list": b'["ann@example.com"]',
    "no type": b'{"email":"ann@example.com"}',
    "type no text": b'{"type":17,"email":"ann@example.com"}',
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
def test_a_bad_line_is_named_by_its_number_and_never_quoted(line: bytes) -> None:
    listener = Listener()
    data = record("good").encode() + b"\n\n" + line + b"\n" + record("late").encode()

    with pipe_of(data) as source, pytest.raises(InputError) as caught:
        listener.read(source)

    assert str(caught.value).startswith("Line 3 of the input ")
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(listener.messages) == 1


def test_a_line_that_was_cut_off_is_said_to_be() -> None:
    with (
        pipe_of(b'{"type":"STATE","value":1}\n{"type":"RECO') as source,
        pytest.raises(InputError, match=r"^Line 2 of the input is cut off"),
    ):
        Listener().read(source)


def test_a_last_line_without_newline_is_read() -> None:
    listener = Listener()

    with pipe_of(b'{"type":"STATE","value":1}\n{"type":"STATE","value":2}') as source:
        counts = listener.read(source)

    assert counts == {"STATE": 2}


def test_blank_lines_and_carriage_returns_do_no_harm() -> None:
    listener = Listener()

    with pipe_of(b'\r\n  \n{"type":"STATE","value":1}\r\n\n') as source:
        counts = listener.read(source)

    assert counts == {"STATE": 1}


def test_a_duplicate_key_counts_the_last_time() -> None:
    assert read_message(b'{"type":"A","v":1,"v":2}') == {"type": "A", "v": 2}


@pytest.mark.guarantee("hostile-input")
def test_a_line_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    listener = Listener()

    with (
        pipe_of(*[b"x" * (1 << 22)] * 17) as source,
        pytest.raises(InputError, match=r"^Line 1 of the input is longer than 64 MiB"),
    ):
        listener.read(source)


def test_files_are_read(tmp_path: Path, shutdown: ShutdownSignal) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text("\n".join(record(n) for n in range(5000)), encoding="utf-8")
    listener = Listener(shutdown)

    with path.open(encoding="utf-8") as source:
        counts = listener.read(source)

    assert counts == {"RECORD": 5000}


def test_a_terminal_is_read(shutdown: ShutdownSignal) -> None:
    inside, outside = os.openpty()
    os.write(inside, record("typed").encode() + b"\n\x04")
    listener = Listener(shutdown)

    with open(outside, "rb", buffering=0) as source:  # noqa: PTH123 - a descriptor
        listener.read(source)

    os.close(inside)
    assert listener.messages[0]["record"] == {"v": "typed"}


@pytest.mark.parametrize("make", [io.StringIO, lambda text: io.BytesIO(text.encode())])
def test_input_that_lives_in_memory_is_read_and_ticks(
    make: Callable[[str], IO[Any]], shutdown: ShutdownSignal
) -> None:
    ticks: list[int] = []
    listener = Listener(shutdown, lambda: 0.0, lambda: ticks.append(1))

    listener.read(make(record(1) + "\n" + record(2)))

    assert len(listener.messages) == 2
    assert len(ticks) == 2


def test_no_standard_input_is_one_clear_error(shutdown: ShutdownSignal) -> None:
    class Closed(TimedReader):
        default_input = None  # type: ignore[assignment]  # as Python has it then

    reader = Closed(shutdown, deadline=lambda: None, tick=lambda: None)

    with pytest.raises(InputError, match="standard input is closed"):
        reader.process_lines(None, {})


def test_a_folder_as_input_is_one_clear_error(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)

    class Folder(io.StringIO):
        def fileno(self) -> int:
            return descriptor

    with pytest.raises(InputError, match="cannot be read"):
        Listener().read(Folder())

    os.close(descriptor)


def test_a_missing_key_is_named_without_the_line() -> None:
    reader = Listener().reader
    reader.line_number = 12

    with pytest.raises(InputError) as caught:
        reader.assert_line_requires({"record": {"email": SECRET}}, {"stream", "record"})

    assert str(caught.value) == "Line 12 of the input lacks: stream."


@given(
    values=st.lists(st.text()),
    cuts=st.lists(st.integers(0, 300)),
    ends=st.booleans(),
)
def test_any_text_split_anywhere_arrives_as_it_left(
    values: list[str], cuts: list[int], *, ends: bool
) -> None:
    data = "\n".join(map(record, values)).encode() + (b"\n" if ends else b"")
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(places) if a < b]
    listener = Listener()

    with pipe_of(*pieces) as source:
        listener.read(source)

    assert [message["record"]["v"] for message in listener.messages] == values
