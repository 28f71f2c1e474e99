"""Who runs, and when: of several threads one at a time, in virtual time."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from sandbox import Clock

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

START = 1_700_000_000.0
NEVER = math.inf


class Strand:
    """A thread that runs only while it is its turn.

    Args:
        wakes: the time from which it can have its turn.
        is_deaf: whether a signal does not end its rest.
        is_in_call: whether it waits for an answer.
    """

    def __init__(self, wakes: float) -> None:
        self.wakes = wakes
        self.is_deaf = True
        self.is_in_call = False
        self.go = threading.Semaphore(0)


class Turns:
    """Gives one strand after the other its turn; time passes while all rest.

    Args:
        chance: decides between strands that wake at the same time.
        on_stuck: called when all wait for each other; it must wake them.
    """

    def __init__(self, chance: random.Random, on_stuck: Callable[[], None]) -> None:
        self.clock = Clock.still(START)
        self.elapsed = 0.0  # The clock's seconds since 1970 are too coarse to add to.
        self.main = self.current = Strand(self.elapsed)
        self._chance = chance
        self._on_stuck = on_stuck
        self._resting: list[Strand] = []

    def rest(self, until: float, *, is_deaf: bool = True) -> None:
        """Let others have their turns until then."""
        strand = self.current
        strand.wakes, strand.is_deaf = until, is_deaf
        self._resting.append(strand)
        self._pass_on()
        if self.current is not strand:
            self.current.go.release()
            strand.go.acquire()

    def begin(self) -> Strand:
        """Make a strand; its thread begins by waiting for its first turn."""
        strand = Strand(self.elapsed)
        self._resting.append(strand)
        return strand

    def end(self) -> None:
        """End the strand whose turn it is."""
        self._pass_on()
        self.current.go.release()

    def rouse(self, *, even_the_deaf: bool = False) -> None:
        """End the rest of all whom a signal reaches, or of everybody."""
        for strand in self._resting:
            if even_the_deaf or not strand.is_deaf:
                strand.wakes = min(strand.wakes, self.elapsed)

    def _pass_on(self) -> None:
        first = min(strand.wakes for strand in self._resting)
        if first == NEVER:
            self._on_stuck()
            first = self.elapsed
        now = max(first, self.elapsed)
        ready = [strand for strand in self._resting if strand.wakes <= now]
        self.current = ready[0] if len(ready) == 1 else self._chance.choice(ready)
        self._resting.remove(self.current)
        self.elapsed = now
        self.clock.set(START + now)
