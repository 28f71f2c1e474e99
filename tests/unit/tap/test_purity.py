"""Modules that decide do no I/O, and import nothing that does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tap_lytics

FOLDER = Path(tap_lytics.__file__).parent
TREES = {path.stem: ast.parse(path.read_text("utf-8")) for path in FOLDER.glob("*.py")}
PURE = ("coverage", "records")
ACTING = {
    "logging",
    "os",
    "pathlib",
    "requests",
    "select",
    "singer_kit",
    "singer_sdk",
    "socket",
    "sqlite3",
    "subprocess",
    "sys",
    "tenacity",
    "threading",
    "time",
}


def imported(name: str, seen: set[str]) -> set[str]:
    """Everything that a module imports when it runs, through our own modules."""
    found: set[str] = set()
    for node in TREES[name].body:  # What only types need stands deeper, in an if.
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            ours = [node.module] if node.module else [a.name for a in node.names]
            for each in {*ours} - seen:
                found |= imported(each, seen | {name, *ours})
    return found


@pytest.mark.parametrize("name", PURE)
def test_a_deciding_module_imports_nothing_that_acts(name: str) -> None:
    assert not imported(name, {name}) & ACTING
