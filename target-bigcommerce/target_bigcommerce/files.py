"""The files a run appends to: rejects and the change log.

They contain personal data, so only their owner can read them. A partial line is removed
when the file is next opened. Lines are synced to disk before a STATE that covers them
is printed.
"""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from singer_kit.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import IO

    from .errors import RecordRejectedError
    from .plan import Change
    from .settings import Settings

    OpenFile = Callable[[str, str], "LineFile"]

CHUNK_BYTES = 65_536
DIGEST_BYTES = 8
REPLAYED_KEYS = ("type", "stream", "record", "time_extracted")
REPLACED_FILES = {"summary_path"}  # The other files are appended to.

_encoder = msgspec.json.Encoder(decimal_format="number")
_digest_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")


def utc_now() -> str:
    """Return the current time as RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class LineFile:
    """A file of JSON lines; created when the first line is written.

    Args:
        path: path of the file.
        setting: name of the setting that holds the path, for error messages.
    """

    def __init__(self, path: str, setting: str) -> None:
        self.path = path
        self._setting = setting
        self._descriptor: int | None = None
        self._has_unsynced = False

    def append(self, rows: Iterable[Any]) -> None:
        """Append each row as a line.

        Raises:
            OutputError: when the file cannot be written.
        """
        lines = b"".join(_encoder.encode(row) + b"\n" for row in rows)
        try:
            descriptor = self._open()
            while lines:
                lines = lines[os.write(descriptor, lines) :]
        except OSError as error:
            raise self._failure(error) from None
        self._has_unsynced = True

    def sync(self) -> None:
        """Flush to disk, so that the lines survive a power failure.

        Raises:
            OutputError: when that fails.
        """
        if self._descriptor is not None and self._has_unsynced:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                raise self._failure(error) from None
            self._has_unsynced = False

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
            self._descriptor = os.open(self.path, flags, 0o600)
            _drop_partial_line(self._descriptor)
        return self._descriptor

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._setting} cannot be written: {error.strerror}. STATE does not cover"
            " the affected records; the next run reads them again."
        )


def _drop_partial_line(descriptor: int) -> None:
    # No STATE covers a line cut off by a crash, so its record is read again.
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
    except OSError:  # A pipe or device has no earlier content.
        return
    at = end
    while at:
        start = max(0, at - CHUNK_BYTES)
        found = os.pread(descriptor, at - start, start).rfind(b"\n")
        if found >= 0:
            at = start + found + 1
            break
        at = start
    if at < end:
        os.ftruncate(descriptor, at)


class RejectsFile:
    """Rejected records as Singer messages; `target-bigcommerce < file` replays them.

    Args:
        file: the file; None writes none, as in a dry run.
        now: returns the time to write with a record, in RFC 3339.
    """

    def __init__(
        self, file: LineFile | None, *, now: Callable[[], str] = utc_now
    ) -> None:
        self._file = file
        self._now = now
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._with_schema: set[str] = set()
        self._digests: set[bytes] = set()

    @property
    def distinct(self) -> int:
        """Number of distinct records; a record rejected twice counts once."""
        return len(self._digests)

    def is_new_schema(self, message: Mapping[str, Any]) -> bool:
        """Whether a SCHEMA message differs from the last one of its stream."""
        return self._schemas.get(message["stream"]) != message

    def remember_schema(self, message: Mapping[str, Any]) -> None:
        """Keep a SCHEMA message; it is written before the next reject of its stream."""
        stream = message["stream"]
        self._schemas[stream] = message
        self._with_schema.discard(stream)

    def add(self, message: Mapping[str, Any], why: RecordRejectedError) -> None:
        """Append a RECORD message with the reason, after its SCHEMA if needed.

        Raises:
            OutputError: when the file cannot be written.
        """
        record = _digest_encoder.encode([message["stream"], message["record"]])
        self._digests.add(hashlib.blake2b(record, digest_size=DIGEST_BYTES).digest())
        if self._file is None:
            return
        stream = message["stream"]
        line = {key: message[key] for key in REPLAYED_KEYS if key in message}
        line["reject"] = {
            "reason": why.reason,
            "code": why.code.value,
            "status": why.status,
            "at": self._now(),
        }
        schema = [] if stream in self._with_schema else [self._schemas[stream]]
        self._file.append([*schema, line])
        self._with_schema.add(stream)

    def sync(self) -> None:
        """Flush to disk."""
        if self._file is not None:
            self._file.sync()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class ChangeLog(Protocol):
    """Logs every value written, or in a dry run every value to be written."""

    def add(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Log one customer's changes; the id is None before it is created."""

    def sync(self) -> None:
        """Flush to disk."""

    def close(self) -> None:
        """Close the file."""


class NoChangeLog:
    """Logs nothing, as without `changes_path`."""

    def add(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Log nothing."""

    def sync(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class ChangesFile:
    """Appends a JSON line for every value written.

    Args:
        file: the file.
        now: returns the time to write with a change, in RFC 3339.
    """

    def __init__(self, file: LineFile, *, now: Callable[[], str] = utc_now) -> None:
        self._file = file
        self._now = now
        self.sync = file.sync
        self.close = file.close

    def add(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Append one customer's changes."""
        at = self._now()
        self._file.append(
            {
                "at": at,
                "stream": stream,
                "customer_id": customer_id,
                "attribute" if change.is_attribute else "field": change.name,
                "old": change.old,
                "new": change.new,
            }
            for change in changes
        )


# Checks before the first message is read.


def check_not_rejects_file(path: str, file_input: IO[str] | None) -> None:
    """Check that the input is not the file to which rejects are appended.

    Raises:
        ConfigError: with the commands that replay rejects.
    """
    try:
        source = os.fstat((file_input or sys.stdin).fileno())
        rejects = Path(path).stat()
    except (OSError, ValueError):  # No such file, or an input that is not a file.
        return
    if os.path.samestat(source, rejects):
        raise ConfigError(
            "The input is the file that rejects_path names, and this run would append"
            " to it. Move it first: mv rejects.jsonl replay.jsonl, then"
            " target-bigcommerce --config … < replay.jsonl."
        )


def check_writable(settings: Settings) -> None:
    """Check that each file of the run can be written, without creating any.

    Raises:
        ConfigError: naming each setting whose file cannot be written.
    """
    names = ["summary_path"]
    if not settings.dry_run:
        names += ["rejects_path", "changes_path"]
    found = [
        _problem(name, path) for name in names if (path := getattr(settings, name))
    ]
    if lines := [line for line in found if line]:
        raise ConfigError(*lines)


def _problem(setting: str, path: str) -> str:
    try:
        _try_to_write(Path(path), is_replaced=setting in REPLACED_FILES)
    except OSError as error:
        why = str(error.strerror)
    except ValueError:
        why = "this is not a possible file name"
    else:
        return ""
    return (
        f"{setting} cannot be written: {why}. Nothing was read. Name a file in an"
        " existing folder that this user may write to."
    )


def _try_to_write(path: Path, *, is_replaced: bool) -> None:
    # Do not open a pipe or device: closing it would end its reader's input.
    is_regular = path.is_file()
    if not path.exists() or (is_regular and is_replaced and not path.is_symlink()):
        _try_folder(path.resolve())
    elif is_regular or path.is_dir():
        os.close(os.open(path, os.O_RDWR | os.O_APPEND))


def _try_folder(path: Path) -> None:
    # Under another name: another run could have created the file meanwhile.
    draft = f"{path}.{os.getpid()}.part"
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    Path(draft).unlink()
