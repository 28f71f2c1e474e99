"""A file of rejects that lives in memory and knows what a power cut leaves of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from typing_extensions import Self, override

from target_bigcommerce.files import LineFile

if TYPE_CHECKING:
    import random


class MemoryFile:
    """A file with a path, and with nothing on any disk."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("rejects")
        self._kept = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def path(self) -> str:
        """How to open it."""
        return f"/proc/self/fd/{self._descriptor}"

    def keep(self) -> None:
        """What it holds now outlives a power cut."""
        self._kept = os.fstat(self._descriptor).st_size

    def lose(self, chance: random.Random) -> None:
        """Lose the power: of what was not kept, a part is left over."""
        size = os.fstat(self._descriptor).st_size
        os.ftruncate(self._descriptor, chance.randint(self._kept, size))

    def lines(self) -> list[dict[str, Any]]:
        """Read what it holds; a torn line at the end is nobody's."""
        size = os.fstat(self._descriptor).st_size
        whole = os.pread(self._descriptor, size, 0).rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]


class WatchedFile(LineFile):
    """The target's own file of lines; the memory file learns what was synced."""

    def __init__(self, path: str, setting: str, *, memory: MemoryFile) -> None:
        super().__init__(path, setting)
        self._memory = memory

    @override
    def sync(self) -> None:
        super().sync()
        self._memory.keep()
