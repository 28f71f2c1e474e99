"""Singer messages from standard input.

Reading never blocks past the deadline of the next drain, even if the input is silent,
and a signal stops it between two messages. Errors give the line number and never quote
the line.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections import Counter
from decimal import Decimal, DecimalException
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
from singer_sdk.singerlib.encoding.base import GenericSingerReader
from typing_extensions import override

from singer_kit.errors import ShutdownRequestedError
from singer_kit.text import BOM, encoding_problem

from .errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from singer_kit.shutdown import ShutdownSignal

    Callbacks = dict[str, Callable[["Message"], None]]

Message = dict[str, Any]

CHUNK_BYTES = 1 << 16  # Default capacity of a Linux pipe.
MAX_LINE_BYTES = 1 << 26  # An endless line would exhaust memory.
QUIET_SECONDS = 0.15  # A tap silent for this long is waiting or done.
MAX_DISCARD_SECONDS = 5.0

# Any of these may stand in place of a schema's properties.
OPEN_SCHEMA = frozenset(
    {"$ref", "allOf", "anyOf", "oneOf", "additionalProperties", "patternProperties"}
)

# Decimals keep every digit of 0.1 or 12345678901234567890.5.
_decoder = msgspec.json.Decoder(float_hook=Decimal)


class InvalidMessageError(ValueError):
    """A line is not a Singer message. The text says why, without quoting the line."""


class EncodingError(InvalidMessageError):
    """A line is not UTF-8. The text says what to do."""


class LineBuffer:
    """Splits chunks of bytes into lines; a line may span any number of chunks."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.pending = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add a chunk; return the lines it completes, without newlines."""
        *ended, tail = chunk.split(b"\n")
        if ended:
            ended[0] = b"".join([*self._parts, ended[0]])
            self._parts, self.pending = [], 0
        if tail:
            self._parts.append(tail)
            self.pending += len(tail)
        return ended

    def rest(self) -> bytes:
        """Return the bytes after the last newline."""
        return b"".join(self._parts)


