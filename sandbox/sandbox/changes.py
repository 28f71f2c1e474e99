"""What calls changed in the store since the start or the last mark."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .customer_book import CustomerBook, Row
    from .value_book import Key, ValueBook

QUIET = frozenset({"date_modified"})


class Changes:
    """How rows were before calls altered them; None where there was nothing."""

    def __init__(self) -> None:
        self.customers: dict[int, Row | None] = {}
        self.attributes: dict[int, Row | None] = {}
        self.values: dict[Key, str | None] = {}

    def clear(self) -> None:
        """Count from here."""
        self.customers.clear()
        self.attributes.clear()
        self.values.clear()

    def to_dict(
        self, customers: CustomerBook, attributes: Mapping[int, Row], values: ValueBook
    ) -> dict[str, Any]:
        """Compare with what is there now."""
        return {
            "customers": self._customers(customers),
            "attributes": self._attributes(attributes),
            "values": self._values(attributes, values),
        }

    def _customers(self, book: CustomerBook) -> dict[str, Any]:
        created = [n for n, old in self.customers.items() if old is None and n in book]
        updated: dict[str, list[str]] = {}
        for customer_id, old in sorted(self.customers.items()):
            new = book.peek(customer_id)
            if old is not None and new is not None:
                fields = [k for k in new if old.get(k) != new[k] and k not in QUIET]
                if fields:
                    updated[str(customer_id)] = fields
        counts = Counter(name for fields in updated.values() for name in fields)
        return {
            "created": sorted(created),
            "updated": updated,
            "fields": dict(sorted(counts.items())),
        }

    def _attributes(self, attributes: Mapping[int, Row]) -> dict[str, list[str]]:
        created = [n for n, old in self.attributes.items() if old is None]
        gone = [
            old["name"]
            for n, old in self.attributes.items()
            if old and n not in attributes
        ]
        return {
            "created": sorted(
                attributes[n]["name"] for n in created if n in attributes
            ),
            "deleted": sorted(gone),
        }

    def _values(self, attributes: Mapping[int, Row], book: ValueBook) -> dict[str, Any]:
        found: dict[str, Counter[str]] = {
            "set": Counter(),
            "changed": Counter(),
            "cleared": Counter(),
        }
        for key, old in self.values.items():
            new = book.text(key)
            if new == old:
                continue
            verb = "set" if old is None else "changed" if new is not None else "cleared"
            name = attributes[key[1]]["name"] if key[1] in attributes else str(key[1])
            found[verb][name] += 1
        return {verb: dict(sorted(counts.items())) for verb, counts in found.items()}
