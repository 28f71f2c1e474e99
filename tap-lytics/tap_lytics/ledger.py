"""The ledger: an SQLite file that records the members, what was sent, and who left.

Hides the file's format, how it survives kills and power cuts, and which job owns it.
Each row has a generation, and a state names the generation that it covers, so rows
that no state came to cover are recognized.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import sqlite3
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

APPLICATION_ID = 0x4C59544C  # Identifies ledgers; other SQLite files are refused.
FORMAT = 2
PRAGMAS = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # Commits survive a power cut.
    "PRAGMA fullfsync = ON",  # The same on macOS.
    "PRAGMA cache_size = -16384",  # 16 MB.
)
TABLES = """
CREATE TABLE about (id TEXT NOT NULL, previous TEXT, generation INTEGER NOT NULL);
CREATE TABLE audience (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, slug TEXT NOT NULL,
    fields TEXT NOT NULL, began INTEGER NOT NULL
);
CREATE TABLE member (
    audience INTEGER NOT NULL, member BLOB NOT NULL, digest BLOB,
    required TEXT NOT NULL, generation INTEGER NOT NULL, flags INTEGER NOT NULL,
    PRIMARY KEY (audience, member)
) WITHOUT ROWID;
CREATE INDEX member_by_required ON member (audience, required);
"""
BASELINE = 1  # A member when the job first ran, and never sent.
LEFT = 2  # Kept until a state covers the exit.
LAST_BYTE = 255
NOTHING_COMMITTED = -1

logger = logging.getLogger("tap-lytics.ledger")


# Rows. Pure.


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """A member of an audience.

    `member` is the key's 16 bytes, `digest` that of the record last sent (None if it is
    unknown what the target has), `required` a JSON list of the values of
    require_fields, `flags` 0, BASELINE or LEFT.
    """

    member: bytes
    digest: bytes | None
    required: str
    generation: int
    flags: int


def reorder_required(required: str, before: Sequence[str], after: Sequence[str]) -> str:
    """Convert `required` of a row to changed require_fields; a new value is null."""
    values = dict(zip(before, msgspec.json.decode(required), strict=True))
    row = [values.get(name) for name in after]
    return msgspec.json.encode(row, order="deterministic").decode()


def is_other_customer(before: str, now: Sequence[object]) -> bool:
    """Whether all required values of a profile were replaced by others.

    It then belongs to another customer: the former one left, the new one entered.
    """
    values = msgspec.json.decode(before)
    pairs = zip(values, now, strict=True)
    return bool(values) and all(a != b and b is not None for a, b in pairs)


def placeholder_row(former: LedgerRow, generation: int) -> LedgerRow:
    """Create a row with a former customer's values, under a key that no scan sees."""
    key = hashlib.blake2b(former.required.encode(), digest_size=16).digest()
    return replace(former, member=key, digest=None, generation=generation)


# The rows of all audiences.


