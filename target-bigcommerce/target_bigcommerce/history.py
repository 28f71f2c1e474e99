"""The history: an SQLite file with a store's runs and every value they wrote.

Hides the file's format and how it survives kills, power failures and several runs at
once. Changes have two phases: they are committed as pending before the call that writes
them, and become done or dropped when its outcome is known. A run that is killed in
between leaves pending changes, which the next run of the store resolves.

A run holds a lock on a file beside the history, `{history_path}.run-{id}`, which the
operating system releases when the process ends. A process id would not do: it is used
again, and means another process in another container.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import msgspec

from .errors import HistoryError
from .plan import Change, ClearedValues, RecordedChange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from .plan import Action

RunStatus = Literal["succeeded", "incomplete", "failed", "stopped"]

APPLICATION_ID = 0x42434849  # Identifies histories; other SQLite files are refused.
FORMAT = 1
BUSY_SECONDS = 10.0  # How long to wait for another process that writes.
BUSY_PAUSE_SECONDS = 0.05
DAY_SECONDS = 24 * 3600.0
ROWS_PER_PURGE = 5000
TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, job TEXT NOT NULL,
    started REAL NOT NULL, ended REAL, status TEXT NOT NULL, input TEXT, counts TEXT,
    changes_path TEXT
);
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, at REAL NOT NULL,
    stream TEXT NOT NULL, customer INTEGER, email TEXT,
    kind TEXT NOT NULL, name TEXT NOT NULL, old TEXT, new TEXT,
    action TEXT NOT NULL, state TEXT NOT NULL, logged INTEGER, stored TEXT
);
CREATE INDEX changes_by_customer ON changes (customer);
CREATE INDEX changes_by_run ON changes (run);
CREATE INDEX changes_reformed ON changes (customer) WHERE stored IS NOT NULL;
CREATE INDEX changes_pending ON changes (run) WHERE state = 'pending';
CREATE INDEX changes_unlogged ON changes (run) WHERE logged = 0 AND state = 'done';
CREATE INDEX changes_cleared ON changes (name, at) WHERE action = 'clear';
CREATE TABLE rejects (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, at REAL NOT NULL,
    stream TEXT NOT NULL, customer INTEGER, code TEXT NOT NULL, reason TEXT NOT NULL,
    status INTEGER
);
CREATE INDEX rejects_by_run ON rejects (run);
CREATE INDEX rejects_by_customer ON rejects (customer);
CREATE TABLE store_facts (
    store TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (store, name)
) WITHOUT ROWID
"""
ENTRY_COLUMNS = "id, at, stream, customer, email, kind, name, old, new, action"

_encoder = msgspec.json.Encoder(decimal_format="number")


