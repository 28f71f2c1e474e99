"""The input as it comes: in pieces, with silences, through a real pipe."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from typing_extensions import Self, override

from target_bigcommerce.messages.reader import TimedReader

if TYPE_CHECKING:
    from .world import World

PIECE_BYTES = 3000
SILENCES = (0.0, 0.0, 0.0, 0.05, 1.0, 20.0, 90.0)


class Pipe:
    """What a tap has written so far; the target holds the reading end."""

    def __init__(self, world: World, text: bytes) -> None:
        self._world = world
        self._left = text
        self._reader, self._writer = os.pipe()
        self.silence = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._reader)
        self._end()

    def fileno(self) -> int:
        """The reading end."""
        return self._reader

    def come(self) -> None:
        """Let the next piece, or the end, come in."""
        length = self._world.chance.randint(1, PIECE_BYTES)
        piece, self._left = self._left[:length], self._left[length:]
        self.silence = self._world.chance.choice(SILENCES)
        if piece:
            os.write(self._writer, piece)
        else:
            self._end()

    def _end(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


class VirtualReader(TimedReader):
    """The target's reader, except that the clock moves when it waits."""

    def __init__(self, world: World, pipe: Pipe) -> None:
        super().__init__()
        self._world = world
        self._pipe = pipe

    @override
    def _is_ready(self, descriptor: int) -> bool:
        assert self.hooks is not None
        due = self.hooks.deadline()
        if due is not None and due < self._pipe.silence:
            self._pipe.silence -= due
            self._world.sleep(due)
            return False
        self._world.sleep(self._pipe.silence)
        self._pipe.silence = 0.0
        if self._is_interrupted:
            return False
        self._pipe.come()
        return True
