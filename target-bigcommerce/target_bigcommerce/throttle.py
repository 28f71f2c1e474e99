"""Holds calls back until the store's quota and its 429s let them start."""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .quota.crowd import Crowd
from .quota.hold import Hold
from .quota.limits import read_limits
from .quota.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TOO_MANY = 429
GOOD = range(200, 300)


class Throttle:
    """One for all threads of a process.

    Args:
        share: the part of the store's quota that this process may use, 0 to 1.
        max_in_flight: calls at once, as long as the store bears it.
        clock: running seconds.
        wait: waits so many seconds; raises when the user wants to stop.
        chance: a number from 0 to 1, for the jitter.
        changed: where threads wait for a call of another to end.
    """

    def __init__(
        self,
        *,
        share: float,
        max_in_flight: int,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None],
        chance: Callable[[], float] = random.random,
        changed: threading.Condition | None = None,
    ) -> None:
        self._pace = Pace(share)
        self._clock = clock
        self._wait = wait
        self._changed = changed or threading.Condition()
        self._crowd = Crowd(max_in_flight)
        self._hold = Hold(chance)
        self._waiting = 0
        self._waiting_since = 0.0
        self._waited = 0.0

    @property
    def quota(self) -> int | None:
        """Calls per window, as the store last said."""
        return self._pace.quota

    @property
    def window_seconds(self) -> float:
        """How long a window is."""
        return self._pace.window_seconds

    @property
    def waited_seconds(self) -> float:
        """Seconds in which some call was held back for the quota."""
        with self._changed:
            running = self._clock() - self._waiting_since if self._waiting else 0.0
            return self._waited + running

    @property
    def hold_seconds(self) -> float:
        """Seconds from now in which no call starts, as a 429 asked."""
        with self._changed:
            return self._hold.seconds(self._clock())

    @property
    def in_flight_limit(self) -> int:
        """Calls at once that the store bears at present."""
        return self._crowd.limit

    def expect(self, calls: int) -> None:
        """So many calls are to come; 0 if nobody knows."""
        with self._changed:
            self._pace.expect(calls)

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """Wait until a call may start; it is under way until the block ends.

        Raises:
            InterruptedByUserError: through `wait`, when the user wants to stop.
        """
        slot = self._admit()
        try:
            yield slot
        finally:
            self._leave(slot)

    def _admit(self) -> Slot:
        while True:
            self._wait(0.0)  # No call begins after a signal.
            with self._changed:
                pause = self._pause()
                if pause is None:
                    self._changed.wait()
                    continue
                if pause <= 0:
                    self._crowd.enter()
                    now = self._clock()
                    return Slot(self, began=now, window=self._pace.begin(now))
            self._sit_out(pause)

    def _pause(self) -> float | None:
        now = self._clock()
        held = self._hold.seconds(now)
        if held > 0:
            return held
        return None if self._crowd.is_full else self._pace.pause(now)

    def _sit_out(self, seconds: float) -> None:
        with self._changed:
            if not self._waiting:
                self._waiting_since = self._clock()
            self._waiting += 1
        try:
            self._wait(seconds)
        finally:
            with self._changed:
                self._waiting -= 1
                if not self._waiting:
                    self._waited += self._clock() - self._waiting_since

    def _observe(self, slot: Slot, status: int, headers: Mapping[str, str]) -> None:
        limits = read_limits(headers)
        with self._changed:
            now = self._clock()
            self._pace.learn(now, limits, slot.window)
            if status == TOO_MANY:
                self._hold.refused(now, slot.began, limits)
                if limits.left:
                    self._crowd.shrink()
            elif status in GOOD:
                self._hold.answered()
                self._crowd.answered()

    def _leave(self, slot: Slot) -> None:
        with self._changed:
            if not slot.observed:
                self._pace.lose(slot.window)
            self._pace.end()
            self._crowd.leave()
            self._changed.notify_all()


class Slot:
    """A call's leave to be under way; tell it the answer."""

    def __init__(self, throttle: Throttle, *, began: float, window: int) -> None:
        self._throttle = throttle
        self.began = began
        self.window = window
        self.observed = False

    def observe(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from the answer's status and headers."""
        self.observed = True
        self._throttle._observe(self, status, headers)  # noqa: SLF001 - its other half
