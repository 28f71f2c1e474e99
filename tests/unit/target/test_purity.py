"""What decides neither reads, writes nor sends anything."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from import_graph import ImportGraph

import target_bigcommerce

GRAPH = ImportGraph(Path(target_bigcommerce.__file__).parent)
# The modules that say so themselves, and some in which nothing else could be.
SAY_SO = {
    name
    for name, tree in GRAPH.trees.items()
    if (ast.get_docstring(tree) or "").endswith(("Pure.", "No I/O.", "no lock."))
}
PURE = sorted(SAY_SO | {"api.rows", "quota.limits", "quota.hold", "exits.versions"})
# Both are compiled: the one judges a record, the other reads JSON from bytes; neither
# does anything else. The third holds sets of numbers.
# Of singer_kit, errors.py imports the root of the errors.
ALLOWED = frozenset(
    {"jsonschema_rs", "msgspec", "pyroaring", "singer_kit", "typing_extensions"}
)
DOING = frozenset(
    {"os", "io", "sys", "socket", "subprocess", "pathlib", "shutil", "tempfile"}
    | {"logging", "threading", "time", "random", "select", "sqlite3", "urllib"}
)
CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__"})


def strangers(module: str) -> set[str]:
    """Name what a module imports from elsewhere that might act, however far."""
    foreign = GRAPH.foreign_reached(module)
    return (foreign - sys.stdlib_module_names - ALLOWED) | (foreign & DOING)


def test_the_deciding_modules_say_so() -> None:
    assert {"fields", "mapping", "plan", "api.answers", "quota.window"} <= SAY_SO


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_nothing_that_acts(module: str) -> None:
    assert not strangers(module)


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_calls_nothing_that_acts(module: str) -> None:
    called = {
        node.func.id
        for node in ast.walk(GRAPH.trees[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert not called & CALLS


def test_a_module_that_acts_would_be_noticed() -> None:
    assert {"requests", "threading"} <= strangers("transport")
    assert "os" in strangers("run.files")
