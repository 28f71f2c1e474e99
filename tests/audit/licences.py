"""The licences of what our packages run with, against those that we may use."""

from __future__ import annotations

from importlib.metadata import distributions
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.metadata import Distribution, PackageMetadata
    from pathlib import Path

# Beside Apache-2.0 code that is given away: each with the reason why it may be.
ALLOWED = {
    "Apache-2.0": "our own: keep the notices",
    "BSD-2-Clause": "permissive: keep the notice",
    "BSD-3-Clause": "permissive: keep the notice, do not advertise with the names",
    "MIT": "permissive: keep the notice",
    "MPL-2.0": "binds the files that it stands in; we change none of them",
    "PSF-2.0": "permissive: keep the notice",
}
# How packages that do not write SPDX say it in their classifiers.
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
KIND = "License :: OSI Approved :: "


def unlicensed(site: Path, roots: Iterable[Requirement]) -> Iterator[str]:
    """Tell of each package, however far needed, whose licence is not allowed."""
    installed: dict[str, Distribution] = {
        canonicalize_name(each.name): each for each in distributions(path=[str(site)])
    }
    for name in sorted(_needed(installed, roots)):
        licence = licence_of(installed[name].metadata)
        if not is_allowed(licence):
            yield (
                f"{name} is under {licence or 'no licence that it tells'!r}; do without"
                " it, or allow that in tests/audit/licences.py with the reason"
            )


def licence_of(metadata: PackageMetadata) -> str:
    """Give the licence that a package tells of, as an SPDX expression if it can be."""
    expressions = metadata.get_all("License-Expression") or []
    classes = [
        each.removeprefix(KIND)
        for each in metadata.get_all("Classifier") or []
        if each.startswith(KIND)
    ]
    texts = metadata.get_all("License") or [""]
    if expressions:
        return str(expressions[0])
    if classes:
        return " AND ".join(CLASSIFIERS.get(each, each) for each in classes)
    return str(texts[0]).partition("\n")[0]


def is_allowed(expression: str) -> bool:
    """Say whether one of the licences offered is allowed, in all of its parts."""
    return any(
        all(part.strip() in ALLOWED for part in offer.split(" AND "))
        for offer in expression.split(" OR ")
    )


def _needed(
    installed: Mapping[str, Distribution], roots: Iterable[Requirement]
) -> set[str]:
    waiting, found = list(roots), set()
    while waiting:
        need = waiting.pop()
        key = (canonicalize_name(need.name), frozenset(need.extras))
        if key in found or key[0] not in installed:
            continue  # What is missing is told by the comparison with the lock.
        found.add(key)
        waiting += _next(installed[key[0]], need.extras)
    return {name for name, _ in found}


def _next(package: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for text in package.requires or ():
        need = Requirement(text)
        chosen = [{"extra": extra} for extra in ("", *extras)]
        if not need.marker or any(need.marker.evaluate(each) for each in chosen):
            yield need
