"""Delivers the input through a real pipe, in chunks and with pauses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from typing_extensions import override

from singer_kit.errors import ShutdownRequestedError
from singer_kit.shutdown import ShutdownSignal

if TYPE_CHECKING:
    from .world import World

MAX_CHUNK_BYTES = 3000
SILENCES = (0.0, 0.0, 0.0, 0.05, 1.0, 20.0, 90.0)


class Pipe:
    """The input pipe; the target reads from it."""

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
        """The descriptor of the reading end."""
        return self._reader

    def deliver(self) -> None:
        """Write the next chunk, or close the pipe at the end."""
        length = self._world.rng.randint(1, MAX_CHUNK_BYTES)
        piece, self._left = self._left[:length], self._left[length:]
        self.silence = self._world.rng.choice(SILENCES)
        if piece:
            os.write(self._writer, piece)
        else:
            self._end()

    def _end(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


class VirtualShutdown(ShutdownSignal):
    """A shutdown signal that waits in virtual time."""

    def __init__(self, world: World, pipe: Pipe) -> None:
        super().__init__()
        self._world = world
        self._pipe = pipe

    @override
    def wait_for(self, descriptor: int | None, seconds: float | None = None) -> bool:
        if self._world.scheduler.current.is_in_call:
            self._world.violate("a call starts inside a call of the same thread")
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
            self._pipe.deliver()
        return True
