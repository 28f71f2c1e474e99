"""A dry run: a store that is never written, and totals of what would change."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from pyroaring import BitMap64

from singer_kit.logs import counted

from .api.limits import MAX_DELETIONS_PER_CALL, MAX_ROWS_PER_CALL
from .api.models import AttributeDefinition, WriteResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .api.client import BigCommerceClient
    from .api.models import AttributeValue, Row, StoredValue
    from .api.reads import Refused
    from .api.transport import Throttle
    from .plan import RecordedChange
    from .summary import RunStats

T = TypeVar("T")

FIRST_CUSTOMERS = 10

logger = logging.getLogger("target-bigcommerce")


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
        self.changes = DryRunChanges()
        self._stats = stats
        self._throttle = throttle
        self._share = share

    def report(self, *, is_finished: bool) -> None:
        """Log what would change, and the number of calls if that is known."""
        logger.info("%s", self.changes.describe(is_finished=is_finished))
        if not is_finished:
            return
        quota, window = self._throttle.quota, self._throttle.window_seconds
        per_minute = 60 * quota * self._share / window if quota and window else None
        calls = describe_calls(
            reads=self._stats.calls.total(),
            writes=self.store.writes,
            per_minute=per_minute,
        )
        logger.info("%s", calls)


def describe_calls(*, reads: int, writes: int, per_minute: float | None) -> str:
    """Describe the number of calls and the time that a real run takes.

    Args:
        reads: calls made, as in a real run.
        writes: calls that a real run makes in addition.
        per_minute: calls per minute that the store's quota allows; None if unknown.
    """
    text = f"Calls: {counted(reads, 'read')} and {counted(writes, 'write')}"
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
        self._count(len(rows))
        return WriteResult(done=dict(enumerate(rows)))

    def create_customers(self, rows: Sequence[Row]) -> WriteResult:
        """Create nothing: the customers returned have negative ids."""
        self._count(len(rows))
        first = self._last_id - 1
        self._last_id -= len(rows)
        done = {at: {**row, "id": first - at} for at, row in enumerate(rows)}
        return WriteResult(done=done, rejected={})

    def upsert_values(self, values: Sequence[AttributeValue]) -> WriteResult:
        """Write nothing."""
        self.writes += self._client.count_value_calls(values)
        return WriteResult(done={at: {} for at in range(len(values))})

    def delete_values(self, value_ids: Sequence[int]) -> WriteResult:
        """Delete nothing."""
        self._count(len(value_ids), MAX_DELETIONS_PER_CALL)
        return WriteResult(done={at: {} for at in range(len(value_ids))})

    def _count(self, rows: int, per_call: int = MAX_ROWS_PER_CALL) -> None:
        self.writes += -(-rows // per_call)


class DryRunChanges:
    """Counts the changes by field. Their values may be personal: they are not kept."""

    def __init__(self) -> None:
        self._fields: Counter[str] = Counter()
        self._customers = BitMap64()
        self._first: list[int] = []

    def add(self, changes: Sequence[RecordedChange]) -> None:
        """Count changes."""
        self._fields.update(each.change.name for each in changes)
        for customer in (each.customer for each in changes):
            if customer is None:
                continue
            is_new = customer not in self._first
            if customer > 0 and is_new and len(self._first) < FIRST_CUSTOMERS:
                self._first.append(customer)
            self._customers.add(customer % 2**64)  # New customers have negative ids.

    def add_missing(self, changes: Sequence[RecordedChange]) -> None:
        """Do nothing: a dry run owes no lines."""

    def sync(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def describe(self, *, is_finished: bool) -> str:
        """Describe the totals by field and the first customers, without values."""
        values, customers = self._fields.total(), len(self._customers)
        if not is_finished and not values:
            return "The dry run did not finish: what would change is not known."
        text = "Dry run: " if is_finished else "The dry run did not finish. So far, "
        text += f"{counted(values, 'value')} would change"
        if values:
            fields = (f"{name} {n:,}" for name, n in self._fields.most_common())
            text += f" for {counted(customers, 'customer')}: {', '.join(fields)}"
        if self._first:
            ids = ", ".join(map(str, self._first))
            more = ", …" if customers > len(self._first) else ""
            text += f". Customer ids: {ids}{more}"
        return f"{text}."
