"""The threads in which calls run side by side, and how these wait for each other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Threads:
    """The machine's own; a run in another world is handed others.

    Args:
        most: how many there are at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool: ThreadPoolExecutor | None = None

    def side_by_side(self, act: Callable[[], None], times: int) -> None:
        """Do the same in so many threads at once, and wait for all of them."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="call")
        wait([self._pool.submit(act) for _ in range(times)])

    def condition(self) -> threading.Condition:
        """Give what a thread waits at until another tells it to go on."""
        return threading.Condition()

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
