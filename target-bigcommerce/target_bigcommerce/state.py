"""What STATE says: how far the run got, and whether the tap got to its end.

A STATE may be printed once every record before it is in the store, on disk or skipped.
It is then printed immediately, but at most once a second.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from singer_kit.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Input = Literal["complete", "cut_off", "unknown"]

PRINT_INTERVAL_SECONDS = 1.0  # Meltano writes each printed STATE to its database.

# How tap-lytics is recognized, and what its last STATE says of each stream.
TAP_KEY, PASS_STATUS, COMPLETE = "_member_id", "pass_status", "complete"

NO_STATE: Any = object()  # A STATE can have any value, also null.

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
        self._covered: Any = NO_STATE  # Once it is taken.
        self._waiting: Any = NO_STATE  # Preceded by records without an outcome.
        self._behind_exits: Any = NO_STATE  # Preceded by exits without one.
        self._taken_at = float("-inf")

    def receive(
        self,
        state: Any,  # noqa: ANN401 - any JSON
        *,
        is_covered: bool,
        is_behind_exits: bool = False,
    ) -> None:
        """Receive a STATE message's value.

        Args:
            state: the value.
            is_covered: whether every record before it has an outcome.
            is_behind_exits: whether an exit before it has none.
        """
        if is_behind_exits:
            self._behind_exits = state
            return
        self._behind_exits = NO_STATE
        if is_covered:
            self._covered, self._waiting = state, NO_STATE
        else:
            self._waiting = state

    def advance(self, *, exits_wait: bool = False) -> None:
        """Record that every record so far has an outcome, but for exits that wait."""
        if self._waiting is not NO_STATE:
            self._covered, self._waiting = self._waiting, NO_STATE
        if self._behind_exits is not NO_STATE and not exits_wait:
            self._covered, self._behind_exits = self._behind_exits, NO_STATE

    @property
    def is_due(self) -> bool:
        """Whether a second has passed since a STATE was taken."""
        return self._clock() - self._taken_at >= PRINT_INTERVAL_SECONDS

    def take(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the STATE to print, once; NO_STATE if there is no new one."""
        state, self._covered = self._covered, NO_STATE
        if state is not NO_STATE:
            self._taken_at = self._clock()
        return state


class InputTracker:
    """Finds out whether the tap got to its end; a pipe that closes does not say so.

    Only tap-lytics says so: its last message is a STATE in which every stream's
    `pass_status` is `complete`.
    """

    def __init__(self) -> None:
        self._is_empty, self.has_ended = True, False
        self._has_schema = self._has_tap_key = False
        self._has_records = self._has_replayed = False
        self._has_pass_status = self._is_whole = False

    def add(self, message: Mapping[str, Any]) -> None:
        """Note a message that was accepted."""
        self._is_empty = False
        kind = message["type"]
        if kind == "STATE":
            self._add_state(message.get("value"))
            return
        self._is_whole = False  # Another STATE must follow.
        if kind == "SCHEMA":
            self._has_schema = True
            self._has_tap_key |= TAP_KEY in (message.get("key_properties") or ())
        elif kind == "RECORD":
            self._has_replayed |= "reject" in message
            self._has_records |= "reject" not in message

    def end(self) -> None:
        """Note the end of the input."""
        self.has_ended = True

    @property
    def status(self) -> Input:
        """Whether the tap got to its end, as far as the input shows.

        Empty input is `cut_off`: a tap that succeeds sends at least a SCHEMA. The
        rejects file has no STATE, and is `unknown` like the input of another tap.
        """
        is_rejects_file = self._has_replayed and not self._has_records
        is_from_tap = self._has_tap_key and not is_rejects_file
        if self._is_empty:
            return "cut_off" if self.has_ended else "unknown"
        if not is_from_tap and not self._has_pass_status:
            return "unknown"
        return "complete" if self._is_whole and self._has_schema else "cut_off"

    def _add_state(self, value: Any) -> None:  # noqa: ANN401 - any JSON
        parts = value.get("bookmarks") if isinstance(value, dict) else None
        found = [
            part[PASS_STATUS]
            for part in (parts.values() if isinstance(parts, dict) else ())
            if isinstance(part, dict) and part.get(PASS_STATUS) is not None
        ]
        self._has_pass_status |= bool(found)
        self._is_whole = bool(found) and all(each == COMPLETE for each in found)


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
