"""Virtual time, chance, and the moments at which something happens to a process."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

from typing_extensions import override

from sandbox import Clock
from target_bigcommerce.errors import InterruptedByUserError
from target_bigcommerce.interrupt import Interrupt

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

START = 1_700_000_000.0
MOST_MOMENTS = 100_000
SHORTEST_SLEEP = 1e-6  # A real wait is never shorter, whatever was asked for.

What = Literal["term", "int", "kill", "power"]
SIGNALS = {"term": signal.SIGTERM, "int": signal.SIGINT}


class DeadError(BaseException):
    """The process was killed; nothing of it may act any more."""


class ViolationError(BaseException):
    """What may never happen did; no `except Exception` of the target hides it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What ends a process early, and at which of its moments."""

    what: What
    moment: int


class World:
    """Everything outside of the process: it lets time pass and trouble come.

    A moment is a point at which the process touches the world: a wait, the two ends
    of a call, a read, a line printed. All trouble comes at moments.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.clock = Clock.still(START)
        self.is_in_call = False
        self.happenings: list[tuple[int, Callable[[], None]]] = []
        self.violation: ViolationError | None = None
        self._elapsed = 0.0  # The clock's seconds since 1970 are too coarse to add to.
        self._moments = 0
        self.begin(None)

    def begin(self, trouble: Trouble | None) -> None:
        """Begin a process, to which the trouble will come."""
        self.signalled: int | None = None
        self.is_dead = False
        self.is_in_call = False
        self.trouble = trouble
        self._moment = 0

    def now(self) -> float:
        """Running seconds."""
        return self._elapsed

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and nothing else."""
        self._elapsed += seconds
        self.clock.set(START + self._elapsed)

    def touch(self) -> None:
        """One moment passes."""
        if self.is_dead:
            raise DeadError
        self._moment += 1
        if self._moment > MOST_MOMENTS:
            self.violate("the process never ends")
        self._moments += 1
        while self.happenings and self.happenings[0][0] <= self._moments:
            self.happenings.pop(0)[1]()
        if self.trouble and self._moment >= self.trouble.moment:
            what, self.trouble = self.trouble.what, None
            self._strike(what)

    def sleep(self, seconds: float) -> None:
        """Let time pass; trouble comes before, in the middle or not at all."""
        self.touch()
        if seconds > 0:
            half = max(seconds, SHORTEST_SLEEP) / 2
            self.pass_by(half)
            self.touch()
            if self.signalled is None:
                self.pass_by(half)

    def violate(self, text: str) -> NoReturn:
        """End the process, as it did what may never happen."""
        self.violation = self.violation or ViolationError(text)
        raise self.violation

    def _strike(self, what: What) -> None:
        number = SIGNALS.get(what)
        if number is None:
            self.is_dead = True
            raise DeadError
        self.signalled = number
        handler = signal.getsignal(number)
        if not callable(handler):
            self.violate("the process does not handle the signal")
        handler(number, None)


class VirtualInterrupt(Interrupt):
    """Its waits are over as soon as the virtual clock is moved."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    @override
    def wait(self, seconds: float) -> None:
        if self._world.is_in_call:
            self._world.violate("a call begins within a call of the same thread")
        if not self.is_set:
            self._world.sleep(seconds)
        if self.is_set:
            raise InterruptedByUserError("Stopped by a signal.")
