"""Reads and writes lists of customers, attributes and values, of any length.

Uses as few requests as BigCommerce's limits allow, and sends them in parallel.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from singer_kit.errors import PluginError
from target_bigcommerce.errors import RequestRejectedError

from .limits import (
    MAX_DELETIONS_PER_CALL,
    MAX_EMAILS_PER_CALL,
    MAX_IDS_PER_CALL,
    MAX_ROWS_PER_CALL,
    CallSize,
    StoreFacts,
    ValuesCallSize,
)
from .models import ApiRequest, WriteResult
from .reads import ListReader, Refused
from .responses import (
    VALUE_KEY,
    parse_attribute,
    parse_customer,
    parse_value,
    read_total,
    value_row,
)
from .row_errors import RowErrors
from .writes import (
    ATTRIBUTES,
    CUSTOMERS,
    VALUES,
    AttributeCreation,
    creation_call,
    email_of,
    update_call,
    write_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .limits import IndexedRow
    from .models import AttributeDefinition, AttributeValue, Row, StoredValue
    from .parallel import ParallelCalls
    from .transport import Transport
    from .writes import WriteCall

T = TypeVar("T")

MAX_TRIES = 3  # Large calls of one list of rows that find out what the store accepts.


class StoreApi(Protocol):
    """The operations of a run on the store: the client, or its dry-run replacement."""

    def run_parallel(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run reads in parallel; returns their results in order."""
        ...

    def customers_by_id(
        self,
        ids: Sequence[int],
        include: Sequence[str] = (),
        refused: Refused | None = None,
    ) -> dict[int, Row]:
        """Find customers by id; unknown ids are missing from the result.

        `refused` receives, here and below, what the store refuses to look up.
        """
        ...

    def customers_by_email(
        self,
        emails: Sequence[str],
        include: Sequence[str] = (),
        refused: Refused | None = None,
    ) -> dict[str, list[Row]]:
        """Find all customers by email, by id; the keys are in lower case."""
        ...

    def values(
        self,
        customer_ids: Sequence[int],
        attribute_ids: Sequence[int],
        refused: Refused | None = None,
    ) -> list[StoredValue]:
        """Read the customers' values of the attributes."""
        ...

    def values_of(self, attribute_id: int) -> Iterator[StoredValue]:
        """Read all values of one attribute."""
        ...

    def count_values(self, attribute_id: int) -> int:
        """Count the values of one attribute."""
        ...

    def attributes(self) -> list[AttributeDefinition]:
        """Read all attribute definitions."""
        ...

    def create_attribute(self, name: str, type: str) -> AttributeDefinition:  # noqa: A002 - BigCommerce's word
        """Create an attribute definition."""
        ...

    def update_customers(self, rows: Sequence[Row]) -> WriteResult:
        """Update customers by id."""
        ...

    def create_customers(self, rows: Sequence[Row]) -> WriteResult:
        """Create customers; an existing one is done and marked `_found`."""
        ...

    def upsert_values(self, values: Sequence[AttributeValue]) -> WriteResult:
        """Write attribute values."""
        ...

    def delete_values(self, value_ids: Sequence[int]) -> WriteResult:
        """Delete attribute values by their ids."""
        ...


