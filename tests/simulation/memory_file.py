"""An in-memory rejects file that simulates a power failure."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from target_bigcommerce.files import LineFile

if TYPE_CHECKING:
    import random


class MemoryFile:
    """A file in memory that has a path."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("rejects")
        self._kept = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def path(self) -> str:
        """The path under which it can be opened."""
        return f"/proc/self/fd/{self._descriptor}"

    def keep(self) -> None:
        """Protect the current content from a power failure, as fsync does."""
        self._kept = os.fstat(self._descriptor).st_size

    def lose(self, rng: random.Random) -> None:
        """Lose part of the unprotected content, as in a power failure."""
        size = os.fstat(self._descriptor).st_size
        os.ftruncate(self._descriptor, rng.randint(self._kept, size))

    def lines(self) -> list[dict[str, Any]]:
        """Read all complete lines."""
        size = os.fstat(self._descriptor).st_size
        whole = os.pread(self._descriptor, size, 0).rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]


class WatchedFile(LineFile):
    """The target's file of lines; tells the memory file when it is synced."""

    def __init__(self, path: str, setting: str, *, memory: MemoryFile) -> None:
        super().__init__(path, setting)
        self._memory = memory

    @override
    def sync(self) -> None:
        super().sync()
        self._memory.keep()
