"""One call ahead in a thread, waited for without deafness to signals."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from .interrupt import Interrupt

T = TypeVar("T")


class Ahead(Generic[T]):
    """A call that runs while its caller does something else.

    The thread is a daemon: after a signal nobody waits for its answer.
    """

    def __init__(self, call: Callable[[], T], interrupt: Interrupt) -> None:
        self._interrupt = interrupt
        self._done, self._tell = os.pipe()
        self._outcome: Callable[[], T]
        threading.Thread(target=self._run, args=(call,), daemon=True).start()

    def result(self) -> T:
        """Wait for the call's outcome; what it raised is raised here.

        Raises:
            InterruptedByUserError: when a stop is wished for meanwhile.
        """
        self._interrupt.wait_for(self._done)
        os.close(self._done)
        return self._outcome()

    def _run(self, call: Callable[[], T]) -> None:
        try:
            value = call()
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._outcome = _raising(error)
        else:
            self._outcome = lambda: value
        os.close(self._tell)  # An end of file wakes the waiting side.


def ask(call: Callable[[], T], interrupt: Interrupt) -> T:
    """Make a call and wait for its outcome, with an ear for signals."""
    return Ahead(call, interrupt).result()


def _raising(error: Exception) -> Callable[[], NoReturn]:
    def outcome() -> NoReturn:
        raise error

    return outcome
