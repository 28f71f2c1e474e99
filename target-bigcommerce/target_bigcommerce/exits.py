"""Which members left, and how many of their values may be deleted.

A tap reports exits in two ways: by a record with `_sdc_deleted_at`, or by
ACTIVATE_VERSION, which means that every member not seen under that version has left.
A broken audience must not delete all values, so a guard limits the share.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pyroaring import BitMap64

from singer_kit.logs import counted

from .errors import TooManyClearsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

KEPT_VERSIONS = 2  # Per stream: the current and the previous one.
ALWAYS_ALLOWED = 10  # Values, whatever share of a small audience they are.
PERCENT_STEP = 5  # Of the percentage that an error suggests.


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


class ClearCounter(Protocol):
    """Counts the values cleared; see `recording.ChangeRecorder`."""

    def cleared(self, attribute: str) -> int:
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
        if self._counter.cleared(attribute) + count > ALWAYS_ALLOWED:
            values = total()
        with self._counter.transaction():
            cleared = self._counter.cleared(attribute)
            if count and cleared + count > ALWAYS_ALLOWED:
                values = max(count, total() if values is None else values)
                if (cleared + count) * 100 > self._percent * (cleared + values):
                    text = _explain(self._percent, attribute, count, cleared, values)
                    raise TooManyClearsError(text)
            yield


def _explain(
    percent: int, attribute: str, count: int, cleared: int, values: int
) -> str:
    steps = -(-(cleared + count) * 100 // ((values + cleared) * PERCENT_STEP))
    before = f"{cleared:,} were cleared" if cleared != 1 else "1 was cleared"
    wait = f"{count:,} of the {counted(values, 'value')} of {attribute}"
    wait += " waits to be cleared" if count == 1 else " wait to be cleared"
    return (
        f"{wait}, and {before} in the last 24 hours: more than max_clear_percent"
        f" {percent} allows. None of them was cleared, and STATE does not cover"
        " them. If the audience really shrank that much, run once with"
        f" max_clear_percent {min(100, steps * PERCENT_STEP)}."
    )
