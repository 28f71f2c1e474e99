"""The input as it comes: in pieces, with silences, through a real pipe."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from typing_extensions import override

from singer_kit.errors import ShutdownRequestedError
from singer_kit.shutdown import ShutdownSignal

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


class VirtualShutdown(ShutdownSignal):
    """Its waits end as soon as the virtual clock has moved on."""

    def __init__(self, world: World, pipe: Pipe) -> None:
        super().__init__()
        self._world = world
        self._pipe = pipe

    @override
    def wait_for(self, descriptor: int | None, seconds: float | None = None) -> bool:
        if self._world.turns.current.is_in_call:
            self._world.violate("a call begins within a call of the same thread")
        is_readable = False
        if not self.is_set and descriptor is None:
            self._world.sleep(seconds or 0.0)
        elif not self.is_set:
            is_readable = self._wait_for_input(seconds)
        if self.is_set:
            raise ShutdownRequestedError("Stopped by a signal.")
        return is_readable

    def _wait_for_input(self, seconds: float | None) -> bool:
        silence = self._pipe.silence
        if seconds is not None and seconds < silence:
            self._pipe.silence -= seconds
            self._world.sleep(seconds)
            return False
        self._world.sleep(silence)
        self._pipe.silence = 0.0
        if not self.is_set:
            self._pipe.come()
        return True
