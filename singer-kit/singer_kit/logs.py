"""Log records that cannot forge or break a line, and standard output in whole lines."""

from __future__ import annotations

import io
import logging
import sys

from typing_extensions import override

from .errors import OutputError

MAX_MESSAGE_LENGTH = 8000  # Characters: room for a hundred names.


class EscapedLogRecord(logging.LogRecord):
    """Escapes line breaks, terminal sequences and all else that is not printable.

    Names of streams and fields and the words of a server are untrusted: they must not
    forge a line, move the cursor, change the text direction or flood the log.
    """

    @override
    def getMessage(self) -> str:
        text = super().getMessage()
        if len(text) > MAX_MESSAGE_LENGTH:
            text = f"{text[:MAX_MESSAGE_LENGTH]}…"
        return text if text.isprintable() else "".join(map(_escape, text))


def escape_log_records() -> None:
    """Make every logger of this process escape its messages."""
    logging.setLogRecordFactory(EscapedLogRecord)


def buffer_stdout() -> None:
    """Put a buffer before standard output where PYTHONUNBUFFERED removed it.

    Without one, a write into a full pipe that a signal interrupts ends short, and the
    rest of the line is lost.
    """
    given = sys.stdout
    raw = getattr(given, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding=given.encoding, errors=given.errors
        )


def require_stdout(hint: str) -> None:
    """Check that there is a standard output.

    Args:
        hint: what the plugin prints there and what to do, as a sentence.

    Raises:
        OutputError: when it was closed (`>&-`).
    """
    if sys.stdout is None:
        raise OutputError(f"Standard output is closed (>&-). {hint}")


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