class History:
    """The history of one store. Runs of several jobs may use the file at once.

    Args:
        connection: to the file.
        path: the file.
        store: the store's hash.
        now: returns seconds since 1970.
        store_time: returns the time by the store's clock, None if it is unknown.

    Raises:
        HistoryError: by every method, when the file cannot be read or written.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        *,
        store: str,
        now: Callable[[], float] = time.time,
        store_time: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._path = path
        self._store = store
        self.now = now
        self._store_time = store_time
        self.run = 0
        self.is_new = False  # Whether the store had no run before this one.
        self._changes_path: str | None = None
        self._file = Path(path).stat()
        self._is_durable: bool | None = None  # Of transactions.
        self._lock: int | None = None
        self._rejects: list[tuple[Any, ...]] = []

    @contextmanager
    def transaction(self, *, is_durable: bool = False) -> Iterator[None]:
        """Make a block one transaction; a block within it is part of it.

        Args:
            is_durable: whether it survives a power failure. If not, it survives that
                the process is killed.
        """
        if self._connection.in_transaction:
            yield
            return
        if is_durable is not self._is_durable:
            level = "FULL" if is_durable else "NORMAL"
            self._execute(f"PRAGMA synchronous = {level}")
            self._is_durable = is_durable
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file. A run that was not finished counts as killed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self._connection.close()

    # Time. One of two clocks may be wrong.

    @property
    def knows_store_time(self) -> bool:
        """Whether a response of this run had the store's time."""
        return self._store_time() is not None

    def earliest_now(self) -> float:
        """Return the earlier of this machine's time and the store's."""
        return min(self.now(), self._store_time() or float("inf"))

    def latest_now(self) -> float:
        """Return the later of this machine's time and the store's."""
        return max(self.now(), self._store_time() or 0.0)

    # Runs.

    def start_run(self, job: str, *, changes_path: str | None = None) -> None:
        """Add a run, which is running until `finish_run` or the end of the process.

        Args:
            job: name of the job.
            changes_path: the file that gets a line for every change.
        """
        self._changes_path = os.path.realpath(changes_path) if changes_path else None
        with self.transaction():
            earlier = self._execute(
                "SELECT 1 FROM runs WHERE store = ?", (self._store,)
            )
            self.is_new = earlier.fetchone() is None
            added = self._execute(
                "INSERT INTO runs (store, job, started, status, changes_path)"
                " VALUES (?, ?, ?, 'running', ?)",
                (self._store, job, self.now(), self._changes_path),
            )
            self.run = added.lastrowid or 0
            try:
                self._lock = _lock(self._lock_path(self.run))
            except OSError as error:
                raise _failure(self._path, str(error.strerror)) from None

    def name_job(self, job: str) -> None:
        """Change the name of the run's job."""
        self._execute("UPDATE runs SET job = ? WHERE id = ?", (job, self.run))

    def finish_run(
        self,
        *,
        status: RunStatus,
        input: str,  # noqa: A002 - the column
        counts: Mapping[str, Any],
    ) -> None:
        """Record the end of the run.

        Args:
            status: how it ended.
            input: `complete`, `cut_off` or `unknown`.
            counts: the summary.
        """
        with self.transaction():
            self.commit_rejects()
            self._execute(
                "UPDATE runs SET ended = ?, status = ?, input = ?, counts = ?"
                " WHERE id = ?",
                (self.now(), status, input, to_json(counts), self.run),
            )
        self._lock_path(self.run).unlink(missing_ok=True)

    def ended_runs(self) -> list[int]:
        """List the store's runs that have ended and left pending changes.

        Marks those that are running no more as killed.
        """
        found = self._execute(
            "SELECT id, status FROM runs WHERE store = ? AND id != ? AND"
            " (status = 'running' OR id IN"
            " (SELECT run FROM changes WHERE state = 'pending')) ORDER BY id",
            (self._store, self.run),
        ).fetchall()
        ended = []
        for run, status in found:
            if status == "running":
                path = self._lock_path(run)
                if _is_locked(path):
                    continue
                self._execute("UPDATE runs SET status = 'killed' WHERE id = ?", (run,))
                path.unlink(missing_ok=True)
            ended.append(run)
        return ended

    # Changes.

    def add_pending(self, entries: Sequence[RecordedChange]) -> None:
        """Commit changes as pending and set their ids.

        They are on disk when this returns, so they survive a power failure.
        """
        if not entries:
            return
        self._check_file()
        logged = None if self._changes_path is None else 0
        rows = (
            (
                self.run,
                each.at,
                each.stream,
                each.customer,
                each.email,
                "attribute" if each.change.is_attribute else "field",
                each.change.name,
                to_json(each.change.old),
                to_json(each.change.new),
                each.action,
                logged,
            )
            for each in entries
        )
        with self.transaction(is_durable=True):
            self._execute_many(
                "INSERT INTO changes (run, at, stream, customer, email, kind, name,"
                " old, new, action, state, logged)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?)",
                rows,
            )
            [last] = self._execute("SELECT last_insert_rowid()").fetchone()
        for number, entry in enumerate(entries, start=last - len(entries) + 1):
            entry.id, entry.run = number, self.run

    def settle(
        self, done: Sequence[RecordedChange], dropped: Sequence[RecordedChange]
    ) -> None:
        """Mark changes as done or dropped; one with a customer loses its email.

        Args:
            done: changes that the store holds.
            dropped: changes that it does not hold; skipped if they are done.
        """
        rows: list[tuple[Any, ...]] = [
            ("done", each.customer, each.id, to_json(*each.stored or [None]))
            for each in done
            if each.id
        ]
        rows += [
            ("dropped", each.customer, each.id, None) for each in dropped if each.id
        ]
        if not rows:
            return
        with self.transaction():
            self._execute_many(
                "UPDATE changes SET state = ?1, customer = ?2, stored = ?4,"
                " email = CASE WHEN ?2 IS NULL THEN email END"
                " WHERE id = ?3 AND (state = 'pending' OR ?1 = 'done')",
                rows,
            )

    def pending(self, runs: Iterable[int]) -> list[RecordedChange]:
        """List the pending changes of runs."""
        rows = []
        for run in runs:
            rows += self._execute(
                f"SELECT {ENTRY_COLUMNS}, run FROM changes"  # noqa: S608 - a constant
                " WHERE run = ? AND state = 'pending' ORDER BY id",
                (run,),
            ).fetchall()
        return [_to_entry(*row) for row in rows]

    def later_old(self, entry: RecordedChange) -> list[Any]:
        """Return the old value of the next change of the same value, if there is one.

        The run that made it read that value in the store.
        """
        row = self._execute(
            "SELECT changes.old FROM changes JOIN runs ON runs.id = changes.run"
            " WHERE store = ? AND customer = ? AND kind = ? AND name = ?"
            " AND changes.id > ? ORDER BY changes.id LIMIT 1",
            (
                self._store,
                entry.customer,
                "attribute" if entry.change.is_attribute else "field",
                entry.change.name,
                entry.id,
            ),
        ).fetchone()
        return [] if row is None else [_from_json(row[0])]

    def other_forms(
        self, customers: Sequence[int]
    ) -> set[tuple[int, str, bool, Any, Any]]:
        """Return values that the store returned in another form than they were sent.

        Args:
            customers: ids of the customers; at most a few hundred.

        Returns:
            Customer, name, whether it is an attribute, and both forms as JSON.
        """
        listed = ",".join(map(str, customers))
        rows = self._execute(
            "SELECT customer, name, kind = 'attribute', new, stored FROM changes"  # noqa: S608 - numbers
            f" WHERE customer IN ({listed}) AND stored IS NOT NULL AND state = 'done'"
            " AND run IN (SELECT id FROM runs WHERE store = ?)",
            (self._store,),
        )
        return {(row[0], row[1], bool(row[2]), row[3], row[4]) for row in rows}

    def unlogged(self) -> list[RecordedChange]:
        """List changes that are done and lack a line in this run's `changes_path`."""
        if self._changes_path is None:
            return []
        rows = self._execute(
            f"SELECT {ENTRY_COLUMNS}, run FROM changes"  # noqa: S608 - a constant
            " WHERE logged = 0 AND state = 'done' AND run IN"
            " (SELECT id FROM runs WHERE store = ? AND changes_path = ?) ORDER BY id",
            (self._store, self._changes_path),
        ).fetchall()
        return [_to_entry(*row) for row in rows]

    def mark_logged(self, entries: Sequence[RecordedChange]) -> None:
        """Record that changes have a line in `changes_path`, which is on disk."""
        if self._changes_path is None or not entries:
            return
        with self.transaction():
            self._execute_many(
                "UPDATE changes SET logged = 1 WHERE id = ? AND logged = 0",
                [(each.id,) for each in entries if each.id],
            )

    # The guard.

    def cleared(self, attribute: str) -> ClearedValues:
        """Count the values of an attribute cleared in the last 24 hours by any run.

        Those that an earlier run dated in the future, when a clock was wrong, count for
        24 hours from now.
        """
        latest = self.latest_now()
        query = "action = 'clear' AND name = ? AND at > ? AND state != 'dropped'"
        mine = "EXISTS (SELECT 1 FROM runs WHERE id = changes.run AND store = ?)"
        [ahead] = self._execute(
            f"SELECT count(*) FROM changes WHERE {query} AND {mine}",  # noqa: S608 - constants
            (attribute, latest, self._store),
        ).fetchone()
        if ahead and self.run:
            self._execute(
                f"UPDATE changes SET at = ? WHERE {query} AND {mine}",  # noqa: S608 - constants
                (latest, attribute, latest, self._store),
            )
        found = self._execute(
            "SELECT count(*) FILTER (WHERE state = 'done'),"  # noqa: S608 - constants
            " count(*) FILTER (WHERE state = 'pending')"
            f" FROM changes WHERE {query} AND {mine}",
            (attribute, self.earliest_now() - DAY_SECONDS, self._store),
        ).fetchone()
        return ClearedValues(*found)

    # Rejects and facts.

    def add_reject(
        self,
        stream: str,
        *,
        code: str,
        reason: str,
        status: int | None,
        customer: int | None,
    ) -> None:
        """Add a reject, without its record; `commit_rejects` writes it."""
        self._rejects.append(
            (self.run, self.now(), stream, customer, code, reason, status)
        )

    def commit_rejects(self) -> None:
        """Write the rejects added so far."""
        if not self._rejects:
            return
        with self.transaction():
            self._execute_many(
                "INSERT INTO rejects (run, at, stream, customer, code, reason, status)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                self._rejects,
            )
        self._rejects.clear()

    def facts(self) -> dict[str, int]:
        """Return the limits of the store that runs have found out, by name."""
        rows = self._execute(
            "SELECT name, CAST(value AS INTEGER) FROM store_facts WHERE store = ?",
            (self._store,),
        )
        return dict(rows.fetchall())

    def lower_facts(self, facts: Mapping[str, int]) -> None:
        """Remember limits of the store, except where another run found a lower one."""
        rows = [(self._store, name, n, self.now()) for name, n in facts.items()]
        with self.transaction():
            self._execute_many(
                "INSERT INTO store_facts VALUES (?, ?, ?, ?)"
                " ON CONFLICT (store, name) DO UPDATE"
                " SET value = excluded.value, at = excluded.at"
                " WHERE CAST(excluded.value AS INTEGER) < CAST(value AS INTEGER)",
                rows,
            )

    # Age.

    def purge(self, days: int) -> int:
        """Delete what is older than a number of days, of every store in the file.

        Works in short transactions, so that other runs need not wait. Keeps pending
        changes and the runs of changes that are kept. The limits of a store are found
        out again, as BigCommerce may have raised them.

        Returns:
            The number of changes deleted.
        """
        before = self.earliest_now() - days * DAY_SECONDS
        purged = 0
        for table in ("changes", "rejects"):
            keep = "AND state != 'pending'" if table == "changes" else ""
            last = 0
            while True:
                # Ids ascend with time, so old rows come first.
                rows = self._execute(
                    f"SELECT id, at < ? {keep} FROM {table}"  # noqa: S608 - constants
                    " WHERE id > ? ORDER BY id LIMIT ?",
                    (before, last, ROWS_PER_PURGE),
                ).fetchall()
                old = [(number,) for number, is_old in rows if is_old]
                if not old:
                    break
                last = rows[-1][0]
                with self.transaction():
                    self._execute_many(f"DELETE FROM {table} WHERE id = ?", old)  # noqa: S608 - constants
                purged += len(old) if table == "changes" else 0
        self._execute(
            "DELETE FROM runs"
            " WHERE status != 'running' AND coalesce(ended, started) < ?"
            " AND NOT EXISTS (SELECT 1 FROM changes WHERE run = runs.id)"
            " AND NOT EXISTS (SELECT 1 FROM rejects WHERE run = runs.id)",
            (before,),
        )
        self._execute("DELETE FROM store_facts WHERE at < ?", (before,))
        return purged

    def _execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        with history_errors(self._path):
            return self._connection.execute(statement, values)

    def _execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with history_errors(self._path):
            self._connection.executemany(statement, rows)

    def _check_file(self) -> None:
        """Check that the path still names this file, so that the next run finds it."""
        try:
            is_same = os.path.samestat(self._file, Path(self._path).stat())
        except OSError:
            is_same = False
        if not is_same:
            raise _failure(self._path, "it was moved or deleted during the run")

    def _lock_path(self, run: int) -> Path:
        return Path(f"{self._path}.run-{run}")


