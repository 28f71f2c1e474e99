"""Leaving an input that has not ended: at a moment when nobody is writing to it."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from target_bigcommerce.interrupt import Interrupt

QUIET_SECONDS = 0.15  # A tap is waiting for its source, or done.
LONGEST_SECONDS = 5.0
CHUNK_BYTES = 1 << 16


def leave(
    source: IO[str] | None,
    interrupt: Interrupt,
    *,
    clock: Callable[[], float] = time.monotonic,
    quiet_seconds: float = QUIET_SECONDS,
) -> None:
    """Drop what still comes until the input ends, is quiet, or five seconds are over.

    Meltano, caught while it writes to a loader that ends, adds a page of traceback to
    the one line that says why. Between two writes it ends in peace.

    Args:
        source: the input; None for standard input. Only pipes have a writer to spare.
        interrupt: ends it at once.
        clock: seconds that never run back.
        quiet_seconds: silence for so long is a moment to leave.
    """
    descriptor = _pipe(sys.stdin if source is None else source)
    end = clock() + LONGEST_SECONDS
    while descriptor is not None and clock() < end:
        if not _dropped_some(descriptor, interrupt, quiet_seconds):
            return


def _dropped_some(descriptor: int, interrupt: Interrupt, seconds: float) -> bool:
    watched = [descriptor, interrupt.fileno()]
    ready, _, _ = select.select(watched, [], [], seconds)
    if interrupt.is_set or descriptor not in ready:
        return False
    try:
        return bool(os.read(descriptor, CHUNK_BYTES))
    except OSError:
        return False


def _pipe(source: IO[str] | None) -> int | None:
    """The descriptor of an input that another process writes, else None."""
    try:
        descriptor = None if source is None else source.fileno()
        mode = 0 if descriptor is None else os.fstat(descriptor).st_mode
    except (OSError, ValueError):  # It lives in memory, or is closed.
        return None
    return descriptor if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else None
