"""Writes Singer messages to stdout, a page of records at a time, through stream maps.

The SDK builds, validates and flushes one message at a time, which costs more than all
other work on a record.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform
from singer_sdk.singerlib import ActivateVersionMessage
from typing_extensions import override

from singer_kit.errors import OutputError
from singer_kit.stream_maps import apply_stream_map, apply_to_exit, names_in

from .records import DELETED_AT, TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib import Message

    from singer_kit.stream_maps import MapDefinition

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


class OutputMap:
    """One stream map of a stream, for records of members and of those who left.

    Args:
        stream_map: the map.
        definition: its entry in `stream_maps`; None without one.
        fields: the fields of the stream. A record lacks one if its value did not fit.
    """

    def __init__(
        self,
        stream_map: StreamMap,
        definition: MapDefinition | None,
        *,
        fields: Iterable[str],
    ) -> None:
        self._map = stream_map
        self._definition = definition
        self._fields = frozenset(fields) - {DELETED_AT}
        self.stream = stream_map.stream_alias

    @property
    def is_removed(self) -> bool:
        """Whether the map removes its stream."""
        return isinstance(self._map, RemoveRecordTransform)

    @property
    def keeps_records(self) -> bool:
        """Whether every record stays as it is."""
        is_same = isinstance(self._map, SameRecordTransform)
        return is_same and not self._map.flattening_enabled

    @property
    def drops_exits(self) -> bool:
        """Whether the map removes the mark, so that exits would look like members."""
        given = self._definition
        if given is None or given.uses(DELETED_AT):
            return False
        return given.properties.get(DELETED_AT, DELETED_AT) is None

    def add_mark_to_schema(self) -> None:
        """Add `_sdc_deleted_at` to the schema if only `__else__` excludes it."""
        if self._keeps_mark_itself:
            properties = self._map.transformed_schema.setdefault("properties", {})
            properties.setdefault(DELETED_AT, dict(TIME.schema))

    def apply(self, record: Record) -> Record | None:
        """Map a record; None if it is not written."""
        if not record.get(DELETED_AT):
            return self._apply_to_member(record)
        mapped = apply_to_exit(self._map, record)
        if mapped is not None and self._keeps_mark_itself:
            mapped[DELETED_AT] = record[DELETED_AT]
        return None if self.drops_exits else mapped

    def _apply_to_member(self, record: Record) -> Record | None:
        absent = self._fields - record.keys()
        if not absent:
            return apply_stream_map(self._map, record)
        mapped = apply_stream_map(self._map, dict.fromkeys(absent) | record)
        if mapped is None:
            return None
        given = self._definition.properties if self._definition else {}
        unknown = {n for n, text in given.items() if text and absent & names_in(text)}
        hidden = unknown | (absent - given.keys())
        return {n: v for n, v in mapped.items() if v is not None or n not in hidden}

    @property
    def _keeps_mark_itself(self) -> bool:
        return self._definition is not None and self._definition.keeps_mark


class StreamOutput:
    """Writes one stream's records through its stream maps.

    Args:
        writer: writes the lines.
        maps: the stream's maps.
        write_state: writes the stream's state.
        count: gets the number of records written.
    """

    def __init__(
        self,
        writer: LineWriter,
        maps: Iterable[OutputMap],
        *,
        write_state: Callable[[StreamState], None],
        count: Callable[[int], None],
    ) -> None:
        self._writer = writer
        self._maps = [each for each in maps if not each.is_removed]
        self._is_unmapped = len(self._maps) == 1 and self._maps[0].keeps_records
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
            message = ActivateVersionMessage(stream=each.stream, version=version)
            self._writer.write_message(message)

    def _messages(self, records: Iterable[Record], common: Record) -> Iterator[Record]:
        if self._is_unmapped:
            head: Record = {"type": "RECORD", "stream": self._maps[0].stream}
            yield from ({**head, "record": record, **common} for record in records)
            return
        for record in records:
            for each in self._maps:
                mapped = each.apply(record)
                if mapped is not None:
                    head = {"type": "RECORD", "stream": each.stream}
                    yield {**head, "record": mapped, **common}
