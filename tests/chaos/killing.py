"""One `meltano run`, and the signal that hits one of its processes on the way."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.processes import find

if TYPE_CHECKING:
    import random
    import subprocess

    from sandbox import Sandbox

EVERYTHING, MELTANO = "everything", "meltano"
VICTIMS = ("tap-lytics", "target-bigcommerce")
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
GLANCE_SECONDS = 0.02
PATIENCE_SECONDS = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """Who is hit, by which signal, after how many calls of the run to either vendor."""

    victim: str
    signal: signal.Signals
    calls: int

    def __str__(self) -> str:
        return f"{self.signal.name} to {self.victim} after call {self.calls}"


def next_blow(chance: random.Random) -> Blow:
    """Choose one: mostly a plugin, now and then all processes or Meltano alone."""
    calls = chance.choice((chance.randint(1, 20), chance.randint(20, 120)))
    victim = chance.choice((*VICTIMS * 3, EVERYTHING, MELTANO))
    number = signal.SIGKILL if victim == EVERYTHING else chance.choice(SIGNALS)
    return Blow(victim=victim, signal=number, calls=calls)


class Fuse:
    """Burns with every call to the sandbox."""

    def __init__(self, box: Sandbox) -> None:
        self._left = 0
        self._is_burnt = threading.Event()
        box.journal.subscribe(lambda _: self._burn())

    def light(self, calls: int) -> None:
        """Be burnt after so many calls from now."""
        self._is_burnt.clear()
        self._left = calls

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether it is burnt."""
        return self._is_burnt.wait(seconds)

    def _burn(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._is_burnt.set()


def strike(process: subprocess.Popen[bytes], blow: Blow, fuse: Fuse) -> bool:
    """Let the blow fall on a run; whether it met anybody. Waits for the run's end."""
    fuse.light(blow.calls)
    has_hit = False
    while process.poll() is None:
        if fuse.wait(GLANCE_SECONDS):
            has_hit = _hit(process.pid, blow)
            break
    try:
        process.wait(PATIENCE_SECONDS)
    finally:  # Nothing of this run may reach into the next one.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return has_hit


def _hit(group: int, blow: Blow) -> bool:
    if blow.victim == EVERYTHING:
        os.killpg(group, blow.signal)
        return True
    found = group if blow.victim == MELTANO else find(blow.victim, group)
    if found is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(found, blow.signal)
        return True
    return False
