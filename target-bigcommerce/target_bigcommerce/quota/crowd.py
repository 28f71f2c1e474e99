"""How many calls may be under way at once."""

from __future__ import annotations

GOOD_ANSWERS_TO_RECOVER = 50


class Crowd:
    """Counts calls under way; bears fewer after a 429 while calls remain."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0
        self._good = 0
        self.limit = most

    @property
    def is_full(self) -> bool:
        """Whether a further call has to wait for one to end."""
        return self._inside >= self.limit

    def enter(self) -> None:
        """A call begins."""
        self._inside += 1

    def leave(self) -> None:
        """A call is over."""
        self._inside -= 1

    def shrink(self) -> None:
        """The store bore one less; it is always asked to bear one."""
        self.limit = max(1, self.limit - 1)
        self._good = 0

    def answered(self) -> None:
        """A good answer: enough of them, and one more is tried."""
        self._good += 1
        if self._good >= GOOD_ANSWERS_TO_RECOVER:
            self.limit, self._good = min(self._most, self.limit + 1), 0
