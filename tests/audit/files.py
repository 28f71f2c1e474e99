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
# A machine behind a proxy adds its own authority at the end of this one.
GROWS = "certifi/cacert.pem"


def altered(site: Path) -> Iterator[str]:
    """Tell of each file that is not as it was installed."""
    for each in distributions(path=[str(site)]):
        if each.read_text("RECORD") is None:
            yield f"{each.name} has no RECORD of its files; {ANEW}"
        for path, recorded, size in _record(each):
            why = _why_not(path, recorded, size)
            if why:
                yield f"{each.name}: {path} {why}; {ANEW}"


def unowned(site: Path, programs: Path) -> Iterator[str]:
    """Tell of each file that nothing installed: Python would run it all the same."""
    owned = {
        path for each in distributions(path=[str(site)]) for path, *_ in _record(each)
    }
    for path in _runnable(site, programs):
        if _real(path) not in owned:
            yield f"{path} belongs to no package; remove it, or {ANEW}"


def _record(package: Distribution) -> Iterator[tuple[Path, str, str]]:
    # `Distribution.files` leaves out what is missing.
    for row in csv.reader((package.read_text("RECORD") or "").splitlines()):
        if row:
            path, hashed, size = row
            yield _real(Path(str(package.locate_file(path)))), hashed, size


def _why_not(path: Path, recorded: str, size: str) -> str | None:
    if not recorded:
        has_none = path.name.endswith(WITHOUT_HASH)
        return None if has_none else "is recorded without a hash"
    if not path.is_file():
        return "is gone"
    kind, _, expected = recorded.partition("=")
    content = path.read_bytes()
    if path.as_posix().endswith(GROWS) and size:
        content = content[: int(size)]
    made = hashlib.new(kind, content).digest()
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
