"""Whether a whole scan was whole enough to tell who is absent from it. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .seen import SeenMembers

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True, kw_only=True)
class Sighting:
    """Who a whole scan saw.

    `starts` is how often it began at its first page in this process: 0 for one that
    went on where another run had left it.
    """

    starts: int
    total: int | None = None
    seen: SeenMembers = field(default_factory=SeenMembers)

    def add(self, keys: Iterable[str]) -> None:
        """See members."""
        for key in keys:
            self.seen.add(key)

    def turn(self, starts: int, total: int | None) -> None:
        """Turn to a page; if it is a first one once more, forget whom it had seen."""
        if starts != self.starts:
            self.starts, self.seen = starts, SeenMembers()
        self.total = total


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
    if sighting.total is None:
        return "Lytics did not say how many members there are"
    seen = sighting.seen.count()
    if seen < sighting.total:
        return f"Lytics counts {sighting.total:,} members, the scan saw {seen:,}"
    if not seen and size_after != 0:
        return "the scan saw nobody, and the audience is not said to be empty"
    return ""
