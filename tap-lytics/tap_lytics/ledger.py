"""The ledger: an SQLite file that records the members, what was sent, and who left.

Hides the file's format, how several jobs share it, and how it survives kills, power
cuts, and lost or restored copies.

Each job's stream has a lineage of its own: rows that belong to the state which names
it. A run whose state names none starts a new lineage, so it never changes what another
state refers to. Each row has a generation, and a state names the generation that it
covers, so rows that no state came to cover are recognized. `digest` is that of the
record last sent, whatever a run saw but did not send.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import sqlite3
import time
import uuid
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from .errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

APPLICATION_ID = 0x4C59544C  # Identifies ledgers; other SQLite files are refused.
FORMAT = 3
BUSY_SECONDS = 30.0  # Other processes write for less, in short transactions.
WAIT_SECONDS = 0.02
PRAGMAS = (
    "PRAGMA synchronous = FULL",  # Commits survive a power cut.
    "PRAGMA fullfsync = ON",  # The same on macOS.
    "PRAGMA cache_size = -16384",  # 16 MB.
)
TABLES = """
CREATE TABLE lineage (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    audience TEXT NOT NULL, slug TEXT NOT NULL, fields TEXT NOT NULL,
    generation INTEGER NOT NULL, is_named INTEGER NOT NULL, used_at REAL NOT NULL,
    copy_used_at REAL, copy_generation INTEGER, inherits INTEGER NOT NULL
);
CREATE TABLE member (
    lineage INTEGER NOT NULL, member BLOB NOT NULL, digest BLOB,
    required TEXT NOT NULL, generation INTEGER NOT NULL, flags INTEGER NOT NULL,
    PRIMARY KEY (lineage, member)
) WITHOUT ROWID;
CREATE INDEX member_by_required ON member (lineage, required);
"""
BASELINE = 1  # A member when the job first ran, and never sent.
LEFT = 2  # Kept until a state covers the exit.
FORMER = 4  # A customer whose profile now belongs to another one.
LAST_BYTE = 255
UNNAMED_KEPT = timedelta(days=7)
UNUSED_KEPT = timedelta(days=30)
CHUNK = 5_000  # Rows removed in one transaction.

logger = logging.getLogger("tap-lytics.ledger")


# Rows. Pure.


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A member of an audience.

    `member` is the key's 16 bytes, `digest` that of the record last sent (None if it is
    unknown what the target has), `required` a JSON list of the values of
    require_fields, `flags` the sum of BASELINE, LEFT and FORMER.
    """

    member: bytes
    digest: bytes | None
    required: str
    generation: int
    flags: int

    @property
    def is_baseline(self) -> bool:
        """Whether it was a member when the job first ran, and never sent."""
        return bool(self.flags & BASELINE)

    @property
    def has_left(self) -> bool:
        """Whether it is no member any more."""
        return bool(self.flags & LEFT)


def reorder_required(required: str, before: Sequence[str], after: Sequence[str]) -> str:
    """Convert `required` of a row to changed require_fields; a new value is null."""
    values = dict(zip(before, msgspec.json.decode(required), strict=True))
    row = [values.get(name) for name in after]
    return msgspec.json.encode(row, order="deterministic").decode()


def is_other_customer(before: str, now: Sequence[object]) -> bool:
    """Whether all required values of a profile were replaced by others.

    It then belongs to another customer: the former one left, the new one entered. A
    value is null if its field was not required when the row was written.
    """
    values = msgspec.json.decode(before)
    pairs = zip(values, now, strict=True)
    return bool(values) and all(a != b and None not in (a, b) for a, b in pairs)


def placeholder_row(former: LedgerRow, generation: int) -> LedgerRow:
    """Create a row with a former customer's values, under a key that no scan sees."""
    key = hashlib.blake2b(former.required.encode(), digest_size=16).digest()
    return replace(former, member=key, digest=None, generation=generation, flags=FORMER)


# A job's rows.


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAudience:
    """The audience of a lineage: its id, its slug, and require_fields."""

    id: str
    slug: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredCopy:
    """An older copy of a file, which does not know what was sent after its last use.

    Rows up to `generation` are of that time.
    """

    used_at: datetime
    generation: int


