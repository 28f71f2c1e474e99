"""Whether a whole scan was whole, and enough so to tell who left. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .seen import SeenMembers

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_LEAVE = 10  # One in so many: more do not leave while they are scanned.


@dataclass(slots=True, kw_only=True)
class Sighting:
    """Who a whole scan saw.

    `starts` is how often it began at its first page in this process: 0 for one that
    went on where another run had left it, having read `read_before` members (None if
    the state does not tell). `total` is the last page's, `counted` the last one told,
    `most` the largest, `growth` how much it grew from page to page.
    """

    starts: int
    read_before: int | None = 0
    total: int | None = None
    counted: int | None = None
    most: int = 0
    growth: int = 0
    gave_up: bool = False
    seen: SeenMembers = field(default_factory=SeenMembers)

    @property
    def read(self) -> int | None:
        """How many members were read since the scan began, repeated ones among them."""
        return (
            None if self.read_before is None else self.read_before + self.seen.noted()
        )

    @property
    def seen_in_all(self) -> int:
        """How many members the scan saw, in the runs before as well."""
        return (self.read_before or 0) + self.seen.count()

    @property
    def fell(self) -> bool:
        """Whether the count fell by more than can leave meanwhile."""
        least = self.most - max(1, self.most // MOST_LEAVE)
        return self.total is not None and self.total < least

    @property
    def expected(self) -> int | None:
        """How many members there should be, by what Lytics told of them."""
        return self.most if self.fell else self.counted

    def add(self, keys: Iterable[str]) -> None:
        """See members."""
        self.seen.update(keys)

    def turn(self, starts: int, total: int | None) -> None:
        """Turn to a page; if it is a first one once more, forget whom it had seen."""
        if starts != self.starts:
            self.starts, self.seen = starts, SeenMembers()
            self.counted, self.most, self.growth = None, 0, 0
            self.read_before = 0
        self.total = total
        if total is not None:
            before = total if self.counted is None else self.counted
            self.growth += max(total - before, 0)
            self.counted, self.most = total, max(total, self.most)


def is_short(sighting: Sighting) -> bool:
    """Say whether the scan missed members whom nothing explains.

    Who entered while it ran, by which the total grew, may stand where it had been.
    """
    if sighting.expected is None:
        return sighting.gave_up
    if sighting.read_before is None:
        return False
    return sighting.seen_in_all + sighting.growth < sighting.expected


def doubt(sighting: Sighting, *, size_after: int | None, redefined: bool) -> str:
    """Say why absence from the scan does not count; nothing if it does.

    Args:
        sighting: whom the scan saw.
        size_after: the audience's size by a look after the scan.
        redefined: whether that look found another definition.
    """
    if redefined:
        return "the audience's definition changed while it was scanned"
    if not sighting.starts:
        return "the scan went on where another run had left it"
    return _doubt_of_count(sighting, size_after)


def _doubt_of_count(sighting: Sighting, size_after: int | None) -> str:
    if sighting.total is None:
        return "Lytics did not say how many members there are"
    seen = sighting.seen.count()
    if seen < sighting.total:
        return f"Lytics counts {sighting.total:,} members, the scan saw {seen:,}"
    if sighting.fell:
        told = f"from {sighting.most:,} to {sighting.total:,}"
        return f"Lytics' count of the members fell {told} while they were scanned"
    if not seen and size_after != 0:
        return "the scan saw nobody, and the audience is not said to be empty"
    return ""
