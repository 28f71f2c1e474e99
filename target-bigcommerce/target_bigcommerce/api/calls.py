"""Tasks side by side, a few at a time, with one way to fail."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from target_bigcommerce.errors import BigCommerceError, InterruptedByUserError

from .threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_bigcommerce.interrupt import Interrupt

T = TypeVar("T")


class Calls:
    """Runs tasks in threads, at most `max_in_flight` at once.

    Tasks may run tasks: those go one after the other on the same thread.
    """

    def __init__(
        self, max_in_flight: int, interrupt: Interrupt, threads: Threads | None = None
    ) -> None:
        self._width = max_in_flight
        self._interrupt = interrupt
        self._threads = threads or Threads(max_in_flight)
        self._here = threading.local()

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run all; the results come in the order of the tasks.

        When one fails no further one begins, and those under way finish.

        Raises:
            Exception: the first by order; our own before others, an interruption
                only when nothing worse happened.
        """
        work = _Work(tasks=tasks, interrupt=self._interrupt)
        width = min(self._width, len(tasks))
        if width <= 1 or self._is_inside:
            work.do()
        else:
            self._threads.side_by_side(lambda: self._inside(work), width)
        return work.outcome()

    def close(self) -> None:
        """Let the threads go."""
        self._threads.close()

    @property
    def _is_inside(self) -> bool:
        return getattr(self._here, "busy", False)

    def _inside(self, work: _Work[T]) -> None:
        self._here.busy = True
        try:
            work.do()
        finally:
            self._here.busy = False


@dataclass(slots=True, kw_only=True)
class _Work(Generic[T]):
    """One run's tasks, shared by the threads that take from it."""

    tasks: Sequence[Callable[[], T]]
    interrupt: Interrupt
    results: dict[int, T] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)
    _begun: Iterator[int] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._begun = iter(range(len(self.tasks)))

    def do(self) -> None:
        """Take tasks until there are none left or one has failed."""
        while (at := self._next()) is not None:
            self._do_one(at)

    def outcome(self) -> list[T]:
        """Give the results, or raise the error that matters most."""
        if self.errors:
            raise min(self.errors.items(), key=_rank)[1]
        return [self.results[at] for at in range(len(self.tasks))]

    def _do_one(self, at: int) -> None:
        try:
            self.results[at] = self.tasks[at]()
        except Exception as error:  # noqa: BLE001 - raised again by `outcome`
            self.errors[at] = error

    def _next(self) -> int | None:
        with self._lock:
            if self.errors:
                return None
            at = next(self._begun, None)
            if at is not None and self.interrupt.is_set:
                self.errors[at] = InterruptedByUserError("Stopped by a signal.")
                return None
            return at


def _rank(item: tuple[int, Exception]) -> tuple[int, int]:
    at, error = item
    if isinstance(error, InterruptedByUserError):
        return 2, at
    return (0 if isinstance(error, BigCommerceError) else 1), at
