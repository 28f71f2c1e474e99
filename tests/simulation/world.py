"""Virtual time, chance, and the steps at which a process can be interrupted."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

from .turns import Turns

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

MAX_STEPS = 100_000
SHORTEST_SLEEP = 1e-6  # A real wait is never shorter, whatever was asked for.

What = Literal["term", "int", "kill", "power"]
SIGNALS = {"term": signal.SIGTERM, "int": signal.SIGINT}


class DeadError(BaseException):
    """The process was killed; nothing of it may act any more."""


class ViolationError(BaseException):
    """What may never happen did; no `except Exception` of the target hides it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What ends a process early, and at which of its steps."""

    what: What
    step: int


class World:
    """Everything outside of the process: it lets time pass and trouble come.

    A step is a point at which the process touches the world: a wait, the two ends of
    a call, a read, a line printed. Interruptions happen at steps.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.turns = Turns(chance, self._stuck)
        self.clock = self.turns.clock
        self.interventions: list[tuple[int, Callable[[], None]]] = []
        self.violation: ViolationError | None = None
        self._steps = 0
        self.begin(None)

    def begin(self, trouble: Trouble | None) -> None:
        """Begin a process, to which the trouble will come."""
        self.signalled: int | None = None
        self.signalled_at = 0.0
        self.is_dead = False
        self.trouble = trouble
        self._unhandled: int | None = None
        self._step = 0

    def now(self) -> float:
        """Running seconds."""
        return self.turns.elapsed

    def pass_by(self, seconds: float) -> None:
        """Let time pass, whatever signal comes."""
        self.rest(self.turns.elapsed + seconds)

    def rest(self, until: float, *, is_deaf: bool = True) -> None:
        """Let other threads run until then."""
        self.turns.rest(until, is_deaf=is_deaf)
        if self.is_dead:
            raise DeadError
        self.handle_signals()

    def touch(self) -> None:
        """One step."""
        if self.is_dead:
            raise DeadError
        self._step += 1
        if self._step > MAX_STEPS:
            self.violate("the process never ends")
        self._steps += 1
        while self.interventions and self.interventions[0][0] <= self._steps:
            self.interventions.pop(0)[1]()
        if self.trouble and self._step >= self.trouble.step:
            what, self.trouble = self.trouble.what, None
            self._strike(what)

    def sleep(self, seconds: float) -> None:
        """Let time pass; trouble comes before it, halfway through, or not at all."""
        self.touch()
        if seconds > 0:
            half = max(seconds, SHORTEST_SLEEP) / 2
            self._nap(half)
            self.touch()
            self._nap(half)
        else:
            self._nap(0.0)

    def violate(self, text: str) -> NoReturn:
        """End the process, which did what may never happen."""
        self.violation = self.violation or ViolationError(text)
        self._die()
        raise self.violation

    def handle_signals(self) -> None:
        """Have the main thread handle a signal, as no other ever does."""
        number = self._unhandled
        if number is None or self.turns.current is not self.turns.main:
            return
        self._unhandled = None
        self.signalled, self.signalled_at = number, self.turns.elapsed
        handler = signal.getsignal(number)
        if not callable(handler):
            self.violate("the process does not handle the signal")
        self.turns.rouse()
        handler(number, None)

    def _nap(self, seconds: float) -> None:
        if self.signalled is None:
            self.rest(self.turns.elapsed + seconds, is_deaf=False)

    def _strike(self, what: What) -> None:
        number = SIGNALS.get(what)
        if number is None:
            self._die()
            raise DeadError
        self._unhandled = number
        self.turns.main.wakes = min(self.turns.main.wakes, self.turns.elapsed)
        self.handle_signals()

    def _die(self) -> None:
        self.is_dead = True
        self.turns.rouse(even_the_deaf=True)

    def _stuck(self) -> None:
        self.violation = self.violation or ViolationError("all threads wait for others")
        self._die()
