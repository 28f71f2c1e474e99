"""What keeps a ledger from being read or written, and what to do about it."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAKE_ROOM = (
    "Make room on its disk, or raise the quota or the limit on the size of files, and"
    " run again: it goes on from the last state"
)
LET_WRITE = (
    "Let the tap's user write the file and its folder, or correct ledger_path, and run"
    " again"
)
# By SQLite's own words, as Python 3.10 does not tell its codes.
CURES = {
    "database or disk is full": f"{MAKE_ROOM}.",
    # What SQLite makes of a quota or a limit, too.
    "disk I/O error": f"{MAKE_ROOM}. If there is room, the disk itself is failing.",
    "attempt to write a readonly database": f"{LET_WRITE}.",
    "unable to open database file": f"{LET_WRITE}.",
    "database disk image is malformed": (
        "It is damaged: move it away, and the next run makes it anew."
    ),
}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def trouble_with(path: str, error: sqlite3.Error) -> LedgerError:
    """Tell what SQLite could not do, and the cure."""
    words = str(error)
    if "locked" in words:
        return LedgerError(
            f"The ledger {path} is held by another process: only one may export with"
            " it at a time."
        )
    cure = CURES.get(words, "Correct ledger_path, or move the file away.")
    return LedgerError(
        f"The ledger of ledger_path, {path}, cannot be used ({words}). {cure}"
    )


def cannot_open(path: str, error: OSError) -> LedgerError:
    """Tell why there is no such file to be had, and the cure."""
    cure = MAKE_ROOM if error.errno in NO_ROOM else LET_WRITE
    return LedgerError(
        f"The ledger of ledger_path, {path}, cannot be opened ({error.strerror})."
        f" {cure}."
    )


@contextmanager
def telling_of_trouble(path: str) -> Iterator[None]:
    """Speak for a ledger that cannot be read or written on the way."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise trouble_with(path, error) from None
