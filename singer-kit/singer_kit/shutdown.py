"""Graceful shutdown: a signal ends every wait, and no new work starts after it.

The signal handler writes to a pipe, which is safe in a handler; taking a lock is not.
All waits of a plugin select on that pipe, so they end at once.
"""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from .errors import ShutdownRequestedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

T = TypeVar("T")


class ShutdownSignal:
    """Set by the signal handler; every wait goes through it.

    Nothing reads the pipe, so one signal ends the waits of all threads.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self.signal: int | None = None

    @property
    def is_set(self) -> bool:
        """Whether a signal arrived."""
        return self.signal is not None

    def fileno(self) -> int:
        """The descriptor that becomes readable when a signal arrives."""
        return self._reader

    def set(self, signum: int) -> None:
        """Request a shutdown. The first signal's number is kept."""
        if self.signal is None:
            self.signal = signum
            os.write(self._writer, b"!")

    def wait(self, seconds: float) -> None:
        """Sleep for a number of seconds.

        Raises:
            ShutdownRequestedError: as soon as a signal arrives.
        """
        self.wait_for(None, seconds)

    def wait_for(self, descriptor: int | None, seconds: float | None = None) -> bool:
        """Wait until the descriptor is readable or the timeout expires.

        Args:
            descriptor: the file descriptor; None to wait for the timeout only.
            seconds: the timeout; None for no timeout.

        Returns:
            Whether the descriptor is readable.

        Raises:
            ShutdownRequestedError: as soon as a signal arrives.
        """
        watched = [] if descriptor is None else [descriptor]
        return descriptor in self.wait_for_any(watched, seconds)

    def wait_for_any(
        self, descriptors: Collection[int], seconds: float | None = None
    ) -> list[int]:
        """Wait until a descriptor is readable or the timeout expires.

        Args:
            descriptors: the file descriptors.
            seconds: the timeout; None for no timeout.

        Returns:
            Those that are readable.

        Raises:
            ShutdownRequestedError: as soon as a signal arrives.
        """
        watched = [self._reader, *descriptors]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self.is_set:
            raise ShutdownRequestedError("Stopped by a signal.")
        return ready

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._reader)
        os.close(self._writer)


class BackgroundCall(Generic[T]):
    """A call in a background thread.

    The thread is a daemon, so the process can exit after a signal without waiting for
    the call.
    """

    def __init__(self, call: Callable[[], T], shutdown: ShutdownSignal) -> None:
        self._shutdown = shutdown
        self._done: int | None
        self._done, self._finished = os.pipe()
        self._error: Exception | None = None
        self._value: T
        threading.Thread(
            target=self._run, args=(call,), name=type(self).__name__, daemon=True
        ).start()

    def result(self) -> T:
        """Wait for the call and return its result, or raise its error.

        It can be asked for again.

        Raises:
            ShutdownRequestedError: when a signal arrives first.
        """
        if self._done is not None:
            self._shutdown.wait_for(self._done)
            self.abandon()
        if self._error is not None:
            raise self._error
        return self._value

    def abandon(self) -> None:
        """Free what waiting for the call needs. Nothing ends the call itself."""
        if self._done is not None:
            os.close(self._done)
            self._done = None

    def fileno(self) -> int:
        """The descriptor that becomes readable at the end; -1 once waited for."""
        return -1 if self._done is None else self._done

    @staticmethod
    def first_finished(
        calls: Sequence[BackgroundCall[T]], shutdown: ShutdownSignal
    ) -> BackgroundCall[T]:
        """Wait until one of the calls has finished; of several, return the first.

        Raises:
            ShutdownRequestedError: when a signal arrives first.
        """
        descriptors = [call.fileno() for call in calls]
        if -1 in descriptors:
            return calls[descriptors.index(-1)]
        ready = shutdown.wait_for_any(descriptors)
        return calls[min(map(descriptors.index, ready))]

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._value = call()
        except Exception as error:  # noqa: BLE001 - raised again in result()
            self._error = error
        os.close(self._finished)  # The end of file wakes the waiting thread.


def call_interruptibly(call: Callable[[], T], shutdown: ShutdownSignal) -> T:
    """Make a blocking call that a signal can interrupt.

    Raises:
        ShutdownRequestedError: when a signal arrives before the call returns.
    """
    return BackgroundCall(call, shutdown).result()