class Lineage:
    """The rows of one stream of one job, which its state names.

    No other process changes them while it is open. The generation grows with every
    commit.

    Args:
        connection: to the file, outside a transaction.
        number: the lineage's number in the file.
        id: its id.
        generation: the last committed generation.
        restored_copy: the older copy of the file that it was restored from, until a
            full sync has seen every member.
        inherits: whether members of older lineages of the audience may have left before
            this one knew them.
        pending: keys of former customers whose exit is due.
    """

    def __init__(  # noqa: PLR0913 - the columns of its row
        self,
        connection: sqlite3.Connection,
        number: int,
        *,
        id: str,  # noqa: A002 - its name in the state and the file
        generation: int,
        restored_copy: RestoredCopy | None = None,
        inherits: bool = False,
        pending: Sequence[bytes] = (),
    ) -> None:
        self._connection = connection
        self._number = number
        self.id = id
        self.committed = generation
        self.restored_copy = restored_copy
        self.pending = pending
        self._inherits = inherits

    @property
    def generation(self) -> int:
        """The generation of rows that are put next."""
        return self.committed + 1

    def find(self, members: Iterable[bytes]) -> dict[bytes, LedgerRow]:
        """Find rows by member, including those who left."""
        query = (
            "SELECT member, digest, required, generation, flags FROM member"
            " WHERE lineage = ? AND member = ?"
        )
        execute = self._connection.execute
        rows = (execute(query, (self._number, m)).fetchone() for m in members)
        return {row[0]: _to_row(*row) for row in rows if row}

    def put(self, rows: Sequence[LedgerRow]) -> None:
        """Commit rows, replacing those of the same members, and wait for the disk.

        Rows that no state comes to cover are rolled back when the next run starts.
        """
        if not rows:
            return
        generation = self.generation
        with _transaction(self._connection):
            self._connection.executemany(
                "INSERT OR REPLACE INTO member VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (
                        self._number,
                        r.member,
                        r.digest,
                        r.required,
                        r.generation,
                        r.flags,
                    )
                    for r in rows
                ),
            )
            self._update("generation = ?", generation)
        self.committed = generation

    def has_member_with(self, required: str) -> bool:
        """Whether a present member has these values of require_fields."""
        found = self._connection.execute(
            "SELECT 1 FROM member WHERE lineage = ? AND required = ?"
            " AND flags & ? = 0 LIMIT 1",
            (self._number, required, LEFT | FORMER),
        )
        return found.fetchone() is not None

    def members(self, first_byte: int) -> list[bytes]:
        """List the present members whose keys begin with this byte."""
        rows = self._connection.execute(
            "SELECT member FROM member WHERE lineage = ?"
            " AND member >= ? AND member < ? AND flags & ? = 0",
            (self._number, *_keys_from(first_byte), LEFT),
        )
        return [member for (member,) in rows]

    def inherited(self, first_byte: int, fields: Sequence[str]) -> list[LedgerRow]:
        """List the customers of older lineages that this one does not know.

        Who left since a state was lost, or the job started over, is only known to them.

        Args:
            first_byte: of their keys.
            fields: require_fields, whose values the rows have.
        """
        if not self._inherits:
            return []
        execute, found = self._connection.execute, {}
        older = execute(
            "SELECT theirs.number, theirs.fields FROM lineage AS theirs, lineage AS own"
            " WHERE own.number = ? AND theirs.audience = own.audience"
            " AND theirs.number < own.number ORDER BY theirs.used_at",
            (self._number,),
        ).fetchall()
        for number, text in older:
            before = json.loads(text)
            rows = execute(
                "SELECT theirs.member, theirs.required, own.required"
                " FROM member AS theirs LEFT JOIN member AS own"
                " ON own.lineage = ? AND own.member = theirs.member"
                " WHERE theirs.lineage = ? AND theirs.member >= ? AND theirs.member < ?"
                " AND theirs.flags & ? = 0"
                " AND (own.required IS NULL OR own.required != theirs.required)",
                (self._number, number, *_keys_from(first_byte), LEFT),
            )
            for member, required, own in rows:
                row = LedgerRow(
                    member=member,
                    digest=None,
                    required=reorder_required(required, before, fields),
                    generation=self.generation,
                    flags=0,
                )
                if own is None:
                    found[member] = row
                elif is_other_customer(row.required, msgspec.json.decode(own)):
                    former = placeholder_row(row, self.generation)
                    found[former.member] = former
        return list(found.values())

    def touch(self, at: datetime) -> None:
        """Note when it was last used."""
        with _transaction(self._connection):
            self._update("used_at = max(used_at, ?)", at.timestamp())

    def end_inheritance(self) -> None:
        """Note that all who had left before this lineage knew them were found."""
        if self._inherits:
            with _transaction(self._connection):
                self._update("inherits = ?", 0)
            self._inherits = False

    def end_full_sync(self) -> None:
        """Note that every member has been seen since the file was restored."""
        if self.restored_copy is not None:
            with _transaction(self._connection):
                self._update("copy_used_at = ?", None)
            self.restored_copy = None

    def _update(self, assignment: str, value: float | None) -> None:
        self._connection.execute(
            f"UPDATE lineage SET {assignment} WHERE number = ?",  # noqa: S608 - constants
            (value, self._number),
        )


