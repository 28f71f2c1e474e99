"""Standard output that takes every line whole, also under PYTHONUNBUFFERED."""

from __future__ import annotations

import io
import sys


def write_whole() -> None:
    """Put a buffer before standard output where Python was told to have none.

    Without one, a write into a full pipe that a signal interrupts ends short, and the
    rest of the line is lost.
    """
    given = sys.stdout
    raw = getattr(given, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding=given.encoding, errors=given.errors
        )
