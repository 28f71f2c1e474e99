"""When a STATE may be printed: once everything read before it was settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Checkpoint:
    """The states read, and how far they are covered by what was settled.

    Args:
        covered: the newest whose records are all settled; None when it was printed.
        waiting: the newest that has records before it which are not.
    """

    covered: Any = None
    waiting: Any = None

    def read(self, state: Any, *, is_all_settled: bool) -> None:  # noqa: ANN401 - any JSON
        """Take a STATE message's value."""
        if is_all_settled:
            self.covered, self.waiting = state, None
        else:
            self.waiting = state

    def settle(self) -> None:
        """Take note that everything read so far is settled."""
        if self.waiting is not None:
            self.covered, self.waiting = self.waiting, None

    def take(self) -> Any:  # noqa: ANN401 - any JSON
        """Give the state to print, once; None if there is no new one."""
        state, self.covered = self.covered, None
        return state
