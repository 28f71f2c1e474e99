"""The store's attribute values, by customer and attribute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any, NamedTuple

Key = tuple[int, int]


class Value(NamedTuple):
    """One stored value; compact, as there can be a million."""

    id: int
    text: str
    created: str
    modified: str


class ValueBook(MutableMapping[Key, dict[str, Any]]):
    """Values by (customer id, attribute id), read as BigCommerce's rows.

    Setting takes a row with `attribute_value`, or just the text.
    """

    def __init__(self) -> None:
        self._by_attribute: dict[int, dict[int, Value]] = {}
        self._keys: dict[int, Key] | None = None
        self._next = 1

    def __getitem__(self, key: Key) -> dict[str, Any]:
        customer_id, attribute_id = key
        return to_row(key, self._by_attribute.get(attribute_id, {})[customer_id])

    def __setitem__(self, key: Key, row: dict[str, Any] | str) -> None:
        text = row if isinstance(row, str) else row["attribute_value"]
        self.put(key, text, "2025-01-01T00:00:00Z")

    def __delitem__(self, key: Key) -> None:
        value = self._by_attribute.get(key[1], {}).pop(key[0])
        if self._keys is not None:
            self._keys.pop(value.id, None)

    def __iter__(self) -> Iterator[Key]:
        for attribute_id, values in self._by_attribute.items():
            for customer_id in values:
                yield customer_id, attribute_id

    def __len__(self) -> int:
        return sum(len(values) for values in self._by_attribute.values())

    def text(self, key: Key) -> str | None:
        """One value's text, None if there is none."""
        value = self._by_attribute.get(key[1], {}).get(key[0])
        return value.text if value else None

    def put(self, key: Key, text: str, now: str) -> dict[str, Any]:
        """Set a value and give its row."""
        values = self._by_attribute.setdefault(key[1], {})
        old = values.get(key[0])
        if old:
            value = old._replace(text=text, modified=now)
        else:
            value = Value(self._next, text, now, now)
            self._next += 1
            if self._keys is not None:
                self._keys[value.id] = key
        values[key[0]] = value
        return to_row(key, value)

    def of(
        self, attributes: Iterable[int], customers: Iterable[int] | None
    ) -> Iterator[tuple[Key, Value]]:
        """The values of some attributes, of some customers or of all."""
        chosen = None if customers is None else dict.fromkeys(customers)
        for attribute_id in attributes:
            values = self._by_attribute.get(attribute_id, {})
            if chosen is None:
                for customer_id, value in values.items():
                    yield (customer_id, attribute_id), value
                continue
            for customer_id in chosen:
                if customer_id in values:
                    yield (customer_id, attribute_id), values[customer_id]

    def count(self, attributes: Iterable[int]) -> int:
        """How many values some attributes have."""
        return sum(len(self._by_attribute.get(number, {})) for number in attributes)

    def key_of(self, value_id: int) -> Key | None:
        """Find a value by its id."""
        if self._keys is None:
            self._keys = {
                value.id: (customer_id, attribute_id)
                for attribute_id, values in self._by_attribute.items()
                for customer_id, value in values.items()
            }
        return self._keys.get(value_id)

    def drop_attribute(self, attribute_id: int) -> None:
        """Remove every value of an attribute."""
        self._by_attribute.pop(attribute_id, None)
        self._keys = None


def to_row(key: Key, value: Value) -> dict[str, Any]:
    """Write a value as BigCommerce answers it."""
    return {
        "id": value.id,
        "attribute_id": key[1],
        "customer_id": key[0],
        "attribute_value": value.text,
        "date_created": value.created,
        "date_modified": value.modified,
    }
