"""A history that runs of several jobs share, and what it holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from target_bigcommerce.errors import TooManyClearsError
from target_bigcommerce.exits import ClearGuard
from target_bigcommerce.files import NoChangeLog
from target_bigcommerce.history import History, open_history
from target_bigcommerce.plan import Change, RecordedChange
from target_bigcommerce.recording import ChangeRecorder
from target_bigcommerce.summary import RunStats

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_780_000_000.0
VIP = "LyticsAudience_vip"


class SharedHistory:
    """Runs of a store that clear values of an attribute, one after the other.

    Args:
        folder: where the history is.
        values: how many values the attribute has.
    """

    def __init__(self, folder: Path, *, values: int) -> None:
        self.path = str(folder / "history.sqlite")
        self.values = values
        self.counts = 0  # How often the values were counted.
        self.now = NOW
        self.store_now: float | None = None
        self._customers = 0
        self._pending: list[RecordedChange] = []
        self.history: History | None = None
        self.start_run()

    def start_run(self, *, store: str = "abc", job: str = "job") -> None:
        """Start another run; the one before ends as if it was killed."""
        if self.history is not None:
            self.history.close()
        self.history = open_history(
            self.path,
            store=store,
            now=lambda: self.now,
            store_time=lambda: self.store_now,
        )
        self.history.start_run(job)
        self._recorder = ChangeRecorder(
            log=NoChangeLog(),
            stats=RunStats(),
            now=lambda: self.now,
            history=self.history,
            is_required=True,
            history_days=90,
        )

    def end_run(self, end: str) -> None:
        """End the run: `killed`, or with a status."""
        assert self.history is not None
        if end != "killed":
            self.history.finish_run(status=end, input="complete", counts={})  # type: ignore[arg-type]
        self.history.close()

    def clear(
        self,
        count: int,
        percent: int,
        *,
        attribute: str = VIP,
        is_settled: bool = True,
    ) -> bool:
        """Clear this many values if the guard allows it."""
        guard = ClearGuard(percent, self._recorder)
        first, self._customers = self._customers + 1, self._customers + count
        change = Change(name=attribute, is_attribute=True, old="vip")
        planned = [(first + n, None, [change]) for n in range(count)]
        try:
            with guard.admit(count, attribute=attribute, total=self._total):
                recorded = self._recorder.begin("vip", "clear", planned)
        except TooManyClearsError:
            return False
        self._pending = [each for one in recorded for each in one]
        if is_settled:
            self._recorder.settle(self._pending)
        self.values -= count
        return True

    def drop_pending(self) -> None:
        """Record that none of the values cleared last was."""
        self._recorder.settle([], self._pending)

    def refusal(self, count: int, percent: int, *, is_required: bool = True) -> str:
        """Return the guard's error; empty if it allows it and need not refuse."""
        try:
            with ClearGuard(percent, self._recorder).admit(
                count, attribute=VIP, total=self._total
            ):
                assert not is_required, "the guard allows it"
        except TooManyClearsError as error:
            return str(error)
        return ""

    def _total(self) -> int:
        self.counts += 1
        return self.values


def recorded(
    customer: int | None,
    *changes: Change,
    at: float = NOW,
    **more: Any,  # noqa: ANN401 - fields
) -> list[RecordedChange]:
    """Return changes of one customer as they are recorded."""
    return [
        RecordedChange(
            **{
                "at": at,
                "stream": "vip",
                "action": "update",
                "change": change,
                "customer": customer,
                **more,
            }
        )
        for change in changes
    ]


def rows_of(path: Path | str, query: str) -> list[tuple[Any, ...]]:
    """Query a history."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()
