"""Decides which STATE may be printed, and prints it.

A STATE may be printed once every record before it is in the store, on disk or skipped.
It is then printed immediately, but at most once a second.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from singer_kit.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

PRINT_INTERVAL_SECONDS = 1.0  # Meltano writes each printed STATE to its database.

logger = logging.getLogger("target-bigcommerce")

# Fractions are read as decimals, which the SDK's writer cannot write.
_encoder = msgspec.json.Encoder(decimal_format="number")


class Checkpoint:
    """The STATE values received, and the newest one whose records all have an outcome.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._covered: Any = None  # None once taken.
        self._waiting: Any = None  # Preceded by records without an outcome.
        self._taken_at = float("-inf")

    def receive(self, state: Any, *, is_covered: bool) -> None:  # noqa: ANN401 - any JSON
        """Receive a STATE message's value.

        Args:
            state: the value.
            is_covered: whether every record before it has an outcome.
        """
        if is_covered:
            self._covered, self._waiting = state, None
        else:
            self._waiting = state

    def advance(self) -> None:
        """Record that every record so far has an outcome."""
        if self._waiting is not None:
            self._covered, self._waiting = self._waiting, None

    @property
    def is_due(self) -> bool:
        """Whether a second has passed since a STATE was taken."""
        return self._clock() - self._taken_at >= PRINT_INTERVAL_SECONDS

    def take(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the STATE to print, once; None if there is no new one."""
        state, self._covered = self._covered, None
        if state is not None:
            self._taken_at = self._clock()
        return state


def print_state(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Print a STATE's value on one line of standard output.

    Raises:
        OutputError: when the program that reads standard output has exited.
    """
    # With spaces after colons and commas, as other targets print it.
    line = msgspec.json.format(_encoder.encode(value), indent=0).decode()
    logger.debug("STATE: %s", line)
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError as error:
        _discard_stdout()
        raise OutputError(
            f"STATE could not be printed ({error.strerror}): the program that reads"
            " standard output has exited. The next run starts from the last STATE that"
            " it read."
        ) from None


def _discard_stdout() -> None:
    """Redirect to /dev/null, because the flush at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