def _keys_from(first_byte: int) -> tuple[bytes, bytes]:
    last = b"\xff" * 17 if first_byte == LAST_BYTE else bytes([first_byte + 1])
    return bytes([first_byte]), last


def _to_row(
    member: bytes, digest: bytes | None, required: str, generation: int, flags: int
) -> LedgerRow:
    return LedgerRow(
        member=member,
        digest=digest,
        required=required,
        generation=generation,
        flags=flags,
    )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled it back itself.
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


# The file and its lineages.


class Ledger:
    """The file. Other processes may use other lineages at the same time.

    Args:
        path: the file.
        connection: to the file, outside a transaction.
    """

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._resources = ExitStack()
        self._resources.callback(connection.close)

    def start(self, audience: LedgerAudience, at: datetime) -> Lineage:
        """Start a lineage beside the others.

        Raises:
            LedgerError: when its lock cannot be created.
        """
        own = uuid.uuid4().hex
        with _transaction(self._connection):
            added = self._connection.execute(
                "INSERT INTO lineage (id, audience, slug, fields, generation, is_named,"
                " used_at, inherits) VALUES (?, ?, ?, ?, 0, 0, ?, 1)",
                (
                    own,
                    audience.id,
                    audience.slug,
                    json.dumps(audience.fields),
                    at.timestamp(),
                ),
            )
        number = int(added.lastrowid or 0)
        self._lock(number, audience.slug)
        self._remove_unused(at)
        return Lineage(self._connection, number, id=own, generation=0, inherits=True)

    def resume(
        self, ledger_id: str, covered: int, audience: LedgerAudience, at: datetime
    ) -> Lineage | None:
        """Open the lineage that a state names, and roll back what it does not cover.

        If the file is older than the state, such as a restored copy, the lineage gets
        another id: states of the time after the copy must not be mistaken for its own.

        Args:
            ledger_id: the lineage's id in the state.
            covered: the generation that the state covers.
            audience: the stream's audience.
            at: the current time.

        Returns:
            The lineage; None if the file does not hold it.

        Raises:
            LedgerError: when another process uses it.
        """
        number = self._find(ledger_id, audience.id)
        if number is None:
            return None
        self._lock(number, audience.slug)
        with _transaction(self._connection):
            # Read again: until the lock was held, another process could use it.
            if self._find(ledger_id, audience.id) is None:
                return None
            lineage = self._resume(number, covered, audience, at)
        self._remove_unused(at)
        return lineage

    def close(self) -> None:
        """Close the file and let others use its lineages."""
        self._resources.close()

    def _find(self, ledger_id: str, audience_id: str) -> int | None:
        row = self._connection.execute(
            "SELECT number FROM lineage WHERE id = ? AND audience = ?",
            (ledger_id, audience_id),
        ).fetchone()
        return int(row[0]) if row else None

    def _resume(
        self, number: int, covered: int, audience: LedgerAudience, at: datetime
    ) -> Lineage:
        execute = self._connection.execute
        row = execute(
            "SELECT id, generation, used_at, copy_used_at, copy_generation, inherits,"
            " fields FROM lineage WHERE number = ?",
            (number,),
        ).fetchone()
        own, found, used_at, copy_used_at, copy_generation, inherits, fields = row
        generation = max(found, covered)
        if covered > found:
            own, copy_used_at, copy_generation = uuid.uuid4().hex, used_at, generation
        execute(
            "UPDATE lineage SET id = ?, slug = ?, fields = ?, generation = ?,"
            " is_named = 1, used_at = max(used_at, ?), copy_used_at = ?,"
            " copy_generation = ? WHERE number = ?",
            (
                own,
                audience.slug,
                json.dumps(audience.fields),
                generation,
                at.timestamp(),
                copy_used_at,
                copy_generation,
                number,
            ),
        )
        self._reorder(number, json.loads(fields), audience.fields)
        pending = self._roll_back(number, covered)
        copy = None
        if copy_used_at is not None:
            copy = RestoredCopy(
                used_at=datetime.fromtimestamp(copy_used_at, UTC),
                generation=copy_generation,
            )
        return Lineage(
            self._connection,
            number,
            id=own,
            generation=generation,
            restored_copy=copy,
            inherits=bool(inherits),
            pending=pending,
        )

    def _reorder(self, number: int, before: list[str], after: Sequence[str]) -> None:
        if before == list(after):
            return
        reorder = partial(reorder_required, before=before, after=after)
        self._connection.create_function("reorder", 1, reorder)
        self._connection.execute(
            "UPDATE member SET required = reorder(required) WHERE lineage = ?",
            (number,),
        )

    def _roll_back(self, number: int, covered: int) -> list[bytes]:
        # These were sent, but perhaps never written: when seen next, they are sent
        # again, and those who left are members until a sync misses them again.
        execute = self._connection.execute
        execute(
            "UPDATE member SET digest = NULL, flags = flags & :former,"
            " generation = :covered"
            " WHERE lineage = :number AND generation > :covered"
            " AND flags & :baseline = 0",
            {
                "number": number,
                "covered": covered,
                "baseline": BASELINE,
                "former": FORMER,
            },
        )
        execute(
            "DELETE FROM member WHERE lineage = ? AND flags & ? != 0", (number, LEFT)
        )
        rows = execute(
            "SELECT member FROM member WHERE lineage = ? AND flags & ? != 0",
            (number, FORMER),
        )
        return [member for (member,) in rows]

    def _lock(self, number: int, slug: str) -> None:
        lock = LineageLock(f"{self.path}-{number}.lock")
        try:
            is_free = lock.acquire()
        except OSError as error:
            raise _open_error(lock.path, error) from None
        if not is_free:
            raise LedgerError(
                f"The ledger {self.path} is in use: another process runs with the"
                f" lineage that the state of stream {slug} names. Only one process at a"
                " time can use it. Run again when that process has ended, or run beside"
                " it with a state of your own: meltano run --state-id-suffix=NAME …"
            )
        self._resources.callback(lock.release)

    # Lineages that are not needed any more.

    def _remove_unused(self, at: datetime) -> None:
        rows = self._connection.execute(
            "SELECT number, slug FROM lineage AS own"
            " WHERE is_named = 0 AND used_at < :unnamed"
            " OR used_at < :unused AND EXISTS (SELECT 1 FROM lineage AS other"
            " WHERE other.audience = own.audience AND other.used_at > own.used_at)",
            {
                "unnamed": (at - UNNAMED_KEPT).timestamp(),
                "unused": (at - UNUSED_KEPT).timestamp(),
            },
        ).fetchall()
        for number, slug in rows:
            lock = LineageLock(f"{self.path}-{number}.lock")
            with suppress(OSError):
                if lock.acquire():
                    self._remove(number, slug)
                    lock.release()
        self._remove_orphans()

    def _remove(self, number: int, slug: str) -> None:
        # Its rows follow: half of a lineage must not be found.
        with _transaction(self._connection):
            self._connection.execute("DELETE FROM lineage WHERE number = ?", (number,))
        logger.info(
            "The ledger %s no longer holds a lineage of %s that no run has used for a"
            " long time.",
            self.path,
            slug,
        )

    def _remove_orphans(self) -> None:
        execute, number = self._connection.execute, -1
        while True:
            [number] = execute(
                "SELECT min(lineage) FROM member WHERE lineage > ?", (number,)
            ).fetchone()
            if number is None:
                return
            known = execute("SELECT 1 FROM lineage WHERE number = ?", (number,))
            while known.fetchone() is None:
                with _transaction(self._connection):
                    removed = execute(
                        "DELETE FROM member WHERE lineage = ? AND member IN"
                        " (SELECT member FROM member WHERE lineage = ? LIMIT ?)",
                        (number, number, CHUNK),
                    )
                if not removed.rowcount:
                    break


