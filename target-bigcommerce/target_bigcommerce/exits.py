"""Which members left, and how many of their values may be deleted.

A tap reports exits in two ways: by a record with the mark `_sdc_deleted_at`, or by
ACTIVATE_VERSION, which means that every member not seen under that version has left.
A broken audience must not delete all values, so a guard limits the share. Exits wait
apart from other records, so that the guard decides on all of them at once.
"""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from pyroaring import BitMap64

from singer_kit.logs import counted

from .dates import is_zero_date
from .errors import TooManyClearsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from .plan import ClearedValues

KEPT_VERSIONS = 2  # Per stream: the current and the previous one.
ALWAYS_ALLOWED = 10  # Values, whatever share of a small audience they are.
PERCENT_STEP = 5  # Of the percentage that an error suggests.
NO_MARK = re.compile(r"|null|false|0+(\.0+)?", re.ASCII | re.IGNORECASE)

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def is_mark(value: Any) -> bool:  # noqa: ANN401 - any JSON, or what a stream map makes
    """Whether a value of `_sdc_deleted_at` says that the member left.

    Taps write nothing, `false`, `0` or a zero date for members who did not.
    """
    if isinstance(value, str):
        text = value.strip()
        return not (NO_MARK.fullmatch(text) or is_zero_date(text))
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float | Decimal):
        is_number = not (isinstance(value, Decimal) and value.is_nan())
        return is_number and value > 0
    return isinstance(value, date)


# Members reported by records.


class BufferedExit:
    """The newest record of a member who left; small, as there can be many.

    Args:
        order: position among all records of the run.
        message: the RECORD message as the rejects file holds it.
    """

    __slots__ = ("_message", "order")

    def __init__(self, order: int, message: Mapping[str, Any]) -> None:
        self.order = order
        self._message = _encoder.encode(message)

    @property
    def message(self) -> dict[str, Any]:
        """The RECORD message."""
        found: dict[str, Any] = _decoder.decode(self._message)
        return found


class ExitBuffer:
    """The members who left, of all streams, until their values are deleted.

    Args:
        clock: returns monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._streams: dict[str, dict[int, BufferedExit]] = {}
        self._since: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether none waits."""
        return not self._streams

    @property
    def age(self) -> float | None:
        """Seconds since one waits; None if none does."""
        return None if self._since is None else self._clock() - self._since

    def add(self, stream: str, customer_id: int, record: BufferedExit) -> bool:
        """Add an exit; return whether the customer has one that waits."""
        if self._since is None:
            self._since = self._clock()
        exits = self._streams.setdefault(stream, {})
        is_known = customer_id in exits
        exits[customer_id] = record
        return is_known

    def cancel(self, stream: str, customer_id: int, *, order: int) -> bool:
        """Remove the exit of a customer of whom a later record is a member's.

        Args:
            stream: the stream.
            customer_id: the customer.
            order: position of that record.

        Returns:
            Whether there was one.
        """
        exits = self._streams.get(stream, {})
        found = exits.get(customer_id)
        if found is None or found.order > order:
            return False
        del exits[customer_id]
        if not exits:
            self.remove(stream)
        return True

    def of(self, stream: str) -> Mapping[int, BufferedExit]:
        """Return the exits of a stream by customer."""
        return self._streams.get(stream, {})

    def remove(self, stream: str) -> None:
        """Remove the exits of a stream."""
        self._streams.pop(stream, None)
        if self.is_empty:
            self._since = None


# Members seen under a version.


@dataclass(slots=True)
class SeenMembers:
    """The customers read under one version of a stream.

    Args:
        customers: their ids; a million take a few megabytes.
        records: number of records read.
        unidentified: number of records whose customer is unknown: their id is
            unreadable, or they have none and were rejected.
    """

    customers: BitMap64 = field(default_factory=BitMap64)
    records: int = 0
    unidentified: int = 0

    @property
    def incomplete_reason(self) -> str:
        """Why members not seen may not have left; empty if they have."""
        if not self.records:
            return (
                "No record came under the activated version (an empty audience looks"
                " the same)"
            )
        if self.unidentified:
            return (
                f"{counted(self.unidentified, 'record')} of the activated version had"
                " an unreadable id, or none and could not be written"
            )
        return ""


class StreamVersions:
    """The members seen, by stream and version; outlives the sinks of a stream."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[int, SeenMembers]] = {}

    def add_record(self, stream: str, version: int | None) -> SeenMembers | None:
        """Count a record; return the members of its version, None without a version."""
        if version is None:
            return None
        versions = self._seen.setdefault(stream, {})
        if version not in versions:
            versions[version] = SeenMembers()
            for old in list(versions)[:-KEPT_VERSIONS]:
                del versions[old]
        seen = versions[version]
        seen.records += 1
        return seen

    def members(self, stream: str, version: int) -> SeenMembers:
        """Return the members seen under a version."""
        return self._seen.get(stream, {}).get(version, SeenMembers())


# The guard.


class ClearCounter(Protocol):
    """Counts the values cleared; see `recording.ChangeRecorder`."""

    def cleared(self, attribute: str) -> ClearedValues:
        """Count an attribute's values cleared, or about to be, in the last 24 hours."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Keep other runs from recording changes during a block."""
        ...


class ClearGuard:
    """Limits the share of an attribute's values that is cleared within 24 hours.

    The values that all runs cleared count, and those about to be cleared.

    Args:
        percent: the maximum share, from 0 to 100. 10 values are always allowed.
        counter: counts the values cleared.
    """

    def __init__(self, percent: int, counter: ClearCounter) -> None:
        self._percent = percent
        self._counter = counter

    @contextmanager
    def admit(
        self, count: int, *, attribute: str, total: Callable[[], int]
    ) -> Iterator[None]:
        """Allow a number of values to be cleared.

        They must be recorded within the block, so that two runs that clear values of
        the same attribute at the same time cannot both be allowed to.

        Args:
            count: number of values that wait to be cleared.
            attribute: their attribute; each attribute is counted separately.
            total: counts the attribute's current values; called only if needed.

        Raises:
            TooManyClearsError: when that is too many; none of them may be cleared.
        """
        values = None
        if self._counter.cleared(attribute).total + count > ALWAYS_ALLOWED:
            values = total()
        with self._counter.transaction():
            cleared = self._counter.cleared(attribute)
            if count and cleared.total + count > ALWAYS_ALLOWED:
                values = max(count, total() if values is None else values)
                # The store may still count those that are pending.
                share = 100 * (cleared.total + count) / (cleared.confirmed + values)
                if share > self._percent:
                    raise TooManyClearsError(
                        f"{_describe(count, values, attribute, cleared.total)}: more"
                        f" than max_clear_percent {self._percent} allows. None of them"
                        " was cleared, and STATE does not cover them. If the audience"
                        " really shrank that much, run once with max_clear_percent"
                        f" {min(100, math.ceil(share / PERCENT_STEP) * PERCENT_STEP)}."
                    )
            yield


def _describe(count: int, values: int, attribute: str, cleared: int) -> str:
    before = f"{cleared:,} were cleared" if cleared != 1 else "1 was cleared"
    wait = f"{count:,} of the {counted(values, 'value')} of {attribute}"
    wait += " waits to be cleared" if count == 1 else " wait to be cleared"
    return f"{wait}, and {before} in the last 24 hours"
