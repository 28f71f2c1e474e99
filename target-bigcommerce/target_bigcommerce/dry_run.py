"""A dry run: a store that is never written, and a table of the changes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from .api.client import MAX_IDS_PER_CALL, MAX_ROWS_PER_CALL
from .api.models import AttributeDefinition, WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .api.client import BigCommerceClient
    from .api.models import AttributeValue, Row, StoredValue
    from .api.reads import Refused
    from .api.transport import Throttle
    from .plan import Change
    from .summary import RunStats

T = TypeVar("T")

MAX_LINES = 500
MAX_WIDTH = 40


class DryRun:
    """Replaces the store and the change log of a run that writes nothing.

    Args:
        client: reads the store.
        stats: has the number of calls made.
        throttle: has the store's quota.
        share: share of the quota that a run may use, from 0 to 1.
    """

    def __init__(
        self,
        client: BigCommerceClient,
        *,
        stats: RunStats,
        throttle: Throttle,
        share: float,
    ) -> None:
        self.store = DryRunStore(client)
        self.table = DryRunTable()
        self._stats = stats
        self._throttle = throttle
        self._share = share

    def report(self) -> None:
        """Print the end of the table: the numbers of changes and calls."""
        quota, window = self._throttle.quota, self._throttle.window_seconds
        per_minute = 60 * quota * self._share / window if quota and window else None
        self.table.finish(
            describe_calls(
                reads=self._stats.calls.total(),
                writes=self.store.writes,
                per_minute=per_minute,
            )
        )


def describe_calls(*, reads: int, writes: int, per_minute: float | None) -> str:
    """Describe the number of calls and the time that a real run takes.

    Args:
        reads: calls made, as in a real run.
        writes: calls that a real run makes in addition.
        per_minute: calls per minute that the store's quota allows; None if unknown.
    """
    text = f"Calls: {reads:,} reads and {writes:,} writes"
    if not per_minute:
        return f"{text}."
    return f"{text}, {(reads + writes) / per_minute:.1f} minutes of the store's quota."


class DryRunStore:
    """Reads through the client; counts writes instead of making them."""

    def __init__(self, client: BigCommerceClient) -> None:
        self._client = client
        self.writes = 0
        self._last_id = 0  # For new attributes and customers; counts down.

    def run_parallel(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run reads in parallel."""
        return self._client.run_parallel(tasks)

    def attributes(self) -> list[AttributeDefinition]:
        """List every definition."""
        return self._client.attributes()

    def create_attribute(self, name: str, type: str) -> AttributeDefinition:  # noqa: A002 - BigCommerce's word
        """Return a definition with a negative id."""
        self.writes += 1
        self._last_id -= 1
        return AttributeDefinition(id=self._last_id, name=name, type=type)

    def customers_by_id(
        self,
        ids: Sequence[int],
        include: Sequence[str] = (),
        refused: Refused | None = None,
    ) -> dict[int, Row]:
        """Find customers."""
        return self._client.customers_by_id(ids, include, refused)

    def customers_by_email(
        self,
        emails: Sequence[str],
        include: Sequence[str] = (),
        refused: Refused | None = None,
    ) -> dict[str, list[Row]]:
        """Find customers."""
        return self._client.customers_by_email(emails, include, refused)

    def values(
        self,
        customer_ids: Sequence[int],
        attribute_ids: Sequence[int],
        refused: Refused | None = None,
    ) -> list[StoredValue]:
        """Read values; an attribute with a negative id has none."""
        existing = [number for number in attribute_ids if number > 0]
        if not existing:
            return []
        return self._client.values(customer_ids, existing, refused)

    def values_of(self, attribute_id: int) -> Iterator[StoredValue]:
        """Read every customer's value of one attribute."""
        return self._client.values_of(attribute_id) if attribute_id > 0 else iter(())

    def count_values(self, attribute_id: int) -> int:
        """Count the values of one attribute."""
        return self._client.count_values(attribute_id) if attribute_id > 0 else 0

    def update_customers(self, rows: Sequence[Row]) -> WriteResult:
        """Write nothing."""
        return self._accept(rows)

    def create_customers(self, rows: Sequence[Row]) -> WriteResult:
        """Create nothing: the customers returned have negative ids."""
        self._count(len(rows))
        first = self._last_id - 1
        self._last_id -= len(rows)
        done = {at: {**row, "id": first - at} for at, row in enumerate(rows)}
        return WriteResult(done=done, rejected={})

    def upsert_values(self, values: Sequence[AttributeValue]) -> WriteResult:
        """Write nothing."""
        return self._accept([{} for _ in values])

    def delete_values(self, value_ids: Sequence[int]) -> WriteResult:
        """Delete nothing."""
        self._count(len(value_ids), MAX_IDS_PER_CALL)
        return WriteResult(done={at: {} for at in range(len(value_ids))})

    def _accept(self, rows: Sequence[Row]) -> WriteResult:
        self._count(len(rows))
        return WriteResult(done=dict(enumerate(rows)), rejected={})

    def _count(self, rows: int, per_call: int = MAX_ROWS_PER_CALL) -> None:
        self.writes += -(-rows // per_call)


class DryRunTable:
    """Prints the changes: customer, field, old and new value, with emails masked."""

    def __init__(self, write: Callable[[str], Any] | None = None) -> None:
        self._write = write or sys.stderr.write
        self._lines = 0

    def add(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Print one customer's changes."""
        del stream
        if not self._lines:
            self._print_row(("customer", "field", "old", "new"))
        for change in changes:
            self._lines += 1
            if self._lines <= MAX_LINES:
                who = "new" if (customer_id or 0) <= 0 else str(customer_id)
                old, new = format_cell(change.old), format_cell(change.new)
                self._print_row((who, change.name, old, new))

    def sync(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def finish(self, cost: str) -> None:
        """Print the number of lines omitted, the number of changes and the cost."""
        if self._lines > MAX_LINES:
            self._write(f"… and {self._lines - MAX_LINES:,} more.\n")
        self._write(f"Dry run: {self._lines:,} values would change. {cost}\n")

    def _print_row(self, cells: Sequence[str]) -> None:
        customer, name, old, new = cells
        self._write(f"{customer:>12}  {name:<30}  {old:<{MAX_WIDTH}}  {new}\n")


def format_cell(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Format a value for the table: short, on one line, emails masked."""
    if value is None:
        return "-"
    text = " ".join(str(value).split())
    if "@" in text:
        text = " ".join(_mask(word) for word in text.split(" "))
    return text if len(text) <= MAX_WIDTH else text[: MAX_WIDTH - 1] + "…"


def _mask(word: str) -> str:
    local, at, domain = word.rpartition("@")
    if not at:
        return word
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***{dot}{top}"
