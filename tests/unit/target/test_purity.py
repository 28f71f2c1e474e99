"""What decides neither reads, writes nor sends anything."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import target_bigcommerce

ROOM = Path(target_bigcommerce.__file__).parent
PURE = (
    "mapping",
    "plan",
    "wanted",
    "rendering",
    "comparing",
    "entries",
    "fields",
    "codes",
    "rows",
    "messages",
    "refusals",
)
# The validator of records is compiled and does nothing but judge.
ALLOWED = frozenset({"jsonschema_rs"})
DOING = frozenset(
    {"os", "io", "sys", "socket", "subprocess", "pathlib", "shutil", "tempfile"}
    | {"logging", "threading", "time", "random", "select", "sqlite3", "urllib"}
)
CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__"})


def imports(module: str) -> tuple[set[str], set[str]]:
    """The top names that a module imports when it runs: foreign ones and our own."""
    foreign, own = set(), set()
    tree = ast.parse((ROOM / f"{module}.py").read_text(encoding="utf-8"))
    for node in running(tree):
        if isinstance(node, ast.Import):
            foreign |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            foreign.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module else [n.name for n in node.names]
            own |= set(names)
    return foreign, own


def running(node: ast.AST) -> list[ast.AST]:
    """All nodes but those that only a type checker sees."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return []
    found = [node]
    for child in ast.iter_child_nodes(node):
        found += running(child)
    return found


def reach(module: str) -> dict[str, set[str]]:
    """Every module of ours that it imports, however far, with its foreign imports."""
    found: dict[str, set[str]] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name], own = imports(name)
            waiting += own
    return found


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_nothing_that_acts(module: str) -> None:
    for name, foreign in reach(module).items():
        strangers = foreign - sys.stdlib_module_names - ALLOWED

        assert not strangers, f"{name} imports {strangers}"
        assert not foreign & DOING, f"{name} imports {foreign & DOING}"


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_calls_nothing_that_acts(module: str) -> None:
    tree = ast.parse((ROOM / f"{module}.py").read_text(encoding="utf-8"))

    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert not called & CALLS


def test_a_module_that_acts_would_be_noticed() -> None:
    assert imports("transport")[0] - sys.stdlib_module_names - ALLOWED
    assert imports("files")[0] & DOING


def test_no_plugin_imports_another_or_the_sandbox() -> None:
    everything = [imports(path.stem)[0] for path in ROOM.glob("*.py")]

    assert not set().union(*everything) & {"tap_lytics", "sandbox"}
