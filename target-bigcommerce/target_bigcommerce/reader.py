"""Reads messages while a clock ticks, and stops between two of them on a signal."""

from __future__ import annotations

import os
import select
import sys
from collections import Counter
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.singerlib.encoding.base import GenericSingerReader
from typing_extensions import override

from target_bigcommerce.errors import InputError

from .lines import Lines, NotAMessageError, read_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_bigcommerce.interrupt import Interrupt

CHUNK_BYTES = 1 << 16  # What a pipe holds.
LONGEST_LINE_BYTES = 1 << 26  # A line without an end would fill the memory.


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the target wants to happen while the input is read.

    Args:
        deadline: seconds from now until the next tick; None for no tick.
        tick: called when the deadline is reached, between two messages.
        interrupt: ends the reading between two messages.
    """

    deadline: Callable[[], float | None]
    tick: Callable[[], None]
    interrupt: Interrupt


class TimedReader(GenericSingerReader[str]):
    """The SDK's reader of messages, except that a silent input does not block it.

    All happens on the calling thread. What the callbacks raise passes through.
    """

    hooks: Hooks | None = None

    def __init__(self) -> None:
        super().__init__()
        self.line_number = 0
        self.longest_line_bytes = LONGEST_LINE_BYTES
        self._is_cut = False

    @property
    @override
    def default_input(self) -> IO[str]:
        return sys.stdin

    @override
    def process_lines(
        self,
        file_input: IO[str] | None,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        for line in self._numbered(file_input or self.default_input):
            if not _is_blank(line):
                message = self.deserialize_json(line)
                self._callback(callbacks, message)(message)
                counts[message["type"]] += 1
            self._tick_if_due()
            if self._is_interrupted:
                break
        return counts

    @override
    def deserialize_json(self, line: bytes | str) -> dict[str, Any]:
        try:
            return read_message(line)
        except NotAMessageError as error:
            why = f"{error}; the program before this one has to send Singer messages"
            if self._is_cut:
                why = "is cut off: the program before this one stopped within it"
            raise InputError(f"Line {self.line_number} of the input {why}.") from None

    @override
    def assert_line_requires(  # type: ignore[override]  # the number is the reader's
        self, line_dict: dict[str, Any], requires: set[str]
    ) -> None:
        missing = ", ".join(sorted(requires.difference(line_dict)))
        if missing:
            raise InputError(f"Line {self.line_number} of the input lacks: {missing}.")

    def _callback(
        self,
        callbacks: dict[str, Callable[[dict[str, Any]], None]],
        message: dict[str, Any],
    ) -> Callable[[dict[str, Any]], None]:
        callback = callbacks.get(message["type"])
        if callback is None:
            known = ", ".join(sorted(str(getattr(k, "value", k)) for k in callbacks))
            raise InputError(
                f"Line {self.line_number} of the input is of a type that is none of"
                f" {known}."
            )
        return callback

    def _numbered(self, source: IO[str] | None) -> Iterator[bytes | str]:
        if source is None:
            raise InputError("There is no input: standard input is closed.")
        descriptor = _descriptor(source)
        lines: Iterable[bytes | str]
        lines = source if descriptor is None else self._lines(descriptor)
        self.line_number = 0
        self._is_cut = False
        for line in lines:
            self.line_number += 1
            yield line

    def _lines(self, descriptor: int) -> Iterator[bytes]:
        lines = Lines()
        while chunk := self._chunk(descriptor):
            yield from lines.feed(chunk)
            if lines.pending > self.longest_line_bytes:
                raise InputError(
                    f"Line {self.line_number + 1} of the input is longer than"
                    f" {self.longest_line_bytes >> 20} MiB."
                )
        if lines.pending and not self._is_interrupted:
            self._is_cut = True
            yield lines.rest()

    def _chunk(self, descriptor: int) -> bytes:
        """Read what is there; nothing at the end or when a stop is wished for."""
        while not self._is_interrupted:
            self._tick_if_due()
            try:
                if self._is_ready(descriptor):
                    return os.read(descriptor, CHUNK_BYTES)
            except BlockingIOError:
                continue  # Another reader of the same pipe was quicker.
            except OSError as error:
                why = error.strerror
                raise InputError(f"The input cannot be read: {why}.") from None
        return b""

    def _is_ready(self, descriptor: int) -> bool:
        """Wait until the input, a signal or the deadline comes."""
        if self.hooks is None:
            return True
        seconds = self.hooks.deadline()
        wait = None if seconds is None else max(0.0, seconds)
        watched = [descriptor, self.hooks.interrupt.fileno()]
        ready, _, _ = select.select(watched, [], [], wait)
        return descriptor in ready and not self._is_interrupted

    @property
    def _is_interrupted(self) -> bool:
        return self.hooks is not None and self.hooks.interrupt.is_set

    def _tick_if_due(self) -> None:
        if self.hooks is None:
            return
        seconds = self.hooks.deadline()
        if seconds is not None and seconds <= 0:
            self.hooks.tick()


def _descriptor(source: IO[str]) -> int | None:
    """The input's file descriptor; None for one that lives in memory."""
    try:
        return source.fileno()
    except (AttributeError, OSError):
        return None


def _is_blank(line: bytes | str) -> bool:
    return not line or line.isspace()
