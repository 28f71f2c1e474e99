"""Where records go: whole lines of them, a page's at once."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform
from singer_sdk.singerlib import ActivateVersionMessage
from typing_extensions import override

from .errors import OutputError
from .stream_maps import mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib import Message

    from .state import Place

Record = dict[str, Any]


class Outlet(Protocol):
    """Where records go, as far as a pass must know of it."""

    def write(self, records: Sequence[Record], *, version: int | None = None) -> None:
        """Write records, of a version if they have one."""
        ...

    def checkpoint(self, place: Place) -> None:
        """Write the state: all that it covers is written."""
        ...

    def activate(self, version: int) -> None:
        """Say that whoever has no record of this version is no member any more."""
        ...


class LineWriter(MsgSpecWriter):
    """Writes Singer messages, and lines of them that are ready."""

    @override
    def write_message(self, message: Message) -> None:
        self.write_lines(self.format_message(message))

    def write_lines(self, lines: bytes | bytearray) -> None:
        """Write whole lines to stdout.

        Raises:
            OutputError: when nobody reads there any more, or its disk is full.
        """
        try:
            sys.stdout.buffer.write(lines)
            sys.stdout.flush()
        except BrokenPipeError:
            raise OutputError(
                "Whoever reads the tap's output ended first; its own last lines tell"
                " why. The next run goes on from the last state that it confirmed."
            ) from None
        except OSError as error:
            raise OutputError(
                f"The tap's output cannot be written ({error.strerror}): make room"
                " where it goes. The next run goes on from the last whole state in it."
            ) from None


class StreamOutlet:
    """Writes a stream's records through its stream maps.

    The SDK's own way makes, checks and flushes one message at a time, which costs
    more than all the rest of a record's way.
    """

    def __init__(
        self,
        writer: LineWriter,
        maps: Sequence[StreamMap],
        *,
        keep: Callable[[Place], None],
        count: Callable[[int], None],
    ) -> None:
        self._writer = writer
        self._maps = [m for m in maps if not isinstance(m, RemoveRecordTransform)]
        self._is_plain = len(self._maps) == 1 and _is_plain(self._maps[0])
        self._keep = keep
        self._count = count

    def write(self, records: Sequence[Record], *, version: int | None = None) -> None:
        """Write a page's records."""
        if records:
            beside: Record = {} if version is None else {"version": version}
            beside["time_extracted"] = datetime.now(timezone.utc).isoformat()
            messages = list(self._messages(records, beside))
            self._writer.write_lines(encoder.encode_lines(messages))
            self._count(len(records))

    def checkpoint(self, place: Place) -> None:
        """Write the state."""
        self._keep(place)

    def activate(self, version: int) -> None:
        """Activate a version, in every stream that the maps make of this one."""
        for each in self._maps:
            message = ActivateVersionMessage(stream=each.stream_alias, version=version)
            self._writer.write_message(message)

    def _messages(self, records: Iterable[Record], beside: Record) -> Iterator[Record]:
        if self._is_plain:
            [way] = self._maps
            head: Record = {"type": "RECORD", "stream": way.stream_alias}
            yield from ({**head, "record": record, **beside} for record in records)
            return
        for record in records:
            for way in self._maps:
                made = mapped(way, record)
                if made is not None:
                    head = {"type": "RECORD", "stream": way.stream_alias}
                    yield {**head, "record": made, **beside}


def _is_plain(way: StreamMap) -> bool:
    return isinstance(way, SameRecordTransform) and not way.flattening_enabled