class BigCommerceClient:
    """Reads and writes lists of any length.

    Args:
        transport: sends the requests.
        parallel: runs them in threads.
        is_applied: whether a customer that was read back has the fields of a row that
            was sent; called when the response to an update lists no rows.
        include: the `include` values for reading customers back.
        facts: limits of the store that are known; receives those found out.
    """

    def __init__(
        self,
        transport: Transport,
        parallel: ParallelCalls,
        *,
        is_applied: Callable[[Row, Row], bool],
        include: Sequence[str] = (),
        facts: StoreFacts | None = None,
    ) -> None:
        facts = facts or StoreFacts()
        self._transport = transport
        self._parallel = parallel
        self._is_applied = is_applied
        self._include = include
        self._row_errors = RowErrors(transport)
        self._lists = ListReader(transport, parallel, self._row_errors)
        self._attribute_creation = AttributeCreation(
            transport, self.attributes, self._row_errors
        )
        self._ids_per_call = CallSize(MAX_IDS_PER_CALL, facts, "ids_per_call")
        self._emails_per_call = CallSize(MAX_EMAILS_PER_CALL, facts, "emails_per_call")
        self._deletions_per_call = CallSize(
            MAX_DELETIONS_PER_CALL, facts, "deletions_per_call"
        )
        self._customers_per_call = CallSize(
            MAX_ROWS_PER_CALL, facts, "customers_per_call"
        )
        self._values_per_call = ValuesCallSize(
            MAX_ROWS_PER_CALL, facts, "values_per_call"
        )

    def run_parallel(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run reads in parallel; returns their results in order."""
        return self._parallel.run(tasks)

    def close(self) -> None:
        """End the threads."""
        self._parallel.close()

    # Reading.

    def customers_by_id(
        self,
        ids: Sequence[int],
        include: Sequence[str] = (),
        refused: Refused | None = None,
    ) -> dict[int, Row]:
        """Find customers by id; unknown ids are missing from the result."""
        values = [str(number) for number in dict.fromkeys(ids)]
        rows = self._lists.read_matching(
            _get_customers(include), "id:in", values, self._ids_per_call, refused
        )
        return {row["id"]: row for row in map(parse_customer, rows)}

    def customers_by_email(
        self,
        emails: Sequence[str],
        include: Sequence[str] = (),
        refused: Refused | None = None,
    ) -> dict[str, list[Row]]:
        """Find all customers by email, by id; the keys are in lower case."""
        by_key = {email.lower(): email for email in emails if email}
        # Commas separate the values of a list, so an email with one is read alone.
        listed = [email for email in by_key.values() if "," not in email]
        alone = [email for email in by_key.values() if "," in email]
        read = partial(self._lists.read_matching, _get_customers(include), "email:in")
        found = read(listed, self._emails_per_call, refused)
        tasks = [partial(read, [email], CallSize(1), refused) for email in alone]
        for rows in self._parallel.run(tasks):
            found += rows
        customers: dict[str, dict[int, Row]] = {}
        for row in map(parse_customer, found):
            if (email := email_of(row)) in by_key:
                customers.setdefault(email, {})[row["id"]] = row
        return {
            email: [rows[number] for number in sorted(rows)]
            for email, rows in customers.items()
        }

    def values(
        self,
        customer_ids: Sequence[int],
        attribute_ids: Sequence[int],
        refused: Refused | None = None,
    ) -> list[StoredValue]:
        """Read the customers' values of the attributes."""
        if not customer_ids or not attribute_ids:
            return []
        listed = ",".join(str(number) for number in attribute_ids)
        request = ApiRequest(
            method="GET", path=VALUES, query={"attribute_id:in": listed}
        )
        values = [str(number) for number in dict.fromkeys(customer_ids)]
        rows = self._lists.read_matching(
            request, "customer_id:in", values, self._ids_per_call, refused
        )
        return [parse_value(row) for row in rows]

    def values_of(self, attribute_id: int) -> Iterator[StoredValue]:
        """Read all values of one attribute, lazily; do not delete any while reading."""
        rows = self._lists.stream(_get_values(attribute_id))
        # If the store ignored the filter, values of other attributes would be
        # cleared.
        return (
            value
            for value in map(parse_value, rows)
            if value.attribute_id == attribute_id
        )

    def count_values(self, attribute_id: int) -> int:
        """Count the values of one attribute."""
        request = _get_values(attribute_id, limit="1")
        return read_total(self._transport.send(request).body)

    def attributes(self) -> list[AttributeDefinition]:
        """Read all attribute definitions, the lowest id first."""
        rows = self._lists.read_all(ApiRequest(method="GET", path=ATTRIBUTES))
        return sorted(map(parse_attribute, rows), key=lambda each: each.id)

    # Writing.

    def create_attribute(self, name: str, type: str) -> AttributeDefinition:  # noqa: A002 - BigCommerce's word
        """Create an attribute definition, or find that another run just created it.

        Raises:
            AttributeConflictError: when the store rejects it.
        """
        return self._attribute_creation.create(name, type)

    def update_customers(self, rows: Sequence[Row]) -> WriteResult:
        """PUT customers. Each row has its `id` and the fields to change."""
        call = update_call(
            self._transport, CUSTOMERS, ("id",), self._read_back_customers
        )
        return self._write(rows, call, self._customers_per_call)

    def create_customers(self, rows: Sequence[Row]) -> WriteResult:
        """POST customers; an existing one is done and marked `_found`."""
        call = creation_call(self._transport, self.customers_by_email)
        return self._write(rows, call, self._customers_per_call)

    def upsert_values(self, values: Sequence[AttributeValue]) -> WriteResult:
        """PUT attribute values, of 10 customers per call where the store accepts it."""
        rows = [value_row(value) for value in values]
        call = update_call(self._transport, VALUES, VALUE_KEY, self._read_back_values)
        return self._write(rows, call, self._values_per_call)

    def count_value_calls(self, values: Sequence[AttributeValue]) -> int:
        """Return how many calls `upsert_values` makes at most if no row is rejected."""
        rows = [value_row(value) for value in values]
        calls, _ = self._values_per_call.next_calls(
            list(enumerate(rows)), may_try=False
        )
        return len(calls)

    def delete_values(self, value_ids: Sequence[int]) -> WriteResult:
        """DELETE attribute values by id; unknown ids are done."""
        ids = list(dict.fromkeys(value_ids))
        request = ApiRequest(method="DELETE", path=VALUES)
        refused: Refused = {}
        result = WriteResult()

        def delete(part: ApiRequest) -> list[Row]:
            self._delete(part)
            for number in part.query["id:in"].split(","):
                result.done[at[int(number)]] = {}
            return []

        at = {number: index for index, number in enumerate(value_ids)}
        try:
            self._lists.for_each_part(
                request,
                "id:in",
                [str(number) for number in ids],
                self._deletions_per_call,
                delete,
                refused,
            )
        except PluginError as error:
            result.error = error
        for value, details in refused.items():
            result.rejected[at[int(value)]] = details
        return result

    def _write(
        self, rows: Sequence[Row], call: WriteCall, size: CallSize
    ) -> WriteResult:
        waiting = list(enumerate(rows))
        result = WriteResult()
        tries = 0
        try:
            while waiting:
                parts, waiting = size.next_calls(waiting, may_try=tries < MAX_TRIES)
                tries += 1
                self._write_parts(parts, call, size, result)
        except PluginError as error:
            result.error = error
        return result

    def _write_parts(
        self,
        parts: Sequence[Sequence[IndexedRow]],
        call: WriteCall,
        size: CallSize,
        result: WriteResult,
    ) -> None:
        self._transport.throttle.expect(len(parts))
        tasks = [
            partial(
                write_rows,
                part,
                call,
                size,
                row_errors=self._row_errors,
                result=result,
            )
            for part in parts
        ]
        self._parallel.run(tasks)

    def _read_back_customers(self, rows: list[Row]) -> list[Row]:
        found = self.customers_by_id([row["id"] for row in rows], self._include)
        existing = [row for row in rows if row["id"] in found]
        return [row for row in existing if self._is_applied(found[row["id"]], row)]

    def _read_back_values(self, rows: list[Row]) -> list[Row]:
        customers, attributes = (
            sorted({row[name] for row in rows}) for name in VALUE_KEY
        )
        stored = [value_row(value) for value in self.values(customers, attributes)]
        return [row for row in rows if row in stored]

    def _delete(self, request: ApiRequest) -> None:
        """Send a DELETE; every one goes through here."""
        if not request.query.get("id:in"):
            raise ValueError("a DELETE without ids might delete every value")
        response = self._transport.send(request)
        if response.failures is not None:
            # Alone, each is deleted or the error concerns it.
            text = f"{request.endpoint} returned {response.status}."
            raise RequestRejectedError(text, response.failures)


def _get_customers(include: Sequence[str]) -> ApiRequest:
    query = {"include": ",".join(include)} if include else {}
    return ApiRequest(method="GET", path=CUSTOMERS, query=query)


def _get_values(attribute_id: int, **query: str) -> ApiRequest:
    query = {"attribute_id:in": str(attribute_id), **query}
    return ApiRequest(method="GET", path=VALUES, query=query)
