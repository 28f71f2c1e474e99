"""What the sandbox's store holds, and which writes it received."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox import Sandbox


AUDIENCE = "LyticsAudience_vip"
MakeBox = Callable[..., "Sandbox"]  # Opens a sandbox with options.


def attribute_names(box: Sandbox) -> set[str]:
    """Return the names of the attributes."""
    return {row["name"] for row in box.store.attributes.values()}


def values_of(box: Sandbox, attribute: str = AUDIENCE) -> dict[int, str]:
    """Return the values of an attribute by customer id."""
    numbers = {
        number
        for number, row in box.store.attributes.items()
        if row["name"] == attribute
    }
    return {
        customer: row["attribute_value"]
        for (customer, number), row in sorted(box.store.values.items())
        if number in numbers
    }


def put_values(box: Sandbox, values: dict[int, str], attribute: str = AUDIENCE) -> int:
    """Store attribute values by customer id; return the attribute's id."""
    number = box.store.add_attribute(attribute)
    for customer, text in values.items():
        box.store.values[customer, number] = text
    return number


def companies_of(box: Sandbox) -> dict[int, str]:
    """Return the companies by customer id."""
    return {number: _peek(box, number)["company"] for number in box.store.customers}


def writes_of(box: Sandbox) -> list[str]:
    """Return the endpoints of all writes, rejected ones included."""
    store = [entry for entry in box.journal if entry.side == "store"]
    return [entry.endpoint for entry in store if entry.method != "GET"]


def contents(box: Sandbox) -> dict[str, Any]:
    """Return the whole content, without dates and ids of values."""
    names = {number: row["name"] for number, row in box.store.attributes.items()}
    return {
        "customers": {
            number: {k: v for k, v in _peek(box, number).items() if "date" not in k}
            for number in box.store.customers
        },
        "attributes": sorted(names.values()),
        "values": {
            (customer, names[number]): row["attribute_value"]
            for (customer, number), row in box.store.values.items()
        },
    }


def _peek(box: Sandbox, number: int) -> dict[str, Any]:
    row = box.store.customers.peek(number)
    assert row is not None
    return row
