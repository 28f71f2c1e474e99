"""Follows the quota's windows from call to call. No I/O, no clock, no lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .window import View, pause

if TYPE_CHECKING:
    from .limits import Limits

USUAL_WINDOW_SECONDS = 30.0
GUARD_SECONDS = 0.05  # Reset times are rounded, and clocks of servers differ.
SHORTEST_PAUSE_SECONDS = 0.001  # Adding less to a clock may leave it unchanged.
LONG_AGO = float("-inf")


class Pace:
    """When the next call may start, told from the answers so far.

    Before the first answer one call goes alone; a store that says nothing of a
    quota is not paced.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._to_come = 0
        self._in_flight = 0
        self._answered = False
        self._called_at = LONG_AGO
        self.quota: int | None = None
        self.window_seconds = USUAL_WINDOW_SECONDS
        self._number = 0
        self._end: float | None = None
        self._left = 0
        self._seen_at = 0.0
        self._own = 0
        self._others = 0
        self._others_before = 0.0

    def expect(self, calls: int) -> None:
        """So many calls are to come; 0 if nobody knows."""
        self._to_come = max(0, calls)

    def pause(self, now: float) -> float | None:
        """Seconds until to ask again; 0: start; None: wait for an answer."""
        if not self._answered:
            return None if self._in_flight else 0.0
        if self.quota is None:
            return 0.0
        self._roll(now)
        seconds = pause(self._view(now, self.quota))
        return max(seconds, SHORTEST_PAUSE_SECONDS) if seconds else seconds

    def begin(self, now: float) -> int:
        """Count a call as started; gives the number of its window."""
        self._in_flight += 1
        self._own += 1
        self._to_come = max(0, self._to_come - 1)
        self._called_at = now
        return self._number

    def end(self) -> None:
        """A call is over, answered or not."""
        self._in_flight -= 1

    def lose(self, window: int) -> None:
        """No answer came: the store may have counted the call all the same."""
        if window == self._number:
            self._left = max(0, self._left - 1)

    def learn(self, now: float, limits: Limits, window: int) -> None:
        """Take in the answer to a call that was started in that window."""
        self._answered = True
        if limits.quota is None and limits.left is None:
            return
        self.window_seconds = limits.window_seconds or self.window_seconds
        end = self._end_by(now, limits)
        if self._is_stale(end, window):
            return
        if self._end is not None and end > self._end + self.window_seconds / 2:
            self._open()  # The store began a new window before we thought it would.
        self._end = end if self._end is None else min(self._end, end)
        self._read(now, limits)

    def _read(self, now: float, limits: Limits) -> None:
        left = limits.left
        quota = limits.quota or self.quota or (left or 0) + self._own
        self.quota = max(1, quota)
        self._left = max(0, self.quota - self._own) if left is None else left
        self._others = max(0, self.quota - self._left - self._own)
        self._seen_at = now

    def _end_by(self, now: float, limits: Limits) -> float:
        if limits.reset_seconds is not None:
            return now + limits.reset_seconds + GUARD_SECONDS
        return self._end or now + self.window_seconds

    def _is_stale(self, end: float, window: int) -> bool:
        """Tell an answer that still speaks of the window before."""
        before = self._end if self._end is not None else end
        return window != self._number and end < before - self.window_seconds / 2

    def _roll(self, now: float) -> None:
        if self._end is None or now < self._end:
            return
        start = self._end
        missed = int((now - start) // self.window_seconds)
        self._open()
        self._end = start + (missed + 1) * self.window_seconds
        self._left = self.quota or 0
        self._seen_at = self._end - self.window_seconds

    def _open(self) -> None:
        """Begin a window; calls under way may count into it."""
        self._others_before = self._others / self.window_seconds
        self._number += 1
        self._own, self._others = self._in_flight, 0
        self._end = None

    def _view(self, now: float, quota: int) -> View:
        end = self._end if self._end is not None else now + self.window_seconds
        remaining = max(0.0, end - now)
        return View(
            share=self._share,
            quota=quota,
            window=self.window_seconds,
            left=self._left,
            elapsed=max(0.0, self.window_seconds - remaining),
            remaining=remaining,
            since_answer=max(0.0, now - self._seen_at),
            since_call=now - self._called_at,
            in_flight=self._in_flight,
            own=self._own,
            others=self._others,
            others_before=self._others_before,
            to_come=self._to_come,
        )