class LineageLock:
    """A lock that ends with the process that holds it, however it ends.

    Args:
        path: the lock's file, which exists while the lock is held.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = -1

    def acquire(self) -> bool:
        """Take the lock. Returns whether it was free.

        Raises:
            OSError: when the file cannot be created.
        """
        while True:
            file = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_same_file(file, self.path):
                    self._file = file
                    return True
            except BlockingIOError:
                os.close(file)
                return False
            except BaseException:
                os.close(file)
                raise
            os.close(file)  # Its holder removed it meanwhile.

    def release(self) -> None:
        """Give the lock back and remove its file."""
        with suppress(OSError):
            Path(self.path).unlink()
        os.close(self._file)


def _is_same_file(file: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file), Path(path).stat())
    except FileNotFoundError:
        return False


# Opening the file.


def open_ledger(path: str, *, is_known: bool) -> Ledger:
    """Open the ledger, or create it.

    Args:
        path: the file.
        is_known: whether the state names a lineage. Only then a damaged file is taken
            for the ledger and moved aside.

    Raises:
        LedgerError: when it is not a ledger, or cannot be used.
    """
    try:
        return Ledger(path, open_file(path))
    except sqlite3.OperationalError as error:
        raise _ledger_error(path, error) from None
    except sqlite3.DatabaseError:
        if not is_known:
            raise _not_a_ledger(path, "a file") from None
        return Ledger(path, _replace_damaged(path))


@contextmanager
def ledger_errors(path: str) -> Iterator[None]:
    """Convert SQLite's errors to LedgerError, with a solution.

    Raises:
        LedgerError: when the ledger cannot be read or written.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _ledger_error(path, error) from None


