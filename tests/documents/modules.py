"""The map of the code: a line for each module, in its own words."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def module_map(folder: Path) -> str:
    """List the modules of a package, and below its sub-packages those of each."""
    rooms = sorted(path.parent for path in folder.glob("*/__init__.py"))
    return "\n\n".join([_lines(folder), *(_room(room) for room in rooms)])


def _room(folder: Path) -> str:
    heading = f"**`{folder.name}/`**: {_sentence(folder / '__init__.py')}"
    return f"{heading}\n\n{_lines(folder)}"


def _lines(folder: Path) -> str:
    paths = [path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
    return "\n".join(f"- `{path.stem}`: {_sentence(path)}" for path in paths)


def _sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split())
