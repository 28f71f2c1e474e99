"""From BigCommerce's rows to ours and back. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from target_bigcommerce.errors import ProtocolError

from .numbers import whole
from .paging import pagination
from .rows import Attribute, StoredValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .rows import AttributeValue, Row

VALUE_KEY = ("customer_id", "attribute_id")


def identity(row: Row) -> int:
    """Tell a row by its id."""
    return _number(row, "id", "the id of a row")


def customer(row: Row) -> Row:
    """Read a customer: as it came, its id a number."""
    channels, forms = row.get("channel_ids") or [], row.get("form_fields") or []
    if not _are_all(channels, _is_channel) or not _are_all(forms, _is_form_field):
        raise _unlike("a customer")
    return {**row, "id": identity(row)}


def customers(rows: Iterable[Row]) -> list[Row]:
    """Read those of an answer to a write that can be told; the others are not there."""
    numbers = [(row, whole(row.get("id"))) for row in rows]
    return [{**row, "id": number} for row, number in numbers if number is not None]


def attribute(row: Row) -> Attribute:
    """Read a definition."""
    name, kind = row.get("name"), row.get("type")
    if not isinstance(name, str) or not isinstance(kind, str):
        raise _unlike("an attribute")
    return Attribute(id=identity(row), name=name, type=kind)


def stored_value(row: Row) -> StoredValue:
    """Read a value: it is written as `value` and read as `attribute_value`."""
    what = "an attribute value"
    numbers = {name: _number(row, name, what) for name in (*VALUE_KEY, "id")}
    if "attribute_value" not in row:
        raise _unlike(what)
    return StoredValue(**numbers, value=_text(row["attribute_value"]))


def value_row(value: AttributeValue | StoredValue) -> Row:
    """Write a value: as a row that was sent, or that would be if it were sent again."""
    return {
        "attribute_id": value.attribute_id,
        "customer_id": value.customer_id,
        "value": value.value,
    }


def total(body: Any) -> int:  # noqa: ANN401 - whatever JSON can hold
    """Read how many rows there are on all pages."""
    number = whole(pagination(body).get("total"))
    if number is None:
        raise _unlike("the number of rows")
    return number


def _number(row: Row, name: str, what: str) -> int:
    number = whole(row.get(name))
    if number is None:
        raise _unlike(what)
    return number


def _are_all(values: object, is_one: Callable[[object], bool]) -> bool:
    return isinstance(values, list) and all(map(is_one, values))


def _is_channel(value: object) -> bool:
    return isinstance(value, int)


def _is_form_field(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _text(value: object) -> str:
    """Take nothing for an empty text: a word for it would pass for a value."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _unlike(what: str) -> ProtocolError:
    return ProtocolError(
        f"BigCommerce's answer does not hold {what} where its documents put it."
        " Nothing was guessed and the state stays where it was."
    )
