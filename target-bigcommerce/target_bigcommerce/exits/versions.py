"""Which customers were read under each version of a stream."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyroaring import BitMap64

KEPT_VERSIONS = 2  # Of a stream: the one under way and the one before it.


@dataclass(slots=True)
class Seen:
    """The customers read under one version.

    Args:
        customers: their ids; a million of them take a few megabytes.
        records: how many records were read.
        unreadable: how many of these had an id that could not be read, or none and
            could not be matched either.
    """

    customers: BitMap64 = field(default_factory=BitMap64)
    records: int = 0
    unreadable: int = 0


class Versions:
    """Outlives the sinks: a new SCHEMA replaces a sink in the middle of a version."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[int, Seen]] = {}

    def see(self, stream: str, version: int | None) -> Seen | None:
        """Count a record of a version; gives where its customer is to be added."""
        if version is None:
            return None
        versions = self._seen.setdefault(stream, {})
        if version not in versions:
            versions[version] = Seen()
            for old in list(versions)[:-KEPT_VERSIONS]:
                del versions[old]
        seen = versions[version]
        seen.records += 1
        return seen

    def of(self, stream: str, version: int) -> Seen:
        """Give what was seen under a version, nothing if there was no record."""
        return self._seen.get(stream, {}).get(version, Seen())
