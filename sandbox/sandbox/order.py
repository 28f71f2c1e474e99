"""The order in which a scan comes across members, and how changes move them."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from .people import mix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .options import Move


class Order:
    """Positions of members: seeded ones at their index, moved ones around them.

    A member that changes goes to the front or to the end (by chance, seeded), so
    that a scan under way can miss them or meet them twice.
    """

    def __init__(self, total: int, move: Move, seed: int) -> None:
        self._total = total
        self._move = move
        self._seed = seed
        self._moved: dict[int, int] = {}
        self._places: list[tuple[int, int]] = []
        self._first = 0
        self._last = total

    def copy(self) -> Order:
        """Freeze the order as it is now."""
        twin = Order(self._total, self._move, self._seed)
        twin._moved = dict(self._moved)
        twin._places = list(self._places)
        return twin

    def add(self, index: int) -> None:
        """Put a new member at the end."""
        self._put(index, self._last)
        self._last += 1

    def touch(self, index: int) -> None:
        """Move a member that changed."""
        if self._move == "stay":
            return
        if index in self._moved:
            self._places.remove((self._moved[index], index))
        if self._goes_to_front(index):
            self._first -= 1
            self._put(index, self._first)
        else:
            self.add(index)

    def after(self, position: int | None) -> Iterator[tuple[int, int]]:
        """Give (position, index) of everybody behind a position; None: everybody."""
        start = self._first - 1 if position is None else position
        at = bisect_left(self._places, (start + 1, -1))
        while at < len(self._places) and self._places[at][0] < 0:
            yield self._places[at]
            at += 1
        for index in range(max(start + 1, 0), self._total):
            if index not in self._moved:
                yield index, index
        yield from self._places[at:]

    def among(
        self, indexes: Iterable[int], position: int | None
    ) -> Iterator[tuple[int, int]]:
        """Give (position, index) of some members behind a position."""
        places = ((self._moved.get(index, index), index) for index in indexes)
        return iter(
            sorted(place for place in places if position is None or place[0] > position)
        )

    def _goes_to_front(self, index: int) -> bool:
        if self._move == "either":
            return bool(mix(self._seed, index + len(self._places)) & 1)
        return self._move == "front"

    def _put(self, index: int, position: int) -> None:
        self._moved[index] = position
        insort(self._places, (position, index))
