"""The files a run appends to: rejects and the change log.

They contain personal data, so only their owner can read them. A partial line is removed
when the file is next opened. Lines are synced to disk before a STATE that covers them
is printed.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from singer_kit.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import IO

    from .errors import RecordRejectedError
    from .plan import RecordedChange
    from .settings import Settings

    OpenFile = Callable[[str, str], "LineFile"]

CHUNK_BYTES = 65_536
DIGEST_BYTES = 8
READ_BYTES = 1 << 20
DUPLICATE_AGE = timedelta(hours=24)
MAX_READ_BYTES = 1 << 26  # Of the rejects file, to find duplicates.
REPLAYED_KEYS = ("type", "stream", "record", "time_extracted")
HEAD_END = b',"stream"'  # Of a line of `changes_path`.
REPLACED_FILES = {"summary_path"}  # The other files are appended to.

_decoder = msgspec.json.Decoder(float_hook=Decimal)
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
        self._size = 0  # After the last line.

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
            self._size = os.fstat(descriptor).st_size
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

    def close_if_replaced(self) -> bool:
        """Close the file if another one has its path now, or if it was cut.

        Raises:
            OutputError: when lines written before cannot be flushed to disk.
        """
        if self._descriptor is None:
            return False
        mine = os.fstat(self._descriptor)
        if not stat.S_ISREG(mine.st_mode):
            return False
        with suppress(OSError):  # It was moved or deleted.
            now = Path(self.path).stat()
            if os.path.samestat(mine, now) and now.st_size >= self._size:
                return False
        self.sync()
        self.close()
        return True

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

    A record that is rejected in every run is written once a day: a line is skipped if
    an equal one (stream, key, code and values) that is younger is still in the file.

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
        self._recent: dict[bytes, datetime] | None = None  # None until it is read.

    @property
    def distinct(self) -> int:
        """Number of distinct records; a record rejected twice counts once."""
        return len(self._digests)

    def remember_schema(self, message: Mapping[str, Any]) -> None:
        """Keep a SCHEMA message; it is written before the next reject of its stream."""
        stream = message["stream"]
        if self._schemas.get(stream) != message:
            self._schemas[stream] = message
            self._with_schema.discard(stream)

    def add(
        self,
        message: Mapping[str, Any],
        why: RecordRejectedError,
        *,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        """Append a RECORD message with the reason, after its SCHEMA if needed.

        Args:
            message: the record to write.
            why: the reason.
            identity: what `distinct` compares, if not the record.

        Raises:
            OutputError: when the file cannot be written.
        """
        stream, record = message["stream"], message["record"]
        self._digests.add(_digest([stream, identity or record]))
        if self._file is None:
            return
        at = self._now()
        digest = _digest([stream, why.code.value, record])
        if self._is_duplicate(self._file, digest, at):
            return
        line = {key: message[key] for key in REPLAYED_KEYS if key in message}
        line["reject"] = {
            "reason": why.reason,
            "code": why.code.value,
            "status": why.status,
            "request_id": why.request_id,
            "at": at,
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

    def _is_duplicate(self, file: LineFile, digest: bytes, at: str) -> bool:
        """Whether the file has an equal line less than 24 hours old; notes the new."""
        if file.close_if_replaced():
            self._recent = None
            self._with_schema.clear()
        now = datetime.fromisoformat(at)
        if self._recent is None:
            self._recent = _read_recent(file.path, now)
        written = self._recent.get(digest)
        if written is not None and _is_recent(written, now):
            return True
        self._recent[digest] = now
        return False


def _digest(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    text = _digest_encoder.encode(value)
    return hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest()


def _is_recent(at: datetime, now: datetime) -> bool:
    return timedelta(0) <= now - at < DUPLICATE_AGE


def _read_recent(path: str, now: datetime) -> dict[bytes, datetime]:
    """Read the rejects of the last 24 hours, the newest first, to their times."""
    found: dict[bytes, datetime] = {}
    # The first one is what follows the last line end: a partial line is removed.
    for line in islice(lines_backwards(path, MAX_READ_BYTES), 1, None):
        reject = _read_reject(line)
        if reject is None:
            continue
        digest, at = reject
        if now - at >= DUPLICATE_AGE:
            break
        found.setdefault(digest, at)
    return found


def _read_reject(line: bytes) -> tuple[bytes, datetime] | None:
    """Read a reject's digest and time; None for another line, or an edited one."""
    try:
        message = _decoder.decode(line)
        reject = message["reject"]
        at = datetime.fromisoformat(reject["at"])
        digest = _digest([message["stream"], reject["code"], message["record"]])
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return None
    return None if at.tzinfo is None else (digest, at)


