"""Runs tasks in threads: limits their number and picks the error to raise.

No task starts after a failure or a signal; running tasks always finish.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from singer_kit.errors import PluginError, ShutdownRequestedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from singer_kit.shutdown import ShutdownSignal

T = TypeVar("T")


class ThreadPool:
    """Operating system threads; the simulation replaces them with virtual ones.

    Args:
        size: number of threads.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._executor: ThreadPoolExecutor | None = None

    def run_copies(self, call: Callable[[], None], copies: int) -> None:
        """Make the same call in several threads and wait for all of them."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(
                self._size, thread_name_prefix="request"
            )
        wait([self._executor.submit(call) for _ in range(copies)])

    def condition(self) -> threading.Condition:
        """Return a condition variable for these threads."""
        return threading.Condition()

    def close(self) -> None:
        """Stop the threads."""
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None


class ParallelCalls:
    """Runs tasks in threads, at most `max_in_flight` at once.

    A task may run further tasks; these run sequentially on its own thread.
    """

    def __init__(
        self,
        max_in_flight: int,
        shutdown: ShutdownSignal,
        threads: ThreadPool | None = None,
    ) -> None:
        self._max_in_flight = max_in_flight
        self._shutdown = shutdown
        self._threads = threads or ThreadPool(max_in_flight)
        self._local = threading.local()

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run all tasks and return their results in task order.

        When a task fails, no further task starts, and running tasks finish.

        Raises:
            Exception: the error of the first failed task. A PluginError takes
                precedence over other errors, and any error over a shutdown.
        """
        queue = _TaskQueue(tasks=tasks, shutdown=self._shutdown)
        width = min(self._max_in_flight, len(tasks))
        if width <= 1 or self._is_inside_task:
            queue.work()
        else:
            self._threads.run_copies(lambda: self._work_inside(queue), width)
        return queue.results_in_order()

    def close(self) -> None:
        """End the threads."""
        self._threads.close()

    @property
    def _is_inside_task(self) -> bool:
        return getattr(self._local, "is_inside", False)

    def _work_inside(self, queue: _TaskQueue[T]) -> None:
        self._local.is_inside = True
        try:
            queue.work()
        finally:
            self._local.is_inside = False


@dataclass(slots=True, kw_only=True)
class _TaskQueue(Generic[T]):
    """The tasks of one `run`, shared by its threads."""

    tasks: Sequence[Callable[[], T]]
    shutdown: ShutdownSignal
    results: dict[int, T] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)
    _indices: Iterator[int] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._indices = iter(range(len(self.tasks)))

    def work(self) -> None:
        """Run tasks until none is left or one has failed."""
        while (index := self._next()) is not None:
            try:
                self.results[index] = self.tasks[index]()
            except Exception as error:  # noqa: BLE001 - raised by results_in_order
                self.errors[index] = error

    def results_in_order(self) -> list[T]:
        """Return the results in task order, or raise the most relevant error."""
        if self.errors:
            raise min(self.errors.items(), key=_relevance)[1]
        return [self.results[index] for index in range(len(self.tasks))]

    def _next(self) -> int | None:
        with self._lock:
            if self.errors:
                return None
            index = next(self._indices, None)
            if index is not None and self.shutdown.is_set:
                self.errors[index] = ShutdownRequestedError("Stopped by a signal.")
                return None
            return index


def _relevance(item: tuple[int, Exception]) -> tuple[int, int]:
    index, error = item
    if isinstance(error, ShutdownRequestedError):
        return 2, index
    return (0 if isinstance(error, PluginError) else 1), index
