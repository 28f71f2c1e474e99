"""Runs threads one at a time, in virtual time; the seed decides which runs next."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from typing_extensions import override

from sandbox import Clock
from target_bigcommerce.api.parallel import ThreadPool

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from .world import World

START = 1_780_000_000.0  # After the changes to the sandbox's people.
NEVER = math.inf
# More threads than a run needs. Starting threads is slow, so they are reused.
POOL = ThreadPoolExecutor(16, thread_name_prefix="virtual")


class VirtualThread:
    """A thread that runs only when it is scheduled.

    Args:
        wakes: the time from which it can run, in seconds.
        ignores_signals: whether a signal does not end its wait.
        is_in_call: whether it waits for a response.
    """

    def __init__(self, wakes: float) -> None:
        self.wakes = wakes
        self.ignores_signals = True
        self.is_in_call = False
        self.go = threading.Semaphore(0)


class Scheduler:
    """Runs one thread at a time; time advances while all threads wait.

    Args:
        rng: decides between threads that wake at the same time.
        on_stuck: called on a deadlock; it must wake the threads.
    """

    def __init__(self, rng: random.Random, on_stuck: Callable[[], None]) -> None:
        self.clock = Clock.still(START)
        self.elapsed = 0.0  # More precise than the clock's seconds since 1970.
        self.main = self.current = VirtualThread(self.elapsed)
        self._rng = rng
        self._on_stuck = on_stuck
        self._waiting: list[VirtualThread] = []

    def wait_until(self, until: float, *, ignores_signals: bool = True) -> None:
        """Run other threads until a time."""
        thread = self.current
        thread.wakes, thread.ignores_signals = until, ignores_signals
        self._waiting.append(thread)
        self._run_next()
        if self.current is not thread:
            self.current.go.release()
            thread.go.acquire()

    def begin(self) -> VirtualThread:
        """Add a thread, which must wait on its `go` before it runs."""
        thread = VirtualThread(self.elapsed)
        self._waiting.append(thread)
        return thread

    def end(self) -> None:
        """End the current thread."""
        self._run_next()
        self.current.go.release()

    def wake_all(self, *, force: bool = False) -> None:
        """Wake the threads that do not ignore signals, or with `force` all of them."""
        for thread in self._waiting:
            if force or not thread.ignores_signals:
                thread.wakes = min(thread.wakes, self.elapsed)

    def _run_next(self) -> None:
        first = min(thread.wakes for thread in self._waiting)
        if first == NEVER:
            self._on_stuck()
            first = self.elapsed
        now = max(first, self.elapsed)
        ready = [thread for thread in self._waiting if thread.wakes <= now]
        self.current = ready[0] if len(ready) == 1 else self._rng.choice(ready)
        self._waiting.remove(self.current)
        self.elapsed = now
        self.clock.set(START + now)


class VirtualThreadPool(ThreadPool):
    """A pool whose threads run one at a time."""

    def __init__(self, size: int, world: World) -> None:
        super().__init__(size)
        self._world = world

    @override
    def run_copies(self, call: Callable[[], None], copies: int) -> None:
        group = ThreadGroup(self._world.scheduler, call, copies)
        while group.left:
            self._world.scheduler.wait_until(NEVER)
            try:
                self._world.handle_signals()
            except BaseException as error:  # noqa: BLE001 - raised when all are done
                group.errors.append(error)
        if group.errors:
            raise group.errors[0]

    @override
    def condition(self) -> threading.Condition:
        return VirtualCondition(self._world)


class ThreadGroup:
    """Threads that make the same call; the thread that waits for them resumes last."""

    def __init__(
        self, scheduler: Scheduler, call: Callable[[], None], times: int
    ) -> None:
        self._scheduler = scheduler
        self._call = call
        self._caller = scheduler.current
        self.left = times
        self.errors: list[BaseException] = []
        for _ in range(times):
            POOL.submit(self._run, scheduler.begin())

    def _run(self, thread: VirtualThread) -> None:
        thread.go.acquire()
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - raised by run_copies
            self.errors.append(error)
        self.left -= 1
        if not self.left and self._caller.wakes == NEVER:
            self._caller.wakes = self._scheduler.elapsed
        self._scheduler.end()


class VirtualCondition(threading.Condition):
    """A condition variable that waits in virtual time."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._sleepers: list[VirtualThread] = []

    @override
    def wait(self, timeout: float | None = None) -> bool:
        self._sleepers.append(self._world.scheduler.current)
        self.release()
        try:
            self._world.wait_until(NEVER)
        finally:
            self.acquire()
        return True

    @override
    def notify_all(self) -> None:
        for thread in self._sleepers:
            thread.wakes = min(thread.wakes, self._world.now())
        self._sleepers.clear()
