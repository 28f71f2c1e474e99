"""The target's threads in virtual time: the seed decides which of them runs next."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from typing_extensions import override

from target_bigcommerce.api.parallel import ThreadPool

from .turns import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from .turns import Strand, Turns
    from .world import World

# More than ever run at once. Threads are reused, because starting them is slow.
POOL = ThreadPoolExecutor(16, thread_name_prefix="strand")


class VirtualThreadPool(ThreadPool):
    """Threads of which one runs at a time."""

    def __init__(self, size: int, world: World) -> None:
        super().__init__(size)
        self._world = world

    @override
    def run_copies(self, call: Callable[[], None], copies: int) -> None:
        crew = Crew(self._world.turns, call, copies)
        while crew.left:
            self._world.turns.rest(NEVER)
            try:
                self._world.handle_signals()
            except BaseException as error:  # noqa: BLE001 - raised when all are done
                crew.errors.append(error)
        if crew.errors:
            raise crew.errors[0]

    @override
    def condition(self) -> threading.Condition:
        return VirtualCondition(self._world)


class Crew:
    """Threads that make the same call; the thread that waits for them resumes last."""

    def __init__(self, turns: Turns, call: Callable[[], None], times: int) -> None:
        self._turns = turns
        self._call = call
        self._caller = turns.current
        self.left = times
        self.errors: list[BaseException] = []
        for _ in range(times):
            POOL.submit(self._live, turns.begin())

    def _live(self, strand: Strand) -> None:
        strand.go.acquire()
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - raised where all are waited for
            self.errors.append(error)
        self.left -= 1
        if not self.left and self._caller.wakes == NEVER:
            self._caller.wakes = self._turns.elapsed
        self._turns.end()


class VirtualCondition(threading.Condition):
    """Waits by passing its turn to other strands."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._sleepers: list[Strand] = []

    @override
    def wait(self, timeout: float | None = None) -> bool:
        self._sleepers.append(self._world.turns.current)
        self.release()
        try:
            self._world.rest(NEVER)
        finally:
            self.acquire()
        return True

    @override
    def notify_all(self) -> None:
        for strand in self._sleepers:
            strand.wakes = min(strand.wakes, self._world.now())
        self._sleepers.clear()
