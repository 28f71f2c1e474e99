"""Every value written, as a line of `changes_path`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from target_bigcommerce.rejects import utc_now

from .files import LineFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_bigcommerce.plan import Change


class Journal(Protocol):
    """Takes note of what was written, or in a dry run of what would be."""

    def note(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Take note of a customer's changes; no id yet for one to be created."""
        ...

    def sync(self) -> None:
        """Make sure that the notes last."""
        ...


class NoJournal:
    """Takes no notes."""

    def note(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Take no note."""

    def sync(self) -> None:
        """Nothing to do."""


class ChangesFile:
    """Appends a line of JSON for every value written."""

    def __init__(self, path: str, *, now: Callable[[], str] = utc_now) -> None:
        self._file = LineFile(path, setting="changes_path")
        self._now = now

    def note(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Append the changes of one customer."""
        at = self._now()
        self._file.append(
            {
                "at": at,
                "stream": stream,
                "customer_id": customer_id,
                "attribute" if change.is_attribute else "field": change.name,
                "old": change.old,
                "new": change.new,
            }
            for change in changes
        )

    def sync(self) -> None:
        """Make sure that the lines outlive a power cut."""
        self._file.sync()
