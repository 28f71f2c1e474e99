"""The map of the code: a line for each module, in its own words."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def module_map(folder: Path) -> str:
    """List the modules of a package with the sentence that opens each."""
    paths = [path for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
    return "\n".join(f"- `{path.stem}`: {_sentence(path)}" for path in paths)


def _sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split())