def open_file(path: str) -> sqlite3.Connection:
    """Open or create the file.

    Raises:
        LedgerError: when it is another database, or cannot be opened.
        sqlite3.DatabaseError: when it is no database, damaged or unusable.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # It holds customer ids.
    except OSError as error:
        raise _open_error(path, error) from None
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        for statement in PRAGMAS:
            connection.execute(statement)
        if not _has_tables(connection, path):
            _create_tables(connection)
        _write_ahead(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _has_tables(connection: sqlite3.Connection, path: str) -> bool:
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        return False
    if application != APPLICATION_ID or version != FORMAT:
        raise _not_a_ledger(path, "a database")
    [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    return True


def _create_tables(connection: sqlite3.Connection) -> None:
    with _transaction(connection):
        [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables:  # Another process has just created them.
            return
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    # SQLite itself does not wait for a lock here.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
            time.sleep(WAIT_SECONDS)
        else:
            return


def _replace_damaged(path: str) -> sqlite3.Connection:
    moved_to = f"{path}.damaged"
    try:
        Path(path).rename(moved_to)
        for suffix in ("-wal", "-shm", "-journal"):
            Path(path + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise _open_error(path, error) from None
    logger.warning("The ledger %s is damaged and was moved to %s.", path, moved_to)
    return open_file(path)


# Errors.

FREE_SPACE = (
    "Free disk space, or raise the quota or the file size limit, and run again: the"
    " next run continues from the last state"
)
GRANT_ACCESS = (
    "Let the tap's user write the file and its folder, or correct ledger_path, and run"
    " again"
)
SOLUTIONS = {
    sqlite3.SQLITE_FULL: f"{FREE_SPACE}.",
    # SQLite reports an exceeded quota or file size limit like this, too.
    sqlite3.SQLITE_IOERR: f"{FREE_SPACE}. If there is space, the disk is failing.",
    sqlite3.SQLITE_READONLY: f"{GRANT_ACCESS}.",
    sqlite3.SQLITE_CANTOPEN: f"{GRANT_ACCESS}.",
    sqlite3.SQLITE_CORRUPT: "It is damaged. Run again: the next run moves it aside and"
    " rebuilds it with a full sync.",
    sqlite3.SQLITE_BUSY: f"Another process has locked it for {BUSY_SECONDS:.0f}"
    " seconds. End that process, or run again later.",
}
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def _ledger_error(path: str, error: sqlite3.Error) -> LedgerError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # The primary result code.
    solution = SOLUTIONS.get(code, f"Correct ledger_path, or move it: {_move(path)}.")
    return LedgerError(
        f"The ledger {path} (ledger_path) cannot be used: {error}. {solution}"
    )


def _not_a_ledger(path: str, kind: str) -> LedgerError:
    return LedgerError(
        f"{path} (ledger_path) is {kind}, but not a ledger of this tap, and is left"
        " alone. Choose another path: meltano config set tap-lytics ledger_path FILE."
        f" If it is a damaged ledger, move it: {_move(path)}."
    )


def _move(path: str) -> str:
    return f"mv {path} {path}.damaged"


def _open_error(path: str, error: OSError) -> LedgerError:
    solution = FREE_SPACE if error.errno in DISK_FULL else GRANT_ACCESS
    return LedgerError(
        f"The ledger {path} (ledger_path) cannot be opened: {error.strerror}."
        f" {solution}."
    )
