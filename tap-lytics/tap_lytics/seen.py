"""The set of members that a scan has seen, eight bytes for each."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = 16  # Hex digits: of a million members two meet once in 37 million scans.
BUCKETS = 256


class SeenMembers:
    """Counts distinct members of a scan, a million in some ten megabytes."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(BUCKETS)]

    def update(self, keys: Iterable[str]) -> None:
        """Note that members were seen; again and again is no harm."""
        buckets = self._buckets
        for key in keys:
            number = int(key[:PREFIX], 16)
            buckets[number >> 56].append(number)

    def noted(self) -> int:
        """Count how often members were noted, the same ones again and again."""
        return sum(map(len, self._buckets))

    def count(self) -> int:
        """Count the distinct members."""
        return sum(len(set(bucket)) for bucket in self._buckets)

    def bucket(self, first_byte: int) -> set[int]:
        """Give the members whose key begins with this byte, as numbers."""
        return set(self._buckets[first_byte])


def number_of(member: bytes) -> int:
    """Make of a member's key, as bytes, the number that stands in a bucket."""
    return int.from_bytes(member[: PREFIX // 2], "big")
