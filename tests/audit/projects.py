"""What our projects declare that they need."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from audit.lock import Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A pyproject.toml's dependencies: to run, and to build and develop."""

    name: str
    runs_with: tuple[Requirement, ...]
    made_with: tuple[Requirement, ...]

    @property
    def needs(self) -> tuple[Requirement, ...]:
        """All of them."""
        return self.runs_with + self.made_with


def read_project(path: Path) -> Project:
    """Read a pyproject.toml."""
    content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    project = content["project"]
    groups = content.get("dependency-groups", {}).values()
    made_with = content.get("build-system", {}).get("requires", [])
    return Project(
        name=project["name"],
        runs_with=tuple(map(Requirement, project.get("dependencies", []))),
        made_with=tuple(
            map(Requirement, [*made_with, *(r for g in groups for r in g)])
        ),
    )


def unlocked(
    project: Project, lock: Iterable[Pin], ours: Collection[str]
) -> Iterator[str]:
    """Tell of each requirement that the lock does not fulfil."""
    pins = list(lock)
    for need in project.needs:
        name = canonicalize_name(need.name)
        versions = [pin.version for pin in pins if pin.name == name]
        fits = all(need.specifier.contains(v, prereleases=True) for v in versions)
        if name not in ours and not (versions and fits):
            has = f"has {', '.join(versions)}" if versions else "does not name it"
            yield f"{project.name} needs {need}, and the lock {has}; run `make lock`"


def unexplained(
    projects: Iterable[Project], decisions: str, ours: Collection[str]
) -> Iterator[str]:
    """Tell of each direct dependency that the decisions do not name."""
    names = {canonicalize_name(need.name) for each in projects for need in each.needs}
    for name in sorted(names - set(ours)):
        if f"`{name}`" not in decisions.lower():
            yield f"{name} has no line in docs/decisions.md; say there why it is needed"
