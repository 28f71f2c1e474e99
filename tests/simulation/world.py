"""Virtual time, randomness, and the steps at which a process can be interrupted."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn

from .scheduler import Scheduler

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

MAX_STEPS = 100_000
SHORTEST_SLEEP = 1e-6  # A real sleep never takes less time.

What = Literal["term", "int", "kill", "power"]
SIGNALS = {"term": signal.SIGTERM, "int": signal.SIGINT}


class DeadError(BaseException):
    """The process was killed; none of its code may run."""


class ViolationError(BaseException):
    """A check failed. A BaseException, so that the target cannot catch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """What ends a process early, and at which step."""

    what: What
    step: int


class World:
    """Everything outside the process: time, signals and crashes.

    A step is a point at which the process does I/O: a wait, a call that starts or ends,
    a read, a printed line. Interruptions happen at steps.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.scheduler = Scheduler(rng, self._stuck)
        self.clock = self.scheduler.clock
        self.interventions: list[tuple[int, Callable[[], None]]] = []
        self.violation: ViolationError | None = None
        self._steps = 0
        self.begin(None)

    def begin(self, interruption: Interruption | None) -> None:
        """Start a process, which may be interrupted."""
        self.signalled: int | None = None
        self.signalled_at = 0.0
        self.is_dead = False
        self.interruption = interruption
        self._unhandled: int | None = None
        self._step = 0

    def now(self) -> float:
        """Return the elapsed seconds."""
        return self.scheduler.elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass; a signal does not end it."""
        self.wait_until(self.scheduler.elapsed + seconds)

    def wait_until(self, until: float, *, ignores_signals: bool = True) -> None:
        """Run other threads until a time."""
        self.scheduler.wait_until(until, ignores_signals=ignores_signals)
        if self.is_dead:
            raise DeadError
        self.handle_signals()

    def step(self) -> None:
        """Take a step, at which an intervention or interruption may happen."""
        if self.is_dead:
            raise DeadError
        self._step += 1
        if self._step > MAX_STEPS:
            self.violate("the process never ends")
        self._steps += 1
        while self.interventions and self.interventions[0][0] <= self._steps:
            self.interventions.pop(0)[1]()
        if self.interruption and self._step >= self.interruption.step:
            what, self.interruption = self.interruption.what, None
            self._interrupt(what)

    def sleep(self, seconds: float) -> None:
        """Let time pass, with steps before it and halfway through."""
        self.step()
        if seconds > 0:
            half = max(seconds, SHORTEST_SLEEP) / 2
            self._wait(half)
            self.step()
            self._wait(half)
        else:
            self._wait(0.0)

    def violate(self, text: str) -> NoReturn:
        """End the process because a check failed."""
        self.violation = self.violation or ViolationError(text)
        self._die()
        raise self.violation

    def handle_signals(self) -> None:
        """Handle a pending signal, if this is the main thread."""
        number = self._unhandled
        if number is None or self.scheduler.current is not self.scheduler.main:
            return
        self._unhandled = None
        self.signalled, self.signalled_at = number, self.scheduler.elapsed
        handler = signal.getsignal(number)
        if not callable(handler):
            self.violate("the process does not handle the signal")
        self.scheduler.wake_all()
        handler(number, None)

    def _wait(self, seconds: float) -> None:
        if self.signalled is None:
            self.wait_until(self.scheduler.elapsed + seconds, ignores_signals=False)

    def _interrupt(self, what: What) -> None:
        number = SIGNALS.get(what)
        if number is None:
            self._die()
            raise DeadError
        self._unhandled = number
        self.scheduler.main.wakes = min(
            self.scheduler.main.wakes, self.scheduler.elapsed
        )
        self.handle_signals()

    def _die(self) -> None:
        self.is_dead = True
        self.scheduler.wake_all(force=True)

    def _stuck(self) -> None:
        self.violation = self.violation or ViolationError("deadlock: all threads wait")
        self._die()
