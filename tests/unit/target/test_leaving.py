"""Leaving the input: what was written to it is taken, and nobody is waited for."""

from __future__ import annotations

import io
import os
import tempfile
from typing import IO, TYPE_CHECKING

import pytest

from target_bigcommerce.messages.leaving import CHUNK_BYTES, LONGEST_SECONDS, leave

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_bigcommerce.interrupt import Interrupt


@pytest.fixture
def pipe() -> Iterator[tuple[IO[str], IO[bytes]]]:
    """An input, and the end to which another process would write."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as source, os.fdopen(writing, "wb", 0) as writer:
        yield source, writer


def test_all_that_was_written_is_taken(
    pipe: tuple[IO[str], IO[bytes]], interrupt: Interrupt
) -> None:
    source, writer = pipe
    writer.write(b"{}\n" * 1000)
    writer.close()

    leave(source, interrupt)

    assert os.read(source.fileno(), 1) == b""


def test_a_writer_that_pauses_is_not_waited_for(
    pipe: tuple[IO[str], IO[bytes]], interrupt: Interrupt
) -> None:
    source, writer = pipe
    writer.write(b"{}\n")

    leave(source, interrupt, quiet_seconds=0)

    os.set_blocking(source.fileno(), False)
    with pytest.raises(BlockingIOError):
        os.read(source.fileno(), 1)


def test_a_writer_that_never_ends_is_left_all_the_same(
    pipe: tuple[IO[str], IO[bytes]], interrupt: Interrupt
) -> None:
    source, writer = pipe
    writer.write(b"x" * CHUNK_BYTES)
    times = iter([0.0, LONGEST_SECONDS])

    leave(source, interrupt, clock=lambda: next(times))

    assert os.read(source.fileno(), 1) == b"x"


def test_a_signal_ends_it_at_once(
    pipe: tuple[IO[str], IO[bytes]], interrupt: Interrupt
) -> None:
    source, writer = pipe
    writer.write(b"{}\n")
    interrupt.set(15)

    leave(source, interrupt)

    assert os.read(source.fileno(), 1) == b"{"


def test_what_no_other_process_writes_is_left_as_it_is(interrupt: Interrupt) -> None:
    memory = io.StringIO("{}\n")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.write("{}\n")
        file.seek(0)

        leave(file, interrupt)
        leave(memory, interrupt)

        assert file.read() == memory.read() == "{}\n"


def test_an_input_that_is_closed_does_no_harm(interrupt: Interrupt) -> None:
    closed = io.StringIO()
    closed.close()

    leave(closed, interrupt)