def _to_entry(  # noqa: PLR0913, PLR0917 - the columns
    number: int,
    at: float,
    stream: str,
    customer: int | None,
    email: str | None,
    kind: str,
    name: str,
    old: str | None,
    new: str | None,
    action: Action,
    run: int,
) -> RecordedChange:
    change = Change(
        name=name,
        is_attribute=kind == "attribute",
        old=_from_json(old),
        new=_from_json(new),
    )
    return RecordedChange(
        at=at,
        stream=stream,
        action=action,
        change=change,
        customer=customer,
        email=email,
        id=number,
        run=run,
    )


def to_json(value: Any) -> str | None:  # noqa: ANN401 - any JSON
    """Write a value as the history does; None for null."""
    return None if value is None else _encoder.encode(value).decode()


def _from_json(text: str | None) -> Any:  # noqa: ANN401 - any JSON
    return None if text is None else msgspec.json.decode(text)


# The file.


def open_history(
    path: str,
    *,
    store: str,
    now: Callable[[], float] = time.time,
    store_time: Callable[[], float | None] = lambda: None,
) -> History:
    """Open the history, or create it; only its owner can read a new one.

    Args:
        path: the file.
        store: the store's hash.
        now: returns seconds since 1970.
        store_time: returns the time by the store's clock, None if it is unknown.

    Raises:
        HistoryError: when it cannot be opened or is not a history.
    """
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        is_file = stat.S_ISREG(Path(path).stat().st_mode)
    except OSError as error:
        raise _failure(path, str(error.strerror)) from None
    except ValueError:
        raise _failure(path, "this is not a possible file name") from None
    if not is_file:
        raise _failure(path, "it is not a regular file")
    with history_errors(path):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _while_busy(lambda: _prepare(connection, path))
        except BaseException:
            connection.close()
            raise
    return History(connection, path, store=store, now=now, store_time=store_time)


