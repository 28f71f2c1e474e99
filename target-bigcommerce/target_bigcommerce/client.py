"""The store's customers, attributes and values, as whole lists."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from .api import readings
from .api.creation import creation, email_of
from .api.definitions import Definitions
from .api.lists import Lists
from .api.narrowing import CallSize, narrow
from .api.pages import Pages
from .api.rows import Written
from .api.updates import updating
from .api.wire import Call
from .errors import RefusedError
from .fields import INCLUDES, has_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .api.calls import Calls
    from .api.narrowing import Way
    from .api.rows import Attribute, AttributeValue, Row, StoredValue
    from .transport import Transport

T = TypeVar("T")

CUSTOMERS = "/customers"
VALUES = "/customers/attribute-values"
MAX_ROWS_PER_CALL = 10  # BigCommerce answers 413 to more.
MAX_IDS_PER_CALL = 100
MAX_EMAILS_PER_CALL = 40


class Client:
    """Reads and writes lists of any length, in as few calls as the store allows.

    Reads of one's own can run side by side through `calls`.
    """

    def __init__(self, transport: Transport, calls: Calls) -> None:
        self.calls = calls
        self._transport = transport
        self._pages = Pages(transport, calls)
        self._lists = Lists(transport, calls, self._pages)
        self._definitions = Definitions(transport, self._pages)
        self._ids_per_call = CallSize(MAX_IDS_PER_CALL)
        self._emails_per_call = CallSize(MAX_EMAILS_PER_CALL)
        self._customers_per_call = CallSize(MAX_ROWS_PER_CALL)
        self._values_per_call = CallSize(MAX_ROWS_PER_CALL)

    # Reading.

    def customers_by_id(
        self, ids: Sequence[int], include: Sequence[str] = ()
    ) -> dict[int, Row]:
        """Find customers; those that the store does not have are missing."""
        wanted = [str(number) for number in dict.fromkeys(ids)]
        rows = self._lists.read(
            _customers(include), "id:in", wanted, self._ids_per_call
        )
        return {row["id"]: row for row in map(readings.customer, rows)}

    def customers_by_email(
        self, emails: Sequence[str], include: Sequence[str] = ()
    ) -> dict[str, Row]:
        """Find customers by their addresses; the keys are in lower case."""
        wanted = {email.lower(): email for email in emails if email}
        listed = [email for email in wanted.values() if "," not in email]
        alone = [email for email in wanted.values() if "," in email]
        call = _customers(include)
        tasks = [partial(self._alone, call, email) for email in alone]
        found = self._lists.read(call, "email:in", listed, self._emails_per_call)
        for more in self.calls.run(tasks):
            found += more
        rows = [readings.customer(row) for row in found]
        return {email_of(row): row for row in rows if email_of(row) in wanted}

    def together(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run reads side by side; the results come in their order."""
        return self.calls.run(tasks)

    def values(
        self, customer_ids: Sequence[int], attribute_ids: Sequence[int]
    ) -> list[StoredValue]:
        """Read what these customers have of these attributes."""
        if not customer_ids or not attribute_ids:
            return []
        listed = ",".join(str(number) for number in attribute_ids)
        call = Call(method="GET", path=VALUES, query={"attribute_id:in": listed})
        wanted = [str(number) for number in dict.fromkeys(customer_ids)]
        rows = self._lists.read(call, "customer_id:in", wanted, self._ids_per_call)
        return [readings.stored_value(row) for row in rows]

    def values_of(self, attribute_id: int) -> Iterator[StoredValue]:
        """Read all values of an attribute; delete none before the last is read."""
        rows = self._pages.stream(_values_of(attribute_id))
        values = map(readings.stored_value, rows)
        # Of another one, should the filter be ignored, none may be cleared.
        return (value for value in values if value.attribute_id == attribute_id)

    def count_values(self, attribute_id: int) -> int:
        """Count the values of an attribute."""
        call = _values_of(attribute_id, limit="1")
        return readings.total(self._transport.send(call).body)

    def attributes(self) -> list[Attribute]:
        """Read all definitions."""
        return self._definitions.all()

    # Writing.

    def create_attribute(self, name: str, type: str) -> Attribute:  # noqa: A002 - the field's word
        """Define an attribute, or find that somebody just did.

        Raises:
            AttributeConflictError: when the store does not take it.
        """
        return self._definitions.create(name, type)

    def update_customers(self, rows: Sequence[Row]) -> Written:
        """PUT customers: each row has its `id` and the fields to change."""
        way = updating(self._transport, CUSTOMERS, ("id",), self._customers_as_sent)
        return self._write(rows, way, self._customers_per_call)

    def create_customers(self, rows: Sequence[Row]) -> Written:
        """POST customers; one that was there already is done, with `_found` set."""
        way = creation(self._transport, self.customers_by_email)
        return self._write(rows, way, self._customers_per_call)

    def upsert_values(self, values: Sequence[AttributeValue]) -> Written:
        """PUT attribute values."""
        rows = [readings.value_row(value) for value in values]
        keys = readings.VALUE_KEY
        way = updating(self._transport, VALUES, keys, self._values_as_sent)
        return self._write(rows, way, self._values_per_call)

    def delete_values(self, value_ids: Sequence[int]) -> None:
        """DELETE attribute values by their own ids; unknown ones do nothing."""
        call = Call(method="DELETE", path=VALUES)
        wanted = [str(number) for number in dict.fromkeys(value_ids)]
        self._lists.each(call, "id:in", wanted, self._ids_per_call, self._delete)

    def _write(self, rows: Sequence[Row], way: Way, size: CallSize) -> Written:
        placed = list(enumerate(rows))
        parts = [placed[at : at + size.most] for at in range(0, len(placed), size.most)]
        self._transport.throttle.expect(len(parts))
        written = Written()
        for part in self.calls.run([partial(narrow, p, way, size) for p in parts]):
            written.done.update(part.done)
            written.refused.update(part.refused)
        return written

    def _customers_as_sent(self, rows: list[Row]) -> list[Row]:
        found = self.customers_by_id([row["id"] for row in rows], INCLUDES)
        there = [row for row in rows if row["id"] in found]
        return [row for row in there if has_fields(found[row["id"]], row)]

    def _values_as_sent(self, rows: list[Row]) -> list[Row]:
        numbers = (sorted({row[name] for row in rows}) for name in readings.VALUE_KEY)
        there = [readings.value_row(value) for value in self.values(*numbers)]
        return [row for row in rows if row in there]

    def _alone(self, call: Call, email: str) -> list[Row]:
        query = {**call.query, "email:in": email}
        try:
            return self._pages.all(replace(call, query=query))
        except RefusedError:
            return []

    def _delete(self, call: Call) -> list[Row]:
        self._transport.send(call)
        return []


def _customers(include: Sequence[str]) -> Call:
    query = {"include": ",".join(include)} if include else {}
    return Call(method="GET", path=CUSTOMERS, query=query)


def _values_of(attribute_id: int, **query: str) -> Call:
    wanted = {"attribute_id:in": str(attribute_id), **query}
    return Call(method="GET", path=VALUES, query=wanted)
