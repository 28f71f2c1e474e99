"""STATE on standard output, every value as it came."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import msgspec

from target_bigcommerce.errors import OutputError

logger = logging.getLogger("target-bigcommerce")

# The SDK's own writer knows no decimals, which is what fractions are read as.
_encoder = msgspec.json.Encoder(decimal_format="number")


def print_state(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Print a STATE's value as a line of its own.

    Raises:
        OutputError: when nobody reads it any more.
    """
    # With blanks, as every other target prints it.
    line = msgspec.json.format(_encoder.encode(value), indent=0).decode()
    logger.debug("STATE: %s", line)
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError as error:
        _silence()
        raise OutputError(
            f"STATE could not be printed ({error.strerror}): whoever reads it has"
            " ended. The next run begins at the last state that was read."
        ) from None


def _silence() -> None:
    """Give up on an output that nobody reads; its flush at the end would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
