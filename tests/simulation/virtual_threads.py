"""Replaces the target's threads; the seed decides which of them runs next."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from typing_extensions import override

from target_bigcommerce.api.parallel import ThreadPool

from .scheduler import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from .scheduler import Scheduler, VirtualThread
    from .world import World

# More threads than a run needs. Starting threads is slow, so they are reused.
POOL = ThreadPoolExecutor(16, thread_name_prefix="virtual")


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
