"""Log records escaped to one line, and a buffered standard output."""

from __future__ import annotations

import io
import logging
import sys

from typing_extensions import override

from .errors import OutputError

MAX_MESSAGE_LENGTH = 8000  # Characters; enough for a list of a hundred names.


class EscapedLogRecord(logging.LogRecord):
    """Escapes line breaks, terminal sequences and other unprintable characters.

    Names of streams and fields and error texts of a server are untrusted: they must not
    forge a line, move the cursor, change the text direction or flood the log.
    """

    @override
    def getMessage(self) -> str:
        text = super().getMessage()
        if len(text) > MAX_MESSAGE_LENGTH:
            text = f"{text[:MAX_MESSAGE_LENGTH]}…"
        return text if text.isprintable() else "".join(map(_escape, text))


def escape_log_records() -> None:
    """Configure all loggers of this process to escape their messages."""
    logging.setLogRecordFactory(EscapedLogRecord)


def buffer_stdout() -> None:
    """Restore the buffer of standard output if PYTHONUNBUFFERED removed it.

    Without a buffer, a signal that interrupts a write to a full pipe cuts it short, and
    the rest of the line is lost.
    """
    given = sys.stdout
    raw = getattr(given, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding=given.encoding, errors=given.errors
        )


def require_stdout(hint: str) -> None:
    """Check that standard output is open.

    Args:
        hint: completes the error: what the plugin prints there and what to do.

    Raises:
        OutputError: when it was closed (`>&-`).
    """
    if sys.stdout is None:
        raise OutputError(f"Standard output is closed (>&-). {hint}")


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
