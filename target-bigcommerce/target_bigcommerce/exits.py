"""Which members left, and how many of their values may be deleted.

A tap reports exits in two ways: by a record with `_sdc_deleted_at`, or by
ACTIVATE_VERSION, which means that every member not seen under that version has left.
A broken audience must not delete all values, so a guard limits the share.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyroaring import BitMap64

from .errors import TooManyClearsError

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_VERSIONS = 2  # Per stream: the current and the previous one.
DAY_SECONDS = 24 * 3600.0
ALWAYS_ALLOWED = 100  # Values, whatever share of a small audience they are.


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
                f"{self.unidentified} records of the activated version had an"
                " unreadable id, or had none and were rejected"
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


class ClearGuard:
    """Limits the share of an attribute's values that is cleared within 24 hours.

    Args:
        percent: the maximum share, from 0 to 100.
        clock: returns monotonic seconds.
    """

    def __init__(
        self, percent: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._percent = percent
        self._clock = clock
        self._admitted: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    def admit(self, count: int, *, attribute: str, total: Callable[[], int]) -> None:
        """Allow a number of values to be cleared.

        Args:
            count: number of values to clear now.
            attribute: their attribute; each attribute is counted separately.
            total: counts the attribute's current values; called only if needed.

        Raises:
            TooManyClearsError: when that is too many; none of them may be cleared.
        """
        now, admitted = self._clock(), self._admitted[attribute]
        while admitted and now - admitted[0][0] >= DAY_SECONDS:
            admitted.popleft()
        before = sum(cleared for _, cleared in admitted)
        if before + count > ALWAYS_ALLOWED:
            values = total() + before
            if (before + count) * 100 > self._percent * values:
                text = self._error_text(before + count, values, attribute)
                raise TooManyClearsError(text)
        if count:
            admitted.append((now, count))

    def _error_text(self, count: int, values: int, attribute: str) -> str:
        return (
            f"{count:,} of the {values:,} values of {attribute} would be cleared within"
            f" 24 hours, more than max_clear_percent {self._percent} allows. None of"
            " these were cleared, and STATE does not cover them. If the audience really"
            f" shrank that much, run once with max_clear_percent"
            f" {min(100, -(-count * 100 // max(values, 1)))}."
        )