def lines_backwards(path: str, limit: int) -> Iterator[bytes]:
    """Yield the lines of a regular file from the last to the first.

    Args:
        path: the file; one that is absent or cannot be read has no lines.
        limit: stop after this many bytes.
    """
    try:
        # A pipe without a writer would block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        state = os.fstat(descriptor)
        end = state.st_size if stat.S_ISREG(state.st_mode) else 0
        last, rest = max(0, end - limit), b""
        while end > last:
            start = max(last, end - READ_BYTES)
            rest, *lines = (os.pread(descriptor, end - start, start) + rest).split(
                b"\n"
            )
            yield from reversed(lines)
            end = start
        if rest and not last:
            yield rest
    finally:
        os.close(descriptor)


class ChangeLog(Protocol):
    """Logs every value written, or in a dry run every value to be written."""

    def add(self, changes: Sequence[RecordedChange]) -> None:
        """Log changes."""

    def add_missing(self, changes: Sequence[RecordedChange]) -> None:
        """Log those of some changes that have not been logged yet."""

    def sync(self) -> None:
        """Flush to disk."""

    def close(self) -> None:
        """Close the file."""


class NoChangeLog:
    """Logs nothing, as without `changes_path`."""

    def add(self, changes: Sequence[RecordedChange]) -> None:
        """Log nothing."""

    def add_missing(self, changes: Sequence[RecordedChange]) -> None:
        """Log nothing."""

    def sync(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class ChangesFile:
    """Appends a JSON line for every value written.

    A line begins with the change's id in the history and its run, so that a line is not
    written twice: the process may be killed before the history records the line.
    """

    def __init__(self, file: LineFile) -> None:
        self._file = file
        self.sync = file.sync
        self.close = file.close

    def add(self, changes: Sequence[RecordedChange]) -> None:
        """Append changes."""
        if changes:
            self._file.append(map(_to_line, changes))

    def add_missing(self, changes: Sequence[RecordedChange]) -> None:
        """Append those of some changes, all with an id, that have no line yet."""
        heads = {_line_head(change): change for change in changes}
        for head in _line_heads(self._file.path):
            heads.pop(head, None)
        self.add([*heads.values()])


def _to_line(recorded: RecordedChange) -> dict[str, Any]:
    change = recorded.change
    known = {} if recorded.id is None else {"id": recorded.id, "run": recorded.run}
    return {
        **known,
        "at": _to_utc(recorded.at),
        "stream": recorded.stream,
        "customer_id": recorded.customer,
        "attribute" if change.is_attribute else "field": change.name,
        "old": change.old,
        "new": change.new,
    }


def _line_head(recorded: RecordedChange) -> bytes:
    return _encoder.encode(_to_line(recorded)).partition(HEAD_END)[0]


def _line_heads(path: str) -> Iterator[bytes]:
    """Yield the part of each whole line that identifies the change."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return  # Reading a pipe would take what another program waits for.
        with Path(path).open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # A partial line is removed.
                    yield line.partition(HEAD_END)[0]
    except OSError:
        return


def _to_utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


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

    Missing folders are created.

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
        f"{setting} cannot be written: {why}. Nothing was read. Name a file in a folder"
        " that this user may write to."
    )


def _try_to_write(path: Path, *, is_replaced: bool) -> None:
    # Do not open a pipe or device: closing it would end its reader's input.
    is_regular = path.is_file()
    if not path.exists() or (is_regular and is_replaced and not path.is_symlink()):
        _try_folder(path.resolve())
    elif is_regular or path.is_dir():
        os.close(os.open(path, os.O_RDWR | os.O_APPEND))


def _try_folder(path: Path) -> None:
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Under another name: another run could have created the file meanwhile.
    draft = f"{path}.{os.getpid()}.part"
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    Path(draft).unlink()
