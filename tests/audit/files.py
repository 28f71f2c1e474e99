"""The files of what is installed, against the hashes in their RECORDs."""

from __future__ import annotations

import base64
import csv
import hashlib
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from audit.environment import ANEW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution

# What has no hash: a RECORD cannot have its own, bytecode is made on the spot.
WITHOUT_HASH = ("RECORD", ".pyc")
OF_VENV = ("activate", "Activate", "python")  # How its own programs' names begin.


def altered(site: Path) -> Iterator[str]:
    """Tell of each file that is not as it was installed."""
    for each in distributions(path=[str(site)]):
        if each.read_text("RECORD") is None:
            yield f"{each.name} has no RECORD of its files; {ANEW}"
        for path, recorded in _record(each):
            why = _why_not(path, recorded)
            if why:
                yield f"{each.name}: {path} {why}; {ANEW}"


def unowned(site: Path, programs: Path) -> Iterator[str]:
    """Tell of each file that nothing installed: Python would run it all the same."""
    owned = {
        path for each in distributions(path=[str(site)]) for path, _ in _record(each)
    }
    for path in _runnable(site, programs):
        if _real(path) not in owned:
            yield f"{path} belongs to no package; remove it, or {ANEW}"


def _record(package: Distribution) -> Iterator[tuple[Path, str]]:
    # `Distribution.files` leaves out what is missing.
    for row in csv.reader((package.read_text("RECORD") or "").splitlines()):
        if row:
            yield _real(Path(str(package.locate_file(row[0])))), row[1]


def _why_not(path: Path, recorded: str) -> str | None:
    if not recorded:
        has_none = path.name.endswith(WITHOUT_HASH)
        return None if has_none else "is recorded without a hash"
    if not path.is_file():
        return "is gone"
    kind, _, expected = recorded.partition("=")
    made = hashlib.new(kind, path.read_bytes()).digest()
    text = base64.urlsafe_b64encode(made).rstrip(b"=").decode()
    return None if text == expected else "was altered"


def _runnable(site: Path, programs: Path) -> Iterator[Path]:
    for path in sorted(site.rglob("*")):
        if path.is_file() and path.parent.name != "__pycache__":
            yield path
    for path in sorted(programs.iterdir()):
        if not path.resolve().name.startswith(OF_VENV):  # Python goes by many names.
            yield path


def _real(path: Path) -> Path:
    return path.parent.resolve() / path.name
