"""What the modules of a package import, read from their sources."""

from __future__ import annotations

import ast
from collections import deque
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ImportGraph:
    """The modules of a package and of its sub-packages, and what each imports.

    Modules are named by their place in the package (`drain`, `api.wire`), what comes
    from elsewhere by its whole top name.

    Args:
        folder: of the package.
    """

    def __init__(self, folder: Path) -> None:
        self._package = folder.name
        self.paths = {
            _place(path, folder): path for path in sorted(folder.rglob("*.py"))
        }

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Every module's source, parsed."""
        return {
            name: ast.parse(path.read_text(encoding="utf-8"))
            for name, path in self.paths.items()
        }

    @property
    def rooms(self) -> set[str]:
        """The sub-packages."""
        return {name.partition(".")[0] for name in self.paths if "." in name}

    def own(self, module: str, *, for_types: bool = False) -> set[str]:
        """Name the package's modules that a module imports itself."""
        whole = self._imported(module, for_types=for_types)
        prefix = f"{self._package}."
        return {name.removeprefix(prefix) for name in whole if name.startswith(prefix)}

    def foreign(self, module: str) -> set[str]:
        """Name what a module imports from elsewhere, by top names."""
        tops = {name.partition(".")[0] for name in self._imported(module)}
        return tops - {self._package}

    def reached(self, module: str, *, for_types: bool = False) -> set[str]:
        """Name the package's modules that a module imports, however far."""
        found: set[str] = set()
        waiting = deque([module])
        while waiting:
            new = self.own(waiting.popleft(), for_types=for_types) - found
            found |= new
            waiting += new
        return found

    def foreign_reached(self, module: str) -> set[str]:
        """Name what a module imports from elsewhere, however far."""
        return {
            name
            for each in (module, *self.reached(module))
            for name in self.foreign(each)
        }

    def _imported(self, module: str, *, for_types: bool = False) -> set[str]:
        nodes = _running(self.trees[module], for_types=for_types)
        return {name for node in nodes for name in self._names(module, node)}

    def _names(self, module: str, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = self._source(module, node)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                is_module = inner.removeprefix(f"{self._package}.") in self.paths
                yield inner if is_module else source

    def _source(self, module: str, node: ast.ImportFrom) -> str:
        """Name what follows `from`, whole, dots at its beginning resolved."""
        if not node.level:
            return node.module or ""
        is_package = self.paths[module].stem == "__init__"
        steps = [self._package, *module.split(".")]
        steps = steps[: len(steps) - node.level + is_package]
        return ".".join([*steps, *([node.module] if node.module else [])])


def _place(path: Path, folder: Path) -> str:
    steps = path.relative_to(folder).with_suffix("").parts
    return ".".join(steps[:-1] if len(steps) > 1 and steps[-1] == "__init__" else steps)


def _running(node: ast.AST, *, for_types: bool) -> Iterator[ast.AST]:
    """All nodes; those that only a type checker sees are left out unless asked for."""
    is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    if is_for_types and not for_types:
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _running(child, for_types=for_types)
