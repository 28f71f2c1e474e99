"""A log line stays one line, whatever others named what it tells of."""

from __future__ import annotations

import logging

from typing_extensions import override

LONGEST = 8000  # Letters: a hundred names have room.


class PlainRecord(logging.LogRecord):
    """Spells out line ends, terminal escapes and whatever else cannot be seen.

    Names of streams and fields, and what a server said, come from elsewhere: none of
    them may forge a line, move the cursor, turn the direction of writing or go on
    for ever.
    """

    @override
    def getMessage(self) -> str:
        text = super().getMessage()
        if len(text) > LONGEST:
            text = f"{text[:LONGEST]}…"
        return text if text.isprintable() else "".join(map(_spelled, text))


def keep_lines_plain() -> None:
    """Let every logger of this process write such records."""
    logging.setLogRecordFactory(PlainRecord)


def _spelled(letter: str) -> str:
    if letter.isprintable():
        return letter
    return letter.encode("unicode_escape").decode("ascii")
