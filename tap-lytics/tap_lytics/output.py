"""Writes Singer messages to stdout, a page of records at a time, through stream maps.

The SDK builds, validates and flushes one message at a time, which costs more than all
other work on a record.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import ActivateVersionMessage
from typing_extensions import override

from singer_kit.errors import OutputError
from singer_kit.stream_maps import apply_stream_map, kept_stream_maps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib import Message

    from .records import Record
    from .state import StreamState


class Output(Protocol):
    """Where a sync writes its records and states."""

    def write(self, records: Sequence[Record], *, version: int | None = None) -> None:
        """Write records, of a version if they have one."""

    def checkpoint(self, state: StreamState) -> None:
        """Write the state. Everything it covers is written."""

    def activate_version(self, version: int) -> None:
        """Report that members without a record of this version have left."""


class LineWriter(MsgSpecWriter):
    """Writes Singer messages, and lines of encoded messages, to stdout."""

    @override
    def write_message(self, message: Message) -> None:
        self.write_lines(self.format_message(message))

    def write_lines(self, lines: bytes | bytearray) -> None:
        """Write whole lines.

        Raises:
            OutputError: when the reader has exited, or the disk is full.
        """
        try:
            sys.stdout.buffer.write(lines)
            sys.stdout.flush()
        except BrokenPipeError:
            raise OutputError(
                "Standard output was closed by the program that reads it; its own last"
                " log lines say why. The next run continues from the last state that it"
                " printed."
            ) from None
        except OSError as error:
            raise OutputError(
                f"Standard output cannot be written: {error.strerror}. Free space at"
                " its destination. The next run continues from the last complete state"
                " in it."
            ) from None


class StreamOutput:
    """Writes one stream's records through its stream maps.

    Args:
        writer: writes the lines.
        stream_maps: the stream's.
        write_state: writes the stream's state.
        count: gets the number of records written.
    """

    def __init__(
        self,
        writer: LineWriter,
        stream_maps: Sequence[StreamMap],
        *,
        write_state: Callable[[StreamState], None],
        count: Callable[[int], None],
    ) -> None:
        self._writer = writer
        self._maps = kept_stream_maps(stream_maps)
        self._is_unmapped = len(self._maps) == 1 and _keeps_records(self._maps[0])
        self._write_state = write_state
        self._count = count

    def write(self, records: Sequence[Record], *, version: int | None = None) -> None:
        """Write a page's records."""
        if records:
            common: Record = {} if version is None else {"version": version}
            common["time_extracted"] = datetime.now(UTC).isoformat()
            messages = list(self._messages(records, common))
            self._writer.write_lines(encoder.encode_lines(messages))
            self._count(len(records))

    def checkpoint(self, state: StreamState) -> None:
        """Write the state."""
        self._write_state(state)

    def activate_version(self, version: int) -> None:
        """Activate a version in every stream that the maps derive from this one."""
        for each in self._maps:
            message = ActivateVersionMessage(stream=each.stream_alias, version=version)
            self._writer.write_message(message)

    def _messages(self, records: Iterable[Record], common: Record) -> Iterator[Record]:
        if self._is_unmapped:
            [stream_map] = self._maps
            head: Record = {"type": "RECORD", "stream": stream_map.stream_alias}
            yield from ({**head, "record": record, **common} for record in records)
            return
        for record in records:
            for stream_map in self._maps:
                mapped = apply_stream_map(stream_map, record)
                if mapped is not None:
                    head = {"type": "RECORD", "stream": stream_map.stream_alias}
                    yield {**head, "record": mapped, **common}


def _keeps_records(stream_map: StreamMap) -> bool:
    is_same = isinstance(stream_map, SameRecordTransform)
    return is_same and not stream_map.flattening_enabled
