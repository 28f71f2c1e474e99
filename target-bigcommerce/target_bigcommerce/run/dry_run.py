"""A store that is read but never written, and a table of what would be."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from target_bigcommerce.api.client import MAX_IDS_PER_CALL, MAX_ROWS_PER_CALL
from target_bigcommerce.api.models import AttributeDefinition, WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_bigcommerce.api.client import BigCommerceClient
    from target_bigcommerce.api.models import AttributeValue, Row, StoredValue
    from target_bigcommerce.plan import Change

T = TypeVar("T")

MOST_LINES = 500
WIDEST = 40
SECONDS_PER_MINUTE = 60


class DryStore:
    """Reads through the client; what it is told to write, it only counts."""

    def __init__(self, client: BigCommerceClient) -> None:
        self._client = client
        self.writes = 0
        self._invented = 0

    def run_parallel(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run reads side by side."""
        return self._client.run_parallel(tasks)

    def attributes(self) -> list[AttributeDefinition]:
        """List every definition."""
        return self._client.attributes()

    def create_attribute(self, name: str, type: str) -> AttributeDefinition:  # noqa: A002 - BigCommerce's word
        """Give a definition that is none: its id is below zero."""
        self.writes += 1
        self._invented -= 1
        return AttributeDefinition(id=self._invented, name=name, type=type)

    def customers_by_id(
        self, ids: Sequence[int], include: Sequence[str] = ()
    ) -> dict[int, Row]:
        """Find customers."""
        return self._client.customers_by_id(ids, include)

    def customers_by_email(
        self, emails: Sequence[str], include: Sequence[str] = ()
    ) -> dict[str, Row]:
        """Find customers by email."""
        return self._client.customers_by_email(emails, include)

    def values(
        self, customer_ids: Sequence[int], attribute_ids: Sequence[int]
    ) -> list[StoredValue]:
        """Read values; an invented attribute has none."""
        real = [number for number in attribute_ids if number > 0]
        return self._client.values(customer_ids, real) if real else []

    def values_of(self, attribute_id: int) -> Iterator[StoredValue]:
        """Read every customer's value of one attribute."""
        return self._client.values_of(attribute_id) if attribute_id > 0 else iter(())

    def count_values(self, attribute_id: int) -> int:
        """Count the values of one attribute."""
        return self._client.count_values(attribute_id) if attribute_id > 0 else 0

    def update_customers(self, rows: Sequence[Row]) -> WriteResult:
        """Write nothing."""
        return self._pretend(rows)

    def create_customers(self, rows: Sequence[Row]) -> WriteResult:
        """Create nobody: the ids of those who would be are below zero."""
        self._count(len(rows))
        first = self._invented - 1
        self._invented -= len(rows)
        done = {at: {**row, "id": first - at} for at, row in enumerate(rows)}
        return WriteResult(done=done, rejected={})

    def upsert_values(self, values: Sequence[AttributeValue]) -> WriteResult:
        """Write nothing."""
        return self._pretend([{} for _ in values])

    def delete_values(self, value_ids: Sequence[int]) -> None:
        """Delete nothing."""
        self._count(len(value_ids), MAX_IDS_PER_CALL)

    def _pretend(self, rows: Sequence[Row]) -> WriteResult:
        self._count(len(rows))
        return WriteResult(done=dict(enumerate(rows)), rejected={})

    def _count(self, rows: int, per_call: int = MAX_ROWS_PER_CALL) -> None:
        self.writes += -(-rows // per_call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the run would have cost.

    Args:
        reads: calls made, as they would be again.
        writes: calls not made.
        per_minute: calls that the quota and its share allow; None if not told.
    """

    reads: int
    writes: int
    per_minute: float | None

    def line(self) -> str:
        """Say it in a line."""
        calls = self.reads + self.writes
        text = f"Calls: {self.reads:,} reads and {self.writes:,} writes"
        if not self.per_minute:
            return text + "."
        return f"{text}, {calls / self.per_minute:.1f} minutes of the store's quota."


class DryTable:
    """Prints what would change: customer, field, old and new, addresses masked."""

    def __init__(self, write: Callable[[str], Any] | None = None) -> None:
        self._write = write or sys.stderr.write
        self._lines = 0

    def note(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Print the changes of one customer."""
        if not self._lines:
            self._line(("customer", "field", "old", "new"))
        for change in changes:
            self._lines += 1
            if self._lines <= MOST_LINES:
                who = "new" if (customer_id or 0) <= 0 else str(customer_id)
                self._line((who, change.name, shown(change.old), shown(change.new)))
        del stream

    def sync(self) -> None:
        """Nothing to keep."""

    def end(self, cost: Cost) -> None:
        """Print what did not fit, and the cost."""
        if self._lines > MOST_LINES:
            self._write(f"… and {self._lines - MOST_LINES:,} more.\n")
        self._write(f"Dry run: {self._lines:,} values would change. {cost.line()}\n")

    def _line(self, cells: Sequence[str]) -> None:
        customer, name, old, new = cells
        self._write(f"{customer:>12}  {name:<30}  {old:<{WIDEST}}  {new}\n")


def shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Show a value in a table: short, on one line, an address masked."""
    if value is None:
        return "-"
    text = " ".join(str(value).split())
    if "@" in text:
        text = " ".join(_masked(word) for word in text.split(" "))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _masked(word: str) -> str:
    local, at, domain = word.rpartition("@")
    if not at:
        return word
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}***@{name[:1]}***{dot}{top}"
