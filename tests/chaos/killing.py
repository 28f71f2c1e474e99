"""One `meltano run`, and the signal that hits one of its processes on the way."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from chaos.blows import EVERYTHING, MELTANO, Phase
from chaos.processes import find

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from chaos.blows import Blow
    from sandbox import Sandbox
    from sandbox.journal import Entry

GLANCE_SECONDS = 0.02
HOLD_SECONDS = 5.0
ORPHANS_SECONDS = 3.0
PATIENCE_SECONDS = 100.0


class Fuse:
    """Burns with every call of a phase, and holds the sandbox at the last of them.

    So whoever made that call is there to be hit, however busy the machine is. Between
    the phases nothing is held.
    """

    def __init__(self, box: Sandbox) -> None:
        self._phase = Phase.BETWEEN
        self._left = 0
        self._is_burnt = threading.Event()
        self._is_over = threading.Event()
        box.journal.subscribe(self._burn)

    @contextmanager
    def lit(self, blow: Blow) -> Iterator[None]:
        """Burn from now on, until the blow has fallen."""
        self._is_burnt.clear()
        self._is_over.clear()
        self._phase, self._left = blow.phase, blow.calls
        try:
            yield
        finally:
            self._left = 0
            self._is_over.set()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether it is burnt."""
        return self._is_burnt.wait(seconds)

    def _burn(self, entry: Entry) -> None:
        if not self._phase.has(entry):
            return
        self._left -= 1
        if self._left == 0:
            self._is_burnt.set()
            if self._phase is not Phase.BETWEEN:
                self._is_over.wait(HOLD_SECONDS)


def strike(process: subprocess.Popen[bytes], blow: Blow, fuse: Fuse) -> bool:
    """Let the blow fall on a run; whether it met anybody. Waits for the run's end."""
    has_hit = False
    with fuse.lit(blow):
        while process.poll() is None and not has_hit:
            if fuse.wait(GLANCE_SECONDS):
                time.sleep(blow.pause or GLANCE_SECONDS)
                has_hit = _hit(process, blow)
                if blow.phase is not Phase.BETWEEN:
                    break
    try:
        process.wait(PATIENCE_SECONDS)
        _await_orphans(process.pid)
    finally:  # Nothing of this run may reach into the next one.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return has_hit


def _hit(process: subprocess.Popen[bytes], blow: Blow) -> bool:
    if process.poll() is not None:
        return False
    if blow.victim == EVERYTHING:
        os.killpg(process.pid, blow.signal)
        return True
    is_meltano = blow.victim == MELTANO
    found = process.pid if is_meltano else find(blow.victim, process.pid)
    if found is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(found, blow.signal)
        return True
    return False


def _await_orphans(group: int) -> None:
    """Let plugins whose Meltano is gone end as they would, for a while."""
    deadline = time.monotonic() + ORPHANS_SECONDS
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(GLANCE_SECONDS)
