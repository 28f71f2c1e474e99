"""What a package imports, against what it declares."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from import_graph import ImportGraph

    from audit.projects import Project


def providers(site: Path) -> dict[str, set[str]]:
    """Name the distributions that bring a module, by its name.

    `packages_distributions` of Python 3.10 overlooks those that do not list theirs.
    """
    found: dict[str, set[str]] = {}
    for each in distributions(path=[str(site)]):
        for file in each.files or ():
            name = file.parts[0].partition(".")[0]
            found.setdefault(name, set()).add(canonicalize_name(each.name))
    return found


def at_odds(
    graph: ImportGraph, project: Project, brings: Mapping[str, Collection[str]]
) -> Iterator[str]:
    """Tell of what is imported and not declared, and of what is declared in vain.

    Args:
        graph: of the package's imports.
        project: that declares its dependencies.
        brings: the distributions that bring a module, by its name.
    """
    imported = {name for module in graph.paths for name in graph.foreign(module)}
    declared = {canonicalize_name(need.name) for need in project.runs_with}
    used = set()
    for name in sorted(imported - sys.stdlib_module_names):
        brought_by = set(brings.get(name, ()))
        used |= brought_by
        if not brought_by & declared:
            yield (
                f"{project.name} imports {name} and does not declare it; name"
                f" {' or '.join(sorted(brought_by)) or 'it'} in its pyproject.toml"
            )
    for name in sorted(declared - used):
        yield f"{project.name} declares {name} and does not import it; take it out"
