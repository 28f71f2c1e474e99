"""A reader that collects its messages, and pipes for it to read."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from singer_kit.shutdown import ShutdownSignal
from target_bigcommerce.reader import TimedReader

if TYPE_CHECKING:
    from collections.abc import Callable


NOTHING_DUE = 1e9
NEVER = ShutdownSignal()  # Nothing sets it.


class Listener:
    """A reader that collects its messages in order."""

    def __init__(
        self,
        shutdown: ShutdownSignal = NEVER,
        deadline: Callable[[], float | None] = lambda: NOTHING_DUE,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self.reader = TimedReader(shutdown, deadline=deadline, tick=tick)
        self.messages: list[dict[str, Any]] = []

    def read(
        self,
        source: IO[Any],
        then: Callable[[dict[str, Any]], None] = lambda _message: None,
    ) -> dict[str, int]:
        """Read to the end and return the counts by message type."""

        def keep(message: dict[str, Any]) -> None:
            self.messages.append(message)
            then(message)

        kinds = ["SCHEMA", "RECORD", "STATE", "ACTIVATE_VERSION", "BATCH"]
        return dict(self.reader.process_lines(source, dict.fromkeys(kinds, keep)))


def record(value: object) -> str:
    """Return the line of a record."""
    return json.dumps({"type": "RECORD", "record": {"v": value}}, ensure_ascii=False)


def pipe_of(*pieces: bytes) -> IO[bytes]:
    """A pipe into which another thread writes the pieces, one by one."""
    reader, writer = os.pipe()

    def feed() -> None:
        # A reader that refuses its input closes the pipe early.
        with suppress(BrokenPipeError), open(writer, "wb", 0) as out:  # noqa: PTH123 - a descriptor
            out.writelines(pieces)

    threading.Thread(target=feed, daemon=True).start()
    return open(reader, "rb", buffering=0)  # noqa: PTH123 - a descriptor