class Ledger:
    """The rows of all audiences in one file, and its generation.

    The generation grows with every commit.

    Args:
        connection: to the file, in a transaction.
        claimed: the latest generation that the state names. An older file, such as a
            restored backup, must not reuse that generation for other rows.
    """

    def __init__(self, connection: sqlite3.Connection, *, claimed: int) -> None:
        self._connection = connection
        self.id, found = connection.execute(
            "SELECT id, generation FROM about"
        ).fetchone()
        self._found = self._committed = int(found)
        self._committed_changes = NOTHING_COMMITTED
        self.generation = max(self._found, claimed) + 1

    def resume_audience(
        self, audience_id: str, slug: str, fields: Sequence[str], covered: int | None
    ) -> int | None:
        """Find an audience and roll back what the state does not cover.

        Args:
            audience_id: the audience's id.
            slug: its slug.
            fields: require_fields.
            covered: the generation that the state covers.

        Returns:
            Its number; None if the ledger does not know the audience as the state does.
        """
        row = self._connection.execute(
            "SELECT number, began FROM audience WHERE id = ?", (audience_id,)
        ).fetchone()
        if row is None or covered is None:
            return None
        number, began = row
        if not began <= covered <= self._found:
            return None
        self._describe(number, slug, fields)
        self._roll_back(number, covered)
        return int(number)

    def start_audience(
        self, audience_id: str, slug: str, fields: Sequence[str], *, keeps_members: bool
    ) -> int:
        """Start an audience over and return its number.

        With `keeps_members`, its members stay, as sent but perhaps never written.
        """
        execute = self._connection.execute
        execute(
            "INSERT INTO audience (id, slug, fields, began) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET began = excluded.began",
            (audience_id, slug, json.dumps(fields), self.generation),
        )
        [number] = execute(
            "SELECT number FROM audience WHERE id = ?", (audience_id,)
        ).fetchone()
        self._describe(number, slug, fields)
        if keeps_members:  # So that the coming full sync finds those who left.
            execute(
                "UPDATE member SET digest = NULL, flags = 0, generation = ?"
                " WHERE audience = ?",
                (self.generation, number),
            )
        else:
            execute("DELETE FROM member WHERE audience = ?", (number,))
        return int(number)

    def find(self, audience: int, members: Sequence[bytes]) -> dict[bytes, LedgerRow]:
        """Find rows by member, including those who left."""
        query = (
            "SELECT member, digest, required, generation, flags FROM member"
            " WHERE audience = ? AND member = ?"
        )
        execute = self._connection.execute
        rows = (execute(query, (audience, m)).fetchone() for m in members)
        return {row[0]: _to_row(*row) for row in rows if row}

    def put(self, audience: int, rows: Iterable[LedgerRow]) -> None:
        """Write rows, replacing those of the same members."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO member VALUES (?, ?, ?, ?, ?, ?)",
            (
                (audience, r.member, r.digest, r.required, r.generation, r.flags)
                for r in rows
            ),
        )

    def has_member_with(self, audience: int, required: str) -> bool:
        """Whether a present member has these values of require_fields."""
        found = self._connection.execute(
            "SELECT 1 FROM member WHERE audience = ? AND required = ? AND flags != ?"
            " LIMIT 1",
            (audience, required, LEFT),
        )
        return found.fetchone() is not None

    def members(self, audience: int, first_byte: int) -> list[bytes]:
        """List the present members whose keys begin with this byte."""
        last = b"\xff" * 17 if first_byte == LAST_BYTE else bytes([first_byte + 1])
        rows = self._connection.execute(
            "SELECT member FROM member WHERE audience = ?"
            " AND member >= ? AND member < ? AND flags != ?",
            (audience, bytes([first_byte]), last, LEFT),
        )
        return [member for (member,) in rows]

    def commit(self) -> int:
        """Commit pending rows and wait until they are on disk.

        Rows that no state comes to cover are rolled back when the next run starts.

        Returns:
            The generation that a state written now covers.
        """
        if self._connection.total_changes != self._committed_changes:
            execute = self._connection.execute
            execute("UPDATE about SET generation = ?", (self.generation,))
            execute("COMMIT")
            execute("BEGIN IMMEDIATE")
            self._committed, self.generation = self.generation, self.generation + 1
            self._committed_changes = self._connection.total_changes
        return self._committed

    def close(self) -> None:
        """Close the file, discarding uncommitted rows."""
        self._connection.close()

    def _describe(self, number: int, slug: str, fields: Sequence[str]) -> None:
        execute = self._connection.execute
        [text] = execute(
            "SELECT fields FROM audience WHERE number = ?", (number,)
        ).fetchone()
        execute(
            "UPDATE audience SET slug = ?, fields = ? WHERE number = ?",
            (slug, json.dumps(fields), number),
        )
        before = json.loads(text)
        if before != list(fields):
            reorder = partial(reorder_required, before=before, after=fields)
            self._connection.create_function("reorder", 1, reorder)
            execute(
                "UPDATE member SET required = reorder(required) WHERE audience = ?",
                (number,),
            )

    def _roll_back(self, audience: int, covered: int) -> None:
        # These were sent, but perhaps never written: when seen next, they are sent
        # again, and those who left are members until a sync misses them again.
        self._connection.execute(
            "UPDATE member SET digest = NULL, flags = 0, generation = :covered"
            " WHERE audience = :audience AND generation > :covered"
            " AND flags != :baseline",
            {"audience": audience, "covered": covered, "baseline": BASELINE},
        )
        self._connection.execute(
            "DELETE FROM member WHERE audience = ? AND flags = ?", (audience, LEFT)
        )


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


# The file.


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerClaim:
    """What the state and the catalog say about this job's ledger.

    Args:
        ids: the ledger ids in the state; empty without a state.
        generation: the latest generation in the state.
        audiences: the ids of the exported audiences, as far as known.
    """

    ids: Collection[str]
    generation: int
    audiences: Collection[str]


def open_ledger(
    path: str, bookmarks: Iterable[Mapping[str, Any]], audiences: Collection[str]
) -> Ledger:
    """Open the ledger of the job with this state, or create it.

    Args:
        path: the file.
        bookmarks: each stream's part of the state.
        audiences: the ids of the exported audiences, as far as known.

    Raises:
        LedgerError: when it belongs to another job, another process uses it, or it is
            not a ledger.
    """
    parts = list(bookmarks)
    ids = {part["ledger_id"] for part in parts if part.get("ledger_id")}
    generations = [part.get("ledger_generation") or 0 for part in parts]
    claim = LedgerClaim(
        ids=ids, generation=max(generations, default=0), audiences=audiences
    )
    return Ledger(open_file(path, claim), claimed=claim.generation)


def open_file(path: str, claim: LedgerClaim) -> sqlite3.Connection:
    """Open or create the file, and lock it until the connection is closed.

    Raises:
        LedgerError: as `open_ledger` does.
    """
    if len(claim.ids) > 1:
        raise LedgerError(
            f"The state names {len(claim.ids)} ledgers ({', '.join(sorted(claim.ids))})"
            ", but ledger_path is a single file. Start over without a state."
        )
    try:
        return _open_checked(path, claim)
    except sqlite3.OperationalError as error:
        raise _ledger_error(path, error) from None
    except sqlite3.DatabaseError:
        return _replace_damaged(path, claim)


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


def _open_checked(path: str, claim: LedgerClaim) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        if not _has_tables(connection, path):
            _create_tables(connection, claim)
        _check_owner(connection, path, claim)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: str) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # It holds customer ids.
    except OSError as error:
        raise _open_error(path, error) from None
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        for statement in (*PRAGMAS, "BEGIN IMMEDIATE"):
            connection.execute(statement)
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
        raise LedgerError(
            f"{path} is a database, but not a ledger of this tap. Correct ledger_path."
        )
    [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    return True


def _create_tables(connection: sqlite3.Connection, claim: LedgerClaim) -> None:
    for statement in TABLES.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    [own] = claim.ids or [uuid.uuid4().hex]
    connection.execute("INSERT INTO about VALUES (?, NULL, ?)", (own, claim.generation))


def _check_owner(connection: sqlite3.Connection, path: str, claim: LedgerClaim) -> None:
    own, previous = connection.execute("SELECT id, previous FROM about").fetchone()
    if not claim.ids:
        _start_over(connection, path, claim, own)
        return
    [claimed] = claim.ids
    if claimed not in {own, previous}:
        raise LedgerError(
            f"The ledger {path} belongs to another job: its id is {own}, but the state"
            f" names {claimed}. Give each job its own ledger_path."
        )


def _start_over(
    connection: sqlite3.Connection, path: str, claim: LedgerClaim, own: str
) -> None:
    rows = connection.execute("SELECT id, slug FROM audience").fetchall()
    slugs = dict(rows)
    if slugs and claim.audiences and not slugs.keys() & set(claim.audiences):
        raise LedgerError(
            f"The ledger {path} belongs to another job: it holds the members of"
            f" {', '.join(sorted(slugs.values()))}. Give each job its own ledger_path."
        )
    if slugs:
        # The former state is still accepted, in case this run's state is lost.
        connection.execute(
            "UPDATE about SET id = ?, previous = ?", (uuid.uuid4().hex, own)
        )


def _replace_damaged(path: str, claim: LedgerClaim) -> sqlite3.Connection:
    if not claim.ids:
        raise LedgerError(f"{path} is not a ledger of this tap. Correct ledger_path.")
    moved_to = f"{path}.damaged"
    try:
        Path(path).rename(moved_to)
        for suffix in ("-wal", "-journal"):
            Path(path + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise _open_error(path, error) from None
    logger.warning("The ledger %s is damaged and was moved to %s.", path, moved_to)
    return _open_checked(path, claim)


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
    sqlite3.SQLITE_CORRUPT: "It is damaged. Move it away; the next run rebuilds it.",
}
LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def _ledger_error(path: str, error: sqlite3.Error) -> LedgerError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # The primary result code.
    if code in LOCKED:
        return LedgerError(
            f"The ledger {path} is in use by another process. Only one process can use"
            " it at a time."
        )
    solution = SOLUTIONS.get(code, "Correct ledger_path, or move the file away.")
    return LedgerError(
        f"The ledger {path} (ledger_path) cannot be used: {error}. {solution}"
    )


def _open_error(path: str, error: OSError) -> LedgerError:
    solution = FREE_SPACE if error.errno in DISK_FULL else GRANT_ACCESS
    return LedgerError(
        f"The ledger {path} (ledger_path) cannot be opened: {error.strerror}."
        f" {solution}."
    )
