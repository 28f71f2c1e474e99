"""Inputs that broke a plugin, or might, with the expected end of the run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[1] / "integration" / "corpus"
NOTE = re.compile(rb"# ([A-Z][a-z ]+): (.*)")
REQUIRED_NOTES = {"Went wrong", "Ends"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A file of the corpus: its notes by name, and the bytes below them."""

    name: str
    notes: dict[str, str]
    content: bytes

    @property
    def ends(self) -> int:
        """The expected exit status."""
        return int(self.notes["Ends"])

    @property
    def says(self) -> str:
        """Text expected in the log."""
        return self.notes.get("Says", "")

    def get(self, note: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
        """Read a note whose value is JSON."""
        return json.loads(self.notes[note]) if note in self.notes else default


def cases(side: str) -> list[Case]:
    """Read the cases of a plugin: `tap` or `target`."""
    return [to_case(path) for path in sorted((CORPUS / side).glob("*.case"))]


def to_case(path: Path) -> Case:
    """Read a file. Its first lines are notes of the form `# Note: text`."""
    notes: dict[str, str] = {}
    rest = path.read_bytes()
    while (line := rest.partition(b"\n"))[0].startswith(b"# "):
        found = NOTE.fullmatch(line[0])
        if not found:
            raise ValueError(f"{path.name}: invalid note {line[0]!r}")
        notes[found[1].decode()] = found[2].decode()
        rest = line[2]
    if missing := REQUIRED_NOTES - notes.keys():
        raise ValueError(f"{path.name} lacks notes: {', '.join(sorted(missing))}")
    return Case(name=path.stem, notes=notes, content=rest)
