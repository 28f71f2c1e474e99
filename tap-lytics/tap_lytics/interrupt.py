"""A signal's wish to stop, and waits that end at once when it comes."""

from __future__ import annotations

import os
import select

from .errors import InterruptedByUserError


class Interrupt:
    """Set from a signal handler; every wait of the tap goes through it.

    It writes to a pipe of its own: unlike a lock, that is safe in a handler.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self.signal: int | None = None

    @property
    def is_set(self) -> bool:
        """Whether to stop."""
        return self.signal is not None

    def set(self, signum: int) -> None:
        """Wish to stop; the first signal's number is kept."""
        if self.signal is None:
            self.signal = signum
            os.write(self._writer, b"!")

    def wait(self, seconds: float) -> None:
        """Wait so long.

        Raises:
            InterruptedByUserError: at once when a stop is wished for.
        """
        self.wait_for(None, seconds)

    def wait_for(self, descriptor: int | None, seconds: float | None = None) -> None:
        """Wait until the descriptor can be read, or so many seconds.

        Raises:
            InterruptedByUserError: at once when a stop is wished for.
        """
        watched = [self._reader] if descriptor is None else [self._reader, descriptor]
        select.select(watched, [], [], seconds)
        if self.is_set:
            raise InterruptedByUserError("Stopped by a signal.")

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._reader)
        os.close(self._writer)
