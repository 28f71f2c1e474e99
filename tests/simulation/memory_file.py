"""A file of rejects in memory that knows what a power failure leaves of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from target_bigcommerce.files import LineFile

if TYPE_CHECKING:
    import random


class MemoryFile:
    """A file with a path but without a disk."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("rejects")
        self._kept = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def path(self) -> str:
        """The path that opens it."""
        return f"/proc/self/fd/{self._descriptor}"

    def keep(self) -> None:
        """Keep its present content through a power failure."""
        self._kept = os.fstat(self._descriptor).st_size

    def lose(self, chance: random.Random) -> None:
        """Lose a part of what was not kept, as in a power failure."""
        size = os.fstat(self._descriptor).st_size
        os.ftruncate(self._descriptor, chance.randint(self._kept, size))

    def lines(self) -> list[dict[str, Any]]:
        """Read what it holds; a partial line at the end is ignored."""
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
