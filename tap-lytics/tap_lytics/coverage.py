"""Whether a scan was complete, and which members it saw.

Pure. Lytics may return fewer members than the audience has; only a scan that accounts
for all of them shows who left.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from singer_kit.logs import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LEAVING = 10  # At most one in ten members is assumed to leave during a scan.
PREFIX = 16  # Hex digits of a key: two of a million collide in one of 37 M scans.
BUCKETS = 256


class SeenMembers:
    """The members that a scan saw, in eight bytes per member read."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(BUCKETS)]

    def update(self, keys: Iterable[str]) -> None:
        """Add members, repeated ones too."""
        buckets = self._buckets
        for key in keys:
            number = int(key[:PREFIX], 16)
            buckets[number >> 56].append(number)

    def __contains__(self, key: str) -> bool:
        """Whether a member was added."""
        number = int(key[:PREFIX], 16)
        return number in self._buckets[number >> 56]

    def count_read(self) -> int:
        """Count what was added, with repeats."""
        return sum(map(len, self._buckets))

    def count(self) -> int:
        """Count the distinct members."""
        return sum(len(set(bucket)) for bucket in self._buckets)

    def bucket(self, first_byte: int) -> set[int]:
        """Return the members whose key starts with this byte, by `number_of`."""
        return set(self._buckets[first_byte])


def number_of(member: bytes) -> int:
    """Return the first eight bytes of a member's key as a number."""
    return int.from_bytes(member[: PREFIX // 2], "big")


@dataclass(slots=True, kw_only=True)
class ScanCoverage:
    """What a full sync saw, compared with the counts that Lytics reports.

    `starts` is how often the scan started at its first page in this process: 0 if it
    resumes a scan of another run, which read `read_before` members (None if the state
    does not say). `total` is the count on the last page, None if it had none;
    `counted` the last count on any page, `highest` the highest, `growth` the sum of
    its increases. `gave_up` is whether the scan ended despite another cursor. `size` is
    the audience's size; None if it is unknown, or if a filter selects some members.
    """

    starts: int
    read_before: int | None = 0
    total: int | None = None
    counted: int | None = None
    highest: int = 0
    growth: int = 0
    gave_up: bool = False
    size: int | None = None
    seen: SeenMembers = field(default_factory=SeenMembers)

    @property
    def read(self) -> int | None:
        """How many members were read since the scan started, with repeats."""
        if self.read_before is None:
            return None
        return self.read_before + self.seen.count_read()

    @property
    def seen_in_total(self) -> int:
        """How many members the scan saw, including the runs before."""
        return (self.read_before or 0) + self.seen.count()

    @property
    def count_dropped(self) -> bool:
        """Whether the count fell by more members than can leave during a scan."""
        least = self.highest - max(1, self.highest // MAX_LEAVING)
        return self.total is not None and self.total < least

    @property
    def expected(self) -> int | None:
        """How many members the audience has, by the counts of Lytics."""
        counted = self.highest if self.count_dropped else self.counted
        known = [count for count in (counted, self.size) if count is not None]
        return max(known, default=None)

    def lower_size(self, size: int | None) -> None:
        """Take a size that Lytics reports after the scan, if members left meanwhile."""
        if self.size is not None and size is not None:
            self.size = min(self.size, size)

    def add(self, keys: Iterable[str]) -> None:
        """Add the members of a page."""
        self.seen.update(keys)

    def start_page(self, starts: int, total: int | None) -> None:
        """Start a page. If the scan restarted with it, discard what it saw."""
        if starts != self.starts:
            self.starts, self.seen = starts, SeenMembers()
            self.counted, self.highest, self.growth = None, 0, 0
            self.read_before = 0
        self.total = total
        if total is not None:
            before = total if self.counted is None else self.counted
            self.growth += max(total - before, 0)
            self.counted, self.highest = total, max(total, self.highest)


def count_missing(coverage: ScanCoverage) -> int:
    """Return by how many a scan falls short of the count that came with its pages.

    Members read twice count twice, as Lytics counts profiles.
    """
    if coverage.total is None:
        return 0
    read = coverage.read or 0
    return max((coverage.expected or 0) - coverage.growth - read, 0)


def is_incomplete(coverage: ScanCoverage) -> bool:
    """Whether the scan missed members for no known reason.

    Members who entered during the scan, by whom the count grew, may be on a page that
    was already read.
    """
    if coverage.expected is None:
        return coverage.gave_up
    if coverage.read_before is None:
        return False
    return coverage.seen_in_total + coverage.growth < coverage.expected


def why_exits_are_uncertain(
    coverage: ScanCoverage, *, size_after: int | None, redefined: bool
) -> str:
    """Explain why an unseen member may not have left; empty if all of them left.

    Args:
        coverage: what the scan saw.
        size_after: the audience's size by a check after the scan.
        redefined: whether that check found another definition.
    """
    if redefined:
        return "the audience's definition changed during the scan"
    if not coverage.starts:
        return "the scan resumed that of another run"
    if coverage.total is None:
        return "Lytics did not report how many members there are"
    coverage.lower_size(size_after)
    return _why_count_differs(coverage, coverage.total, size_after)


def _why_count_differs(
    coverage: ScanCoverage, total: int, size_after: int | None
) -> str:
    seen = coverage.seen.count()
    if seen < total:
        return f"Lytics counts {counted(total, 'member')}, the scan saw {seen:,}"
    if coverage.count_dropped:
        change = f"from {coverage.highest:,} to {total:,}"
        return f"the count that Lytics reports fell {change} during the scan"
    if seen < (coverage.size or 0):
        size = counted(coverage.size or 0, "member")
        return f"the audience has {size}, the scan saw {seen:,}"
    if not seen and size_after != 0:
        return "the scan saw no member, and Lytics does not report a size of 0"
    return ""
