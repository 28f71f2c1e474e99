"""The records that could not be written, kept for a replay."""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .errors import SettingsError
from .run.files import LineFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO

    from .errors import RecordRejectedError

DIGEST_BYTES = 8
REPLAYED = ("type", "stream", "record", "time_extracted")

_digest_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def utc_now() -> str:
    """Give the time as RFC 3339 in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


class Rejects:
    """Singer lines that `target-bigcommerce < file` reads again once they are mended.

    Args:
        path: of the file; None keeps nothing, as a dry run does.
        now: the time to write beside a record.
    """

    def __init__(self, path: str | None, *, now: Callable[[], str] = utc_now) -> None:
        self._file = LineFile(path, setting="rejects_path") if path else None
        self._now = now
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._told: set[str] = set()
        self._seen: set[bytes] = set()

    @property
    def distinct(self) -> int:
        """How many different records were rejected; one that came twice counts once."""
        return len(self._seen)

    def is_new_schema(self, message: Mapping[str, Any]) -> bool:
        """Whether a SCHEMA message says something new of its stream."""
        return self._schemas.get(message["stream"]) != message

    def remember_schema(self, message: Mapping[str, Any]) -> None:
        """Take a SCHEMA message; it is written before the stream's next reject."""
        stream = message["stream"]
        self._schemas[stream] = message
        self._told.discard(stream)

    def add(self, message: Mapping[str, Any], why: RecordRejectedError) -> None:
        """Keep a RECORD message and why it was rejected."""
        record = _digest_encoder.encode([message["stream"], message["record"]])
        self._seen.add(hashlib.blake2b(record, digest_size=DIGEST_BYTES).digest())
        if self._file is None:
            return
        stream = message["stream"]
        line = {key: message[key] for key in REPLAYED if key in message}
        line["reject"] = {
            "reason": why.reason,
            "code": why.code.value,
            "status": why.status,
            "at": self._now(),
        }
        lines = [line] if stream in self._told else [self._schemas[stream], line]
        self._file.append(lines)
        self._told.add(stream)

    def sync(self) -> None:
        """Make sure that the rejects outlive a power cut."""
        if self._file is not None:
            self._file.sync()


def refuse_own_input(path: str, given: IO[str] | None) -> None:
    """Refuse to read the very file to which rejects are appended.

    Raises:
        SettingsError: with the command that helps.
    """
    try:
        source = os.fstat((given or sys.stdin).fileno())
        rejects = Path(path).stat()
    except (OSError, ValueError):  # No such file, or an input that is no file.
        return
    if os.path.samestat(source, rejects):
        raise SettingsError(
            "The input is the file that rejects_path names, to which this run would"
            " append. Move it first: mv rejects.jsonl mended.jsonl, then"
            " target-bigcommerce --config … < mended.jsonl."
        )
