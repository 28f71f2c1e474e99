"""Imports go one way, what is pure stays pure, and no module grows too long."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from documents.blocks import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULES = [path for folder in PACKAGES.values() for path in sorted(folder.glob("*.py"))]
LONGEST = 250
DOES_IO = {"requests", "urllib3", "socket", "subprocess", "sqlite3", "singer_sdk"}
PURE = {
    "tap_lytics": ("filterql", "values", "members", "due"),
    "target_bigcommerce": ("mapping", "plan", "rendering", "entries", "wanted"),
}
# Who must not know of whom, in the same package.
ONE_WAY = [
    ("tap_lytics", "client", {"streams", "tap"}),
    ("tap_lytics", "transport", {"client", "streams", "tap"}),
    ("target_bigcommerce", "client", {"sink", "drain", "target"}),
    ("target_bigcommerce", "transport", {"client", "sink", "drain", "target"}),
    ("target_bigcommerce", "throttle", {"transport", "client", "sink", "target"}),
    ("target_bigcommerce", "drain", {"sink", "target"}),
]


def imported(path: Path) -> set[str]:
    """Name what a module imports when it runs; of its own package, the module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {name for node in tree.body for name in _names(node)}


def reached(package: str, module: str) -> set[str]:
    """Name everything that a module imports, and what that imports."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        path = PACKAGES[package] / f"{waiting.pop()}.py"
        new = (imported(path) if path.exists() else set()) - found
        found |= new
        waiting += new
    return found


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module:
        yield node.module.partition(".")[0]
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.name for alias in node.names)


@pytest.mark.parametrize(
    ("package", "module"),
    [(package, module) for package, modules in PURE.items() for module in modules],
)
def test_what_is_pure_reaches_nothing_that_does_io(package: str, module: str) -> None:
    assert not reached(package, module) & DOES_IO


@pytest.mark.parametrize(("package", "module", "others"), ONE_WAY)
def test_imports_go_one_way(package: str, module: str, others: set[str]) -> None:
    assert not reached(package, module) & others


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_another_of_ours(package: str) -> None:
    names = {name for path in PACKAGES[package].glob("*.py") for name in imported(path)}

    assert not names & (set(PACKAGES) - {package})


def test_no_module_is_too_long() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in MODULES}

    assert [path.name for path, length in lengths.items() if length > LONGEST] == []


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    openings = [ast.get_docstring(ast.parse(p.read_text("utf-8"))) for p in MODULES]

    assert all(openings)