class TimedReader(GenericSingerReader[str]):
    """The SDK's message reader, with a deadline that also applies to silent input.

    Everything runs on the calling thread. Errors of the callbacks propagate.

    Args:
        shutdown: stops reading between two messages.
        deadline: returns the seconds until `tick` is due; None if it is not needed.
        tick: called between two messages when it is due.
    """

    def __init__(
        self,
        shutdown: ShutdownSignal,
        *,
        deadline: Callable[[], float | None],
        tick: Callable[[], None],
    ) -> None:
        super().__init__()
        self._shutdown = shutdown
        self._deadline = deadline
        self._tick = tick
        self.line_number = 0
        self._is_truncated = False

    @property
    @override
    def default_input(self) -> IO[str]:
        return sys.stdin

    @override
    def process_lines(
        self, file_input: IO[str] | None, callbacks: Callbacks
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        for numbered in self._numbered(file_input or self.default_input):
            line = _without_mark(numbered)
            if line and not line.isspace():
                message = self.deserialize_json(line)
                self._callback(callbacks, message)(message)
                counts[message["type"]] += 1
            self._tick_if_due()
            if self._shutdown.is_set:
                break
        return counts

    @override
    def deserialize_json(self, line: bytes | str) -> Message:
        try:
            return read_message(line)
        except EncodingError as error:
            raise InputError(f"Line {self.line_number} of the input {error}.") from None
        except InvalidMessageError as error:
            why = f"{error}; the program that writes it must send Singer messages"
            if self._is_truncated:
                why = "is cut off: the program that writes it stopped in the middle"
            raise InputError(f"Line {self.line_number} of the input {why}.") from None

    @override
    def assert_line_requires(  # type: ignore[override]  # adds the line number
        self, line_dict: Message, requires: set[str]
    ) -> None:
        missing = ", ".join(sorted(requires.difference(line_dict)))
        if missing:
            raise InputError(f"Line {self.line_number} of the input lacks: {missing}.")

    def _callback(
        self, callbacks: Callbacks, message: Message
    ) -> Callable[[Message], None]:
        callback = callbacks.get(message["type"])
        if callback is None:
            known = ", ".join(sorted(str(getattr(k, "value", k)) for k in callbacks))
            raise InputError(
                f"Line {self.line_number} of the input has a type other than {known}."
            )
        return callback

    def _numbered(self, source: IO[str] | None) -> Iterator[bytes | str]:
        if source is None:
            raise InputError("There is no input: standard input is closed.")
        descriptor = _descriptor(source)
        lines: Iterable[bytes | str]
        lines = source if descriptor is None else self._lines(descriptor)
        self.line_number = 0
        self._is_truncated = False
        for line in lines:
            self.line_number += 1
            yield line

    def _lines(self, descriptor: int) -> Iterator[bytes]:
        buffer = LineBuffer()
        while chunk := self._chunk(descriptor):
            yield from buffer.feed(chunk)
            if buffer.pending > MAX_LINE_BYTES:
                raise InputError(
                    f"Line {self.line_number + 1} of the input is longer than"
                    f" {MAX_LINE_BYTES >> 20} MiB."
                )
        if buffer.pending and not self._shutdown.is_set:
            self._is_truncated = True
            yield buffer.rest()

    def _chunk(self, descriptor: int) -> bytes:
        """Read available bytes; return b"" at the end of input or after a signal."""
        while not self._shutdown.is_set:
            self._tick_if_due()
            try:
                if self._shutdown.wait_for(descriptor, self._seconds_left()):
                    return os.read(descriptor, CHUNK_BYTES)
            except ShutdownRequestedError:
                break
            except BlockingIOError:
                continue  # Another process read from the same pipe.
            except OSError as error:
                raise InputError(
                    f"The input cannot be read: {error.strerror}."
                ) from None
        return b""

    def _seconds_left(self) -> float | None:
        seconds = self._deadline()
        return None if seconds is None else max(0.0, seconds)

    def _tick_if_due(self) -> None:
        seconds = self._deadline()
        if seconds is not None and seconds <= 0:
            self._tick()


def read_message(line: bytes | str) -> Message:
    """Decode one line of JSON to a message that has a type.

    Raises:
        InvalidMessageError: when it is not one; the text completes "Line 7 …".
    """
    try:
        message = _decoder.decode(line)
    except RecursionError:
        raise InvalidMessageError("is nested too deeply") from None
    except (ValueError, DecimalException):
        problem = encoding_problem(line) if isinstance(line, bytes) else None
        if problem:
            raise EncodingError(problem) from None
        raise InvalidMessageError("is not JSON") from None
    if not isinstance(message, dict):
        raise InvalidMessageError("is JSON, but not an object")
    if not isinstance(message.get("type"), str):
        raise InvalidMessageError("has no type")
    return message


def _without_mark(line: bytes | str) -> bytes | str:
    """Remove a byte order mark, which each of several concatenated files can have."""
    return line.removeprefix(BOM) if isinstance(line, bytes) else line.lstrip("\ufeff")


# Validation of messages, by type.


def check_schema(message: Message) -> None:
    """Check that a SCHEMA has a stream, properties and a list of key names.

    A schema that composes others, or that allows any field, needs no properties. What
    else it states is not checked, as the mapping validates the records.

    Raises:
        InputError: when it does not.
    """
    stream = _stream(message)
    schema = message.get("schema")
    if not isinstance(schema, dict) or not (
        isinstance(schema.get("properties"), dict) or OPEN_SCHEMA & schema.keys()
    ):
        raise InputError(f"The SCHEMA of stream {stream} has no properties.")
    keys = message.get("key_properties") or []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise InputError(
            f"The key_properties of stream {stream} are not a list of names."
        )


def check_record(message: Message) -> None:
    """Check that a RECORD has a stream, a record and, if any, an integer version.

    Raises:
        InputError: when it does not.
    """
    stream = _stream(message)
    if not isinstance(message.get("record"), dict):
        raise InputError(f"A RECORD of stream {stream} has no record.")
    version = message.get("version")
    if version is not None and not _is_version(version):
        raise InputError(
            f"A RECORD of stream {stream} has a version that is not an integer."
        )


def check_version(message: Message) -> None:
    """Check that an ACTIVATE_VERSION has a stream and an integer version.

    Raises:
        InputError: when it does not.
    """
    stream = _stream(message)
    if not _is_version(message.get("version")):
        raise InputError(f"An ACTIVATE_VERSION of stream {stream} names no version.")


def check_state(message: Message) -> None:
    """Check that a STATE has a value. It is the tap's own and can be any JSON.

    Raises:
        InputError: when it has none.
    """
    if "value" not in message:
        raise InputError("A STATE message has no value.")


def _stream(message: Message) -> str:
    stream = message.get("stream")
    if not isinstance(stream, str) or not stream:
        raise InputError(f"A {message.get('type')} message names no stream.")
    return stream


def _is_version(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, int) and not isinstance(value, bool)


# The input.


def open_input(path: str) -> IO[str]:
    """Open the file that `--input` names.

    Raises:
        InputError: when it cannot be opened.
    """
    try:
        return Path(path).open(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is not a possible file name"
        raise InputError(f"The input {path} cannot be read: {why}.") from None


# Exiting before the end of the input.


def discard_input(
    file_input: IO[str] | None,
    shutdown: ShutdownSignal,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Discard a pipe's input until it ends, falls silent, or five seconds pass.

    If a loader exits while Meltano is writing to it, Meltano logs a long traceback
    after our one-line error. Between two writes it does not.

    Args:
        file_input: the input; None for standard input. Only pipes and sockets are read.
        shutdown: stops discarding at once.
        clock: returns monotonic seconds.
    """
    descriptor = _pipe_descriptor(sys.stdin if file_input is None else file_input)
    end = clock() + MAX_DISCARD_SECONDS
    while descriptor is not None and clock() < end:
        try:
            if not shutdown.wait_for(descriptor, QUIET_SECONDS):
                return
            if not os.read(descriptor, CHUNK_BYTES):
                return
        except (OSError, ShutdownRequestedError):
            return


def _descriptor(source: IO[str]) -> int | None:
    """Return the input's file descriptor; None for an in-memory stream."""
    try:
        return source.fileno()
    except (AttributeError, OSError):
        return None


def _pipe_descriptor(source: IO[str] | None) -> int | None:
    """Return the descriptor of a pipe or socket; None for any other input."""
    try:
        descriptor = None if source is None else source.fileno()
        mode = 0 if descriptor is None else os.fstat(descriptor).st_mode
    except (OSError, ValueError):  # In memory, or closed.
        return None
    return descriptor if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else None
