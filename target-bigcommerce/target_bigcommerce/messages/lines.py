"""From chunks of bytes to lines, and from a line to its message. No I/O."""

from __future__ import annotations

from decimal import Decimal, DecimalException
from typing import Any

import msgspec

# Floats stay what they were: 0.1 and 12345678901234567890.5 pass unharmed.
DECODER = msgspec.json.Decoder(float_hook=Decimal)


class NotAMessageError(ValueError):
    """The line holds no Singer message. Say where it stands, never what it says."""


class Lines:
    """Cuts chunks at newlines; a line may span any number of chunks."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.pending = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; gives the lines that end in it, without their newlines."""
        *ended, tail = chunk.split(b"\n")
        if ended:
            ended[0] = b"".join([*self._parts, ended[0]])
            self._parts, self.pending = [], 0
        if tail:
            self._parts.append(tail)
            self.pending += len(tail)
        return ended

    def rest(self) -> bytes:
        """What came after the last newline."""
        return b"".join(self._parts)


def read_message(line: bytes | str) -> dict[str, Any]:
    """Read one line.

    Raises:
        NotAMessageError: with the reason, which quotes nothing of the line.
    """
    try:
        message = DECODER.decode(line)
    except RecursionError:
        raise NotAMessageError("is nested too deeply") from None
    except UnicodeError:
        raise NotAMessageError("is not UTF-8") from None
    except (ValueError, DecimalException):
        raise NotAMessageError("is not JSON") from None
    if not isinstance(message, dict):
        raise NotAMessageError("is JSON, but not an object")
    if not isinstance(message.get("type"), str):
        raise NotAMessageError("has no type")
    return message
