"""What the kernel tells of processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
KILOBYTES_PER_MEGABYTE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """A process at a moment: memory in megabytes, now and at most, open descriptors."""

    memory: float
    peak: float
    descriptors: int


def vitals(pid: int) -> Vitals | None:
    """Look at a process; None if there is none."""
    try:
        text = (PROC / str(pid) / "status").read_text(encoding="utf-8")
        descriptors = sum(1 for _ in (PROC / str(pid) / "fd").iterdir())
    except OSError:
        return None
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    if "VmRSS" not in rows:  # It has ended, and nobody has waited for it yet.
        return None
    return Vitals(
        memory=_megabytes(rows["VmRSS"]),
        peak=_megabytes(rows["VmHWM"]),
        descriptors=descriptors,
    )


def find(executable: str, group: int) -> int | None:
    """Find the process of an executable in a process group."""
    for folder in PROC.iterdir():
        if folder.name.isdigit() and _is_it(folder, executable, group):
            return int(folder.name)
    return None


def _is_it(folder: Path, executable: str, group: int) -> bool:
    try:
        arguments = (folder / "cmdline").read_bytes().split(b"\0")
        stat = (folder / "stat").read_text(encoding="utf-8")
    except OSError:
        return False
    # Behind the name, which may hold anything, stand the state, the parent, the group.
    found = int(stat.rpartition(")")[2].split()[2])
    # An interpreter runs a script: the executable is its first argument.
    names = {Path(argument.decode()).name for argument in arguments[:2]}
    return found == group and executable in names


def _megabytes(row: str) -> float:
    return int(row.split(maxsplit=1)[0]) / KILOBYTES_PER_MEGABYTE
