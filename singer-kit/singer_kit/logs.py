"""The log, set up whatever the environment says, and a standard output in UTF-8.

`_setup_console_logging` of the SDK has no public counterpart. It raises for a level
that does not exist and for a logging configuration that cannot be used.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from typing import TYPE_CHECKING

from singer_sdk._logging import _setup_console_logging
from typing_extensions import override

from .errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SYNONYMS = {"WARN": "WARNING", "FATAL": "CRITICAL", "NOTSET": "DEBUG"}
LOG_CONFIG = "SINGER_SDK_LOG_CONFIG"  # Meltano sets it to a file of its own.
# Lines of the SDK that tell a user nothing, or quote an expression, which can hold
# personal data.
DROPPED = frozenset(
    {
        "Parsing env var for settings config...",
        "Skipping parse of env var settings...",
        "Found '%s' filter rule: %s",
    }
)
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


def set_up_logging(prefix: str, logger: logging.Logger) -> None:
    """Log to standard error, at the level of the environment or at INFO.

    An invalid level and an unusable SINGER_SDK_LOG_CONFIG cost one warning each.

    Args:
        prefix: prefix of the plugin's variables, such as `TAP_LYTICS_`.
        logger: logs the warnings.
    """
    escape_log_records()
    drop_sdk_lines(logger)
    level, invalid = read_log_level(os.environ, prefix)
    # The SDK reads the variable again when it creates the plugin.
    os.environ[f"{prefix}LOGLEVEL"] = level
    problem = _open_log(level)
    for handler in _handlers():
        stream = getattr(handler, "stream", None)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if invalid:
        logger.warning(
            "%s names no log level; %s is used. Levels: %s.",
            invalid,
            level,
            ", ".join(LEVELS),
        )
    if problem:
        logger.warning(
            "%s names a file that cannot be used as a logging configuration (%s); the"
            " log goes to standard error.",
            LOG_CONFIG,
            problem,
        )


def drop_sdk_lines(logger: logging.Logger) -> None:
    """Keep lines of the SDK out of the log that are of no use in it."""
    for each in (logger, logging.getLogger("singer_sdk.mapper")):
        each.addFilter(_is_kept)


def _is_kept(record: logging.LogRecord) -> bool:
    return record.msg not in DROPPED


def _open_log(level: str) -> str | None:
    """Let the SDK set up the log; return the kind of error of its configuration."""
    if not os.environ.get(LOG_CONFIG):
        os.environ.pop(LOG_CONFIG, None)
    try:
        _setup_console_logging(log_level=level)
    except Exception as error:  # noqa: BLE001 - any, of the file, YAML or a handler
        del os.environ[LOG_CONFIG]
        logging.root.handlers.clear()
        _setup_console_logging(log_level=level)
        return type(error).__name__
    return None


def read_log_level(
    environment: MutableMapping[str, str], prefix: str
) -> tuple[str, str | None]:
    """Return the level that the environment names, and the variable if it is invalid.

    Numbers count as the level at or above them; an invalid level as INFO.
    """
    for variable in (f"{prefix}LOGLEVEL", "LOGLEVEL"):
        text = environment.get(variable, "").strip().upper()
        name = SYNONYMS.get(text, text)
        if name in LEVELS:
            return name, None
        if name.isdecimal():
            at = -(-int(name[:3]) // 10) - 1
            return LEVELS[min(max(at, 0), len(LEVELS) - 1)], None
        if name:
            return "INFO", variable
    return "INFO", None


def _handlers() -> Iterator[logging.Handler]:
    yield from logging.root.handlers
    for each in logging.root.manager.loggerDict.values():
        if isinstance(each, logging.Logger):
            yield from each.handlers


def prepare_stdout() -> None:
    """Print UTF-8 whatever the locale is, through a buffer.

    PYTHONUNBUFFERED removes the buffer. Without it, a signal that interrupts a write to
    a full pipe cuts it short, and the rest of the line is lost.
    """
    given = sys.stdout
    raw = getattr(given, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace"
        )
    elif isinstance(given, io.TextIOWrapper):
        given.reconfigure(encoding="utf-8", errors="backslashreplace")


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


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 record`, `1,002 records`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def were(number: int, noun: str) -> str:
    """Return a number with its noun and verb: `1 record was`, `2 records were`."""
    return f"{counted(number, noun)} {'was' if number == 1 else 'were'}"
