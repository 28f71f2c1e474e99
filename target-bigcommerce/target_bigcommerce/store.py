"""What a drain asks of BigCommerce: the client, or in a dry run what stands for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .api.rows import AttributeValue, Row, StoredValue, Written


T = TypeVar("T")


class Store(Protocol):
    """Customers and attribute values, read and written."""

    def together(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run reads side by side; the results come in their order."""
        ...

    def customers_by_id(
        self, ids: Sequence[int], include: Sequence[str] = ()
    ) -> dict[int, Row]:
        """Find customers; an unknown id is missing from what is found."""
        ...

    def customers_by_email(
        self, emails: Sequence[str], include: Sequence[str] = ()
    ) -> dict[str, Row]:
        """Find customers by email, in lower case."""
        ...

    def values(
        self, customer_ids: Sequence[int], attribute_ids: Sequence[int]
    ) -> list[StoredValue]:
        """Read the customers' values of the attributes."""
        ...

    def values_of(self, attribute_id: int) -> Iterator[StoredValue]:
        """Read every customer's value of one attribute."""
        ...

    def count_values(self, attribute_id: int) -> int:
        """Count the values of one attribute."""
        ...

    def update_customers(self, rows: Sequence[Row]) -> Written:
        """Update customers by id."""
        ...

    def create_customers(self, rows: Sequence[Row]) -> Written:
        """Create customers; one that turns out to be there is marked `_found`."""
        ...

    def upsert_values(self, values: Sequence[AttributeValue]) -> Written:
        """Write attribute values."""
        ...

    def delete_values(self, value_ids: Sequence[int]) -> None:
        """Delete attribute values."""
        ...
