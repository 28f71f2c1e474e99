"""A compiled requirements file: packages pinned to a version and to their hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.markers import Marker

HASH = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A package's only version, in environments that the marker is true of."""

    name: str
    version: str
    marker: Marker | None

    @property
    def applies(self) -> bool:
        """Whether it is for the environment that this process runs in."""
        return self.marker is None or self.marker.evaluate()


def read_lock(text: str) -> tuple[list[Pin], list[str]]:
    """Give the pins of a requirements file, and what is wrong with its lines."""
    pins, found = [], []
    for line in _lines(text):
        head, *hashes = re.split(r"\s+--hash=", line)
        pin = _to_pin(head)
        if pin is None:
            found.append(
                f"{head!r} is no package pinned by `==`: an index, an address, a path"
                " or a range has no place in it; run `make lock`"
            )
        elif not _are_hashes(hashes):
            found.append(f"{pin.name} is not held by sha256 hashes; run `make lock`")
        pins += [pin] if pin else []
    return pins, found


def _lines(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def _to_pin(head: str) -> Pin | None:
    try:
        requirement = Requirement(head)
    except InvalidRequirement:
        return None
    specifiers = list(requirement.specifier)
    if requirement.url or [s.operator for s in specifiers] != ["=="]:
        return None
    [version] = [s.version for s in specifiers]
    if "*" in version:
        return None
    name = canonicalize_name(requirement.name)
    return Pin(name=name, version=version, marker=requirement.marker)


def _are_hashes(hashes: Sequence[str]) -> bool:
    return bool(hashes) and all(HASH.fullmatch(each) for each in hashes)
