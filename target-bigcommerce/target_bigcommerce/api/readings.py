"""From BigCommerce's rows to ours and back. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_bigcommerce.errors import ProtocolError

from .answers import pagination
from .rows import Attribute, StoredValue

if TYPE_CHECKING:
    from .rows import AttributeValue, Row


def attribute(row: Row) -> Attribute:
    """Read a definition."""
    try:
        return Attribute(id=int(row["id"]), name=str(row["name"]), type=row["type"])
    except (KeyError, TypeError, ValueError):
        raise _unlike("an attribute") from None


def stored_value(row: Row) -> StoredValue:
    """Read a value: it is written as `value` and read as `attribute_value`."""
    try:
        return StoredValue(
            id=int(row["id"]),
            attribute_id=int(row["attribute_id"]),
            customer_id=int(row["customer_id"]),
            value=str(row["attribute_value"]),
        )
    except (KeyError, TypeError, ValueError):
        raise _unlike("an attribute value") from None


def value_row(value: AttributeValue) -> Row:
    """Write a value."""
    return {
        "attribute_id": value.attribute_id,
        "customer_id": value.customer_id,
        "value": value.value,
    }


def total(body: Any) -> int:  # noqa: ANN401 - whatever JSON can hold
    """Read how many rows there are on all pages."""
    number = pagination(body).get("total")
    if not isinstance(number, int):
        raise _unlike("the number of rows")
    return number


def _unlike(what: str) -> ProtocolError:
    return ProtocolError(
        f"BigCommerce's answer does not hold {what} where its documents put it."
        " Nothing was guessed and the state stays where it was."
    )
