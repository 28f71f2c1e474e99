"""Leaving the input: what was written to it is taken, and none is waited for."""

from __future__ import annotations

import io
import os
import tempfile
from typing import IO, TYPE_CHECKING

import pytest

from target_bigcommerce.reader import (
    CHUNK_BYTES,
    MAX_DISCARD_SECONDS,
    discard_input,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_kit.shutdown import ShutdownSignal


@pytest.fixture
def pipe() -> Iterator[tuple[IO[str], IO[bytes]]]:
    """An input, and the end to which another process would write."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "wb", 0) as writer:
        yield source, writer


def test_all_that_was_written_is_taken(
    pipe: tuple[IO[str], IO[bytes]], shutdown: ShutdownSignal
) -> None:
    source, writer = pipe
    writer.write(b"{}\n" * 1000)
    writer.close()

    discard_input(source, shutdown)

    assert os.read(source.fileno(), 1) == b""


def test_a_writer_that_pauses_is_not_waited_for(
    pipe: tuple[IO[str], IO[bytes]], shutdown: ShutdownSignal
) -> None:
    source, writer = pipe
    writer.write(b"{}\n")

    discard_input(source, shutdown)

    os.set_blocking(source.fileno(), False)
    with pytest.raises(BlockingIOError):
        os.read(source.fileno(), 1)


def test_a_writer_that_never_ends_is_left_all_the_same(
    pipe: tuple[IO[str], IO[bytes]], shutdown: ShutdownSignal
) -> None:
    source, writer = pipe
    writer.write(b"x" * CHUNK_BYTES)
    times = iter([0.0, MAX_DISCARD_SECONDS])

    discard_input(source, shutdown, clock=lambda: next(times))

    assert os.read(source.fileno(), 1) == b"x"


def test_a_signal_ends_it_at_once(
    pipe: tuple[IO[str], IO[bytes]], shutdown: ShutdownSignal
) -> None:
    source, writer = pipe
    writer.write(b"{}\n")
    shutdown.set(15)

    discard_input(source, shutdown)

    assert os.read(source.fileno(), 1) == b"{"


def test_what_no_other_process_writes_is_left_as_it_is(
    shutdown: ShutdownSignal,
) -> None:
    memory = io.StringIO("{}\n")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.write("{}\n")
        file.seek(0)

        discard_input(file, shutdown)
        discard_input(memory, shutdown)

        assert file.read() == memory.read() == "{}\n"


def test_an_input_that_is_closed_does_no_harm(shutdown: ShutdownSignal) -> None:
    closed = io.StringIO()
    closed.close()

    discard_input(closed, shutdown)
