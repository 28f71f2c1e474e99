"""What is installed in an environment, against what its lock says."""

from __future__ import annotations

import json
from collections import Counter
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from importlib.metadata import Distribution
    from pathlib import Path

    from audit.lock import Pin

OF_VENV = {"pip", "setuptools"}  # `python -m venv` brings them; setuptools until 3.11.
ANEW = "install anew by `make clean setup`"


def differences(
    site: Path, lock: Iterable[Pin], ours: Mapping[str, Path]
) -> Iterator[str]:
    """Tell of every package that is not installed as the lock has it.

    Args:
        site: the environment's site-packages.
        lock: the pins of its requirements file.
        ours: the folders of our own packages, by name.
    """
    installed = {name: each.version for name, each in _installed(site)}
    wanted = {pin.name: pin.version for pin in lock if pin.applies}
    yield from _twice(site)
    for name, version in wanted.items():
        found = installed.get(name)
        if found is None:
            yield f"{name} {version} is in the lock and not installed; {ANEW}"
        elif Version(found) != Version(version):
            yield f"{name} is {found}, and {version} in the lock; {ANEW}"
    for name in installed.keys() - wanted.keys() - OF_VENV - ours.keys():
        yield f"{name} is installed and not in the lock; uninstall it, or `make lock`"
    yield from _strangers(site, ours)


def _installed(site: Path) -> Iterator[tuple[str, Distribution]]:
    for each in distributions(path=[str(site)]):
        yield canonicalize_name(each.name), each


def _twice(site: Path) -> Iterator[str]:
    for name, number in Counter(name for name, _ in _installed(site)).items():
        if number > 1:
            yield f"{name} is installed {number} times; {ANEW}"


def _strangers(site: Path, ours: Mapping[str, Path]) -> Iterator[str]:
    """Tell who bears the name of a package of ours without coming from here."""
    notes = {name: each.read_text("direct_url.json") for name, each in _installed(site)}
    for name, folder in ours.items():
        if json.loads(notes.get(name) or "{}").get("url") != folder.as_uri():
            yield f"{name} is not installed from {folder}; {ANEW}"