def open_to_read(
    path: str,
    *,
    store: str,
    now: Callable[[], float] = time.time,
    store_time: Callable[[], float | None] = lambda: None,
) -> History | None:
    """Open the history without changing it; returns None if there is none yet.

    Raises:
        HistoryError: when it cannot be read or is not a history.
    """
    try:
        if not Path(path).exists():
            return None
    except (OSError, ValueError):
        raise _failure(path, "this is not a possible file name") from None
    with history_errors(path):
        uri = f"file:{quote(path)}?mode=ro"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None
        )
        try:
            if not _is_history(connection, path):
                connection.close()
                return None
        except BaseException:
            connection.close()
            raise
    return History(connection, path, store=store, now=now, store_time=store_time)


@contextmanager
def history_errors(path: str) -> Iterator[None]:
    """Convert SQLite's errors.

    Raises:
        HistoryError: for any error of SQLite.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _failure(path, str(error)) from None


def _failure(path: str, why: str) -> HistoryError:
    return HistoryError(f"history_path {path} cannot be used: {why}.")


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    is_new = not _is_history(connection, path)
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA secure_delete = ON",
        "PRAGMA fullfsync = ON",  # For macOS: see `transaction`.
    ):
        connection.execute(statement)
    if is_new:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            if not _is_history(connection, path):  # Not created by another run.
                for statement in TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {FORMAT}")


def _is_history(connection: sqlite3.Connection, path: str) -> bool:
    """Whether a database is a history; false if it is empty."""
    is_alone = not connection.in_transaction
    if is_alone:  # Another run may create the tables meanwhile.
        connection.execute("BEGIN")
    try:
        [application] = connection.execute("PRAGMA application_id").fetchone()
        [version] = connection.execute("PRAGMA user_version").fetchone()
        [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    finally:
        if is_alone:
            connection.execute("ROLLBACK")
    if not tables and not application:
        return False
    if application != APPLICATION_ID:
        raise _failure(path, "it is another program's database")
    if version != FORMAT:
        raise _failure(path, "a newer version of target-bigcommerce wrote it")
    return True


def _while_busy(work: Callable[[], None]) -> None:
    # SQLite does not wait when two processes switch a new file to WAL.
    ends = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            work()
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > ends:
                raise
            time.sleep(BUSY_PAUSE_SECONDS)
        else:
            return


# Locks of running processes.


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:  # Another user's.
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
