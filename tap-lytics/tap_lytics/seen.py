"""The set of members that a scan has seen, eight bytes for each."""

from __future__ import annotations

from array import array

PREFIX = 16  # Hex digits: of a million members two meet once in 37 million scans.
BUCKETS = 256


class SeenMembers:
    """Counts distinct members of a scan, a million in some ten megabytes."""

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(BUCKETS)]

    def add(self, key: str) -> None:
        """Note that a member was seen; again and again is no harm."""
        number = int(key[:PREFIX], 16)
        self._buckets[number >> 56].append(number)

    def count(self) -> int:
        """Count the distinct members."""
        return sum(len(set(bucket)) for bucket in self._buckets)

    def bucket(self, first_byte: int) -> set[int]:
        """Give the members whose key begins with this byte, as numbers."""
        return set(self._buckets[first_byte])


def number_of(member: bytes) -> int:
    """Make of a member's key, as bytes, the number that stands in a bucket."""
    return int.from_bytes(member[: PREFIX // 2], "big")
