"""The ledger's file: made, recognised and held by one process."""

from __future__ import annotations

import logging
import os
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import LedgerError
from .ledger import Ledger
from .ledger_trouble import cannot_open, trouble_with

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

OURS = 0x4C59544C  # SQLite's application id: a database of anybody else is left alone.
LAYOUT = 2
PRAGMAS = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # A power cut takes back no commit,
    "PRAGMA fullfsync = ON",  # on a Mac neither.
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

logger = logging.getLogger("tap-lytics.ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the state and the catalog say of the ledger that this job has.

    Args:
        ids: the ledger ids in the state; none without a state.
        generation: the latest generation in the state.
        audiences: the ids of the audiences that are exported, as far as known.
    """

    ids: Collection[str]
    generation: int
    audiences: Collection[str]


def open_ledger(
    path: str, places: Iterable[Mapping[str, Any]], audiences: Collection[str]
) -> Ledger:
    """Open the ledger of the job that has this state and exports these audiences."""
    places = list(places)
    ids = {place["ledger_id"] for place in places if place.get("ledger_id")}
    generations = [place.get("ledger_generation") or 0 for place in places]
    claim = Claim(ids=ids, generation=max(generations, default=0), audiences=audiences)
    return Ledger(open_file(path, claim), claimed=claim.generation)


def open_file(path: str, claim: Claim) -> sqlite3.Connection:
    """Open the file, or make it, and hold it until the connection is closed.

    Raises:
        LedgerError: when it is another job's, held by another process or no ledger.
    """
    if len(claim.ids) > 1:
        raise LedgerError(
            f"The state names {len(claim.ids)} ledgers ({', '.join(sorted(claim.ids))})"
            " and ledger_path is one: start anew without a state."
        )
    try:
        return _open_checked(path, claim)
    except sqlite3.OperationalError as error:
        raise trouble_with(path, error) from None
    except sqlite3.DatabaseError:
        return _open_beside_damaged(path, claim)


def _open_checked(path: str, claim: Claim) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        if not _is_laid_out(connection, path):
            _lay_out(connection, claim)
        _recognise(connection, path, claim)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: str) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # It holds customer ids.
    except OSError as error:
        raise cannot_open(path, error) from None
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        for statement in (*PRAGMAS, "BEGIN IMMEDIATE"):
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_laid_out(connection: sqlite3.Connection, path: str) -> bool:
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [layout] = connection.execute("PRAGMA user_version").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        return False
    if application != OURS or layout != LAYOUT:
        raise LedgerError(f"{path} is a database, but no ledger of this tap.")
    [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    return True


def _lay_out(connection: sqlite3.Connection, claim: Claim) -> None:
    for statement in TABLES.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {OURS}")
    connection.execute(f"PRAGMA user_version = {LAYOUT}")
    [own] = claim.ids or [uuid.uuid4().hex]
    connection.execute("INSERT INTO about VALUES (?, NULL, ?)", (own, claim.generation))


def _recognise(connection: sqlite3.Connection, path: str, claim: Claim) -> None:
    own, previous = connection.execute("SELECT id, previous FROM about").fetchone()
    if not claim.ids:
        _begin_anew(connection, path, claim, own)
        return
    [claimed] = claim.ids
    if claimed not in {own, previous}:
        raise LedgerError(
            f"The ledger {path} is another job's: its id is {own}, that of the state is"
            f" {claimed}. Give each job a ledger_path of its own."
        )


def _begin_anew(
    connection: sqlite3.Connection, path: str, claim: Claim, own: str
) -> None:
    rows = connection.execute("SELECT id, slug FROM audience").fetchall()
    theirs = dict(rows)
    if theirs and claim.audiences and not theirs.keys() & set(claim.audiences):
        raise LedgerError(
            f"The ledger {path} is another job's: it holds the members of"
            f" {', '.join(sorted(theirs.values()))}. Give each job a ledger_path of its"
            " own."
        )
    if theirs:
        # A state of before is still recognised, should this run's never be kept.
        connection.execute(
            "UPDATE about SET id = ?, previous = ?", (uuid.uuid4().hex, own)
        )


def _open_beside_damaged(path: str, claim: Claim) -> sqlite3.Connection:
    if not claim.ids:
        raise LedgerError(f"{path} is no ledger of this tap; correct ledger_path.")
    aside = f"{path}.damaged"
    try:
        Path(path).rename(aside)
        for suffix in ("-wal", "-journal"):
            Path(path + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_open(path, error) from None
    logger.warning("The ledger %s is damaged; it was moved to %s.", path, aside)
    return _open_checked(path, claim)
