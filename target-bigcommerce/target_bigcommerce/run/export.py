"""What lasts as long as the run, whatever sinks come and go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from target_bigcommerce.errors import InputError, LimitReachedError, TooManyRejectsError
from target_bigcommerce.exits.clearing import ClearGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from target_bigcommerce.attributes import AttributeBook
    from target_bigcommerce.errors import RecordRejectedError
    from target_bigcommerce.exits.versions import Versions
    from target_bigcommerce.messages.checkpoint import Checkpoint
    from target_bigcommerce.plan import Change
    from target_bigcommerce.rejects import Rejects
    from target_bigcommerce.settings import Settings
    from target_bigcommerce.store import Store

    from .changes import Journal
    from .tally import Tally


class Export:
    """The run's figures, files and limits, and the store that it writes to.

    Args:
        settings: what the user wants.
        store: BigCommerce.
        book: its attribute definitions.
        tally: the run's figures; whoever sends calls counts them there.
        journal: takes note of every value written.
        rejects: keeps the records that could not be written.
        checkpoint: knows which state may be printed.
        versions: knows who was read under which version.
        clock: seconds that never go backwards.
    """

    def __init__(  # noqa: PLR0913 - the rooms that a run is made of
        self,
        settings: Settings,
        *,
        store: Store,
        book: AttributeBook,
        tally: Tally,
        journal: Journal,
        rejects: Rejects,
        checkpoint: Checkpoint,
        versions: Versions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.store = store
        self.book = book
        self.tally = tally
        self.journal = journal
        self.rejects = rejects
        self.guard = ClearGuard(settings.max_clear_percent, clock=clock)
        self.versions = versions
        self.checkpoint = checkpoint
        self.has_told_of_exits = False
        self._clock = clock
        self._waiting_since: float | None = None
        self._customers: dict[str, int] = {}
        self._writers: dict[str, str] = {}

    @property
    def clears_exits(self) -> bool:
        """Whether a member who left is cleared; never in a first try."""
        return self.settings.on_exit == "clear" and self.settings.limit is None

    @property
    def prints_state(self) -> bool:
        """Whether a STATE may be printed; a try leaves none behind."""
        return not self.settings.dry_run and self.settings.limit is None

    def room(self, stream: str) -> int:
        """How many customers of a stream the next drain may hold.

        Streams are drained together, so all of them share what a limit leaves.
        """
        limit = self.settings.limit
        if limit is None:
            return self.settings.batch_size_rows
        others = sum(n for name, n in self._customers.items() if name != stream)
        left = limit - self._changed - others
        return max(1, min(self.settings.batch_size_rows, left))

    def claim(self, attribute: str, stream: str) -> None:
        """Make a stream the one writer of an audience attribute.

        Raises:
            InputError: when another stream writes it already.
        """
        owner = self._writers.setdefault(attribute, stream)
        if owner != stream:
            raise InputError(
                f"The streams {owner} and {stream} would both write the audience"
                f" attribute {attribute!r}: leave out audience_attribute and job_id,"
                " or give each audience a job of its own."
            )

    def reject(self, message: Mapping[str, Any], why: RecordRejectedError) -> None:
        """Keep a record that cannot be written, and count it."""
        self.rejects.add(message, why)
        self.tally.settle("rejected")
        self.tally.rejects[why.code] += 1

    def note(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Take note of the values written to a customer, and count them."""
        for change in changes:
            self.tally.changes[change.name] += 1
        self.journal.note(stream, customer_id, changes)

    def wait(self) -> None:
        """Take note that something waits for the next drain."""
        if self._waiting_since is None:
            self._waiting_since = self._clock()

    def hold(self, stream: str, customers: int) -> None:
        """Take note of how many customers of a stream wait for the next drain."""
        self._customers[stream] = customers
        self.wait()

    def deadline(self) -> float | None:
        """Seconds until what waits must be written; None if nothing waits."""
        if self._waiting_since is None:
            return None
        age = self._clock() - self._waiting_since
        return max(0.0, self.settings.batch_wait_limit_seconds - age)

    def settle(self) -> None:
        """Take note that everything read so far is written, rejected or skipped."""
        self.rejects.sync()
        self.journal.sync()
        self.checkpoint.settle()
        self._waiting_since = None
        self._customers.clear()

    @property
    def has_too_many_rejects(self) -> bool:
        """Whether more records were rejected than the user allowed."""
        return self.rejects.distinct > self.settings.max_rejects

    def stop_if_over(self) -> None:
        """End the run where the user drew a line; called when all is settled.

        Raises:
            TooManyRejectsError: for more rejects than max_rejects.
            LimitReachedError: when as many customers were changed as limit says.
        """
        if self.has_too_many_rejects:
            raise TooManyRejectsError(
                f"{self.rejects.distinct} records were rejected, more than"
                f" max_rejects {self.settings.max_rejects} allows. They are in"
                f" {self.settings.rejects_path} with their reasons; the rest was not"
                " read, and state stays behind it."
            )
        limit = self.settings.limit
        if limit is not None and self._changed >= limit:
            raise LimitReachedError(f"limit {limit} reached; no more is read.")

    @property
    def _changed(self) -> int:
        return self.tally.customers_changed
