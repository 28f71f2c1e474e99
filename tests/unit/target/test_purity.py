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
    if "Pure." in (docstring := ast.get_docstring(tree) or "") or "No I/O" in docstring
}
PURE = sorted(SAY_SO | {"api.models", "api.quota", "api.responses", "errors"})
# Both are compiled: the one judges a record, the other reads JSON from bytes; neither
# does anything else. Of singer_kit, errors and the parsing of headers are used.
ALLOWED = frozenset({"jsonschema_rs", "msgspec", "singer_kit", "typing_extensions"})
DOING = frozenset(
    {"os", "io", "sys", "socket", "subprocess", "pathlib", "shutil", "tempfile"}
    | {"logging", "threading", "time", "random", "select", "sqlite3"}
)
CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__"})


def strangers(module: str) -> set[str]:
    """Name what a module imports from elsewhere that might act, however far."""
    foreign = GRAPH.foreign_reached(module)
    return (foreign - sys.stdlib_module_names - ALLOWED) | (foreign & DOING)


def test_the_deciding_modules_say_so() -> None:
    assert {"fields", "mapping", "plan", "api.responses", "api.quota"} <= SAY_SO


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
    assert "threading" in strangers("api.transport")
    assert "os" in strangers("files")
