"""The whole audit of this checkout and its environments."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from import_graph import ImportGraph

from audit.environment import differences
from audit.files import altered, unowned
from audit.imports import at_odds, providers
from audit.licences import unlicensed
from audit.lock import read_lock
from audit.projects import read_project, unexplained, unlocked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from audit.lock import Pin

OURS = ("sandbox", "singer-kit", "tap-lytics", "target-bigcommerce")
LOCK = "requirements.txt"


def findings(root: Path) -> Iterator[str]:
    """Tell of everything that is not as the lock and the documents have it."""
    lock, wrong = read_lock((root / LOCK).read_text(encoding="utf-8"))
    yield from _of(LOCK, wrong)
    yield from _of("pyproject.toml", of_projects(root, lock))
    folders = {name: root / name for name in OURS}
    yield from _of(".venv", of_environment(root / ".venv", lock, folders))
    for path in sorted((root / "tests" / "e2e" / "foreign").glob("*.txt")):
        name = f"tests/e2e/foreign/{path.name}"
        pins, wrong = read_lock(path.read_text(encoding="utf-8"))
        yield from _of(name, wrong)
        home = root / ".venv" / "foreign" / path.stem
        if (home / ".ready").exists():  # Only `make test` needs it.
            yield from _of(name, of_environment(home, pins, {}))


def of_projects(root: Path, lock: Iterable[Pin]) -> Iterator[str]:
    """Tell of what our projects declare: locked, imported, licensed, explained."""
    whole = read_project(root / "pyproject.toml")
    packages = {name: read_project(root / name / "pyproject.toml") for name in OURS}
    projects = [whole, *packages.values()]
    site = _site(root / ".venv")
    # Ours are installed in place, without a list of files.
    brings = providers(site) | {name.replace("-", "_"): {name} for name in OURS}
    for project in projects:
        yield from unlocked(project, lock, OURS)
    for name, project in packages.items():
        graph = ImportGraph(root / name / name.replace("-", "_"))
        yield from at_odds(graph, project, brings)
    needs = chain.from_iterable(each.runs_with for each in packages.values())
    yield from unlicensed(site, needs)
    decisions = (root / "docs" / "decisions.md").read_text(encoding="utf-8")
    yield from unexplained(projects, decisions, OURS)


def of_environment(
    home: Path, lock: Iterable[Pin], ours: Mapping[str, Path]
) -> Iterator[str]:
    """Tell of what is installed, and of its files."""
    site = _site(home)
    yield from differences(site, lock, ours)
    yield from altered(site)
    yield from unowned(site, home / "bin")


def _site(home: Path) -> Path:
    [site] = home.glob("lib/python*/site-packages")
    return site


def _of(what: str, lines: Iterable[str]) -> Iterator[str]:
    return (f"{what}: {line}." for line in lines)
