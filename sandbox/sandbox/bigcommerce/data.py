"""The store's content: customers, attribute definitions, values, and their diff.

Seeded customers are generated on demand; only rows read by `[]` or changed are stored.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.clock import DAY, Clock, timestamp
from sandbox.people import (
    FIRST_ID,
    SEEDED_AT,
    TAKEN_OFFSET,
    Kind,
    People,
    Person,
    taken_address,
)

from .requests import Row

if TYPE_CHECKING:
    from sandbox.options import Options

Key = tuple[int, int]  # Customer id and attribute id.
DATE_FORMATS = {
    "iso": "%Y-%m-%dT%H:%M:%S+00:00",
    "space": "%Y-%m-%d %H:%M:%S",
    "date": "%Y-%m-%d",
}
MAX_DIGITS = 9  # Of a person's index in an address.
UNREPORTED = frozenset({"date_modified"})


class StoreData:
    """The store's content; its methods record every change for the diff."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.people = People(options)
        self.customers = Customers(self.people)
        self.attributes: dict[int, Row] = {}
        self.values = AttributeValues()
        self.changes = Changes()
        self.welcome_mails = 0
        self._next_attribute = 1

    @property
    def now(self) -> str:
        """The current time in the format of rows."""
        return timestamp(self.clock.now())

    def put_customer(self, row: Row) -> None:
        """Write a customer."""
        old = self.customers.peek(row["id"])
        self.changes.customers.setdefault(row["id"], old)
        self.customers[row["id"]] = row

    def put_value(self, key: Key, text: str) -> Row:
        """Write a value; returns its row."""
        self.changes.values.setdefault(key, self.values.text(key))
        text = self.normalised(text, self.attributes.get(key[1], {}).get("type", ""))
        if self.options.values_touch_customer:
            old = self.customers.peek(key[0]) or {}
            self.customers[key[0]] = {**old, "date_modified": self.now}
        row = self.values.put(key, text, self.now)
        if not text and self.options.empty_value_removes:
            del self.values[key]
        return row

    def normalised(self, text: str, kind: str = "string") -> str:
        """Return a written text as the store keeps it; `kind` is an attribute's."""
        options = self.options
        if options.unix_line_ends:
            text = text.replace("\r\n", "\n")
        if options.trims_text:
            text = text.strip()
        if kind == "number" and options.plain_numbers:
            return _plain_number(text)
        if kind == "date" and options.dates_stored_as != "sent":
            return _stored_date(text, DATE_FORMATS[options.dates_stored_as])
        return text

    def delete_value(self, key: Key) -> None:
        """Delete a value."""
        self.changes.values.setdefault(key, self.values.text(key))
        del self.values[key]

    def add_attribute(self, name: str, kind: str) -> Row:
        """Add an attribute definition; returns its row."""
        number = self._next_attribute
        self._next_attribute += 1
        dates = {"date_created": self.now, "date_modified": self.now}
        self.attributes[number] = {"id": number, "name": name, "type": kind, **dates}
        self.changes.attributes.setdefault(number, None)
        return self.attributes[number]

    def delete_attribute(self, number: int) -> None:
        """Delete an attribute definition and all its values."""
        old = self.attributes.pop(number, None)
        if old:
            self.changes.attributes.setdefault(number, old)
            self.values.delete_attribute(number)

    def diff(self) -> dict[str, Any]:
        """Return what changed since the start or since `changes.clear()`."""
        return self.changes.to_dict(self.customers, self.attributes, self.values)


def _plain_number(text: str) -> str:
    """Return `7.5` for `+07.50`; a text that is no number stays."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    plain = f"{number.normalize():f}" if number.is_finite() else text
    return "0" if plain == "-0" else plain


def _stored_date(text: str, form: str) -> str:
    """Return a date in UTC in another form; a text that is no date stays."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC).strftime(form)


def blank_customer(customer_id: int, now: float) -> Row:
    """Return a customer with every key of BigCommerce's responses and its defaults."""
    at = timestamp(now)
    return {
        "id": customer_id,
        "authentication": {"force_password_reset": False},
        "company": "",
        "customer_group_id": 0,
        "email": "",
        "first_name": "",
        "last_name": "",
        "notes": "",
        "phone": "",
        "registration_ip_address": "",
        "tax_exempt_category": "",
        "date_created": at,
        "date_modified": at,
        "accepts_product_review_abandoned_cart_emails": False,
        "store_credit_amounts": [{"amount": 0}],
        "origin_channel_id": 1,
        "channel_ids": None,
        "form_fields": [],
    }


class Customers(MutableMapping[int, Row]):
    """Customers by id.

    A row read by `[]` is stored, so modifying it modifies the store; a row returned by
    `peek` is only for reading. Emails are compared case-insensitively.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self._stored: dict[int, Row] = {}
        self._deleted: set[int] = set()
        self._emails: dict[str, set[int]] = {}
        self._ids: array[int] | None = None
        self._next = FIRST_ID + people.total

    def __getitem__(self, customer_id: int) -> Row:
        row = self.peek(customer_id)
        if row is None:
            raise KeyError(customer_id)
        return self._stored.setdefault(customer_id, row)

    def __setitem__(self, customer_id: int, row: Row) -> None:
        old = self.peek(customer_id)
        if old is None:
            self._ids = None
        else:
            self._emails.get(old["email"].lower(), set()).discard(customer_id)
        self._deleted.discard(customer_id)
        self._stored[customer_id] = row
        self._emails.setdefault(row["email"].lower(), set()).add(customer_id)
        self._next = max(self._next, customer_id % TAKEN_OFFSET + 1)

    def __delitem__(self, customer_id: int) -> None:
        if self.peek(customer_id) is None:
            raise KeyError(customer_id)
        self._stored.pop(customer_id, None)
        self._deleted.add(customer_id)
        self._ids = None

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids())

    def __len__(self) -> int:
        return len(self.ids())

    def __contains__(self, customer_id: object) -> bool:
        if not isinstance(customer_id, int) or customer_id in self._deleted:
            return False
        return customer_id in self._stored or self._is_seeded(customer_id)

    def peek(self, customer_id: int) -> Row | None:
        """Return the row of a customer, for reading only; None if there is none."""
        if customer_id in self._deleted:
            return None
        return self._stored.get(customer_id) or self._seeded(customer_id)

    def _seeded(self, customer_id: int) -> Row | None:
        if not self._is_seeded(customer_id):
            return None
        if customer_id >= TAKEN_OFFSET:
            return _address_owner(customer_id - TAKEN_OFFSET, customer_id)
        return _seeded_customer(self._people[customer_id - FIRST_ID], customer_id)

    def by_email(self, email: str) -> int | None:
        """Return the id of the customer with an email, None if there is none.

        If several have it, the lowest id.
        """
        return min(self.owners(email), default=None)

    def owners(self, email: str) -> set[int]:
        """Return the ids of the customers with an email."""
        lowercase = email.lower()
        found = set(self._emails.get(lowercase, ()))
        seeded = self._seeded_by_email(lowercase)
        if seeded is not None:
            found.add(seeded)
        rows = ((number, self.peek(number)) for number in found)
        return {n for n, row in rows if row and row["email"].lower() == lowercase}

    def ids(self) -> array[int]:
        """Return all ids, ascending."""
        if self._ids is None:
            people = self._people
            seeded = (
                FIRST_ID + at for at in range(people.total) if people.in_store(at)
            )
            owners = (
                TAKEN_OFFSET + at
                for at in range(people.members)
                if people.kind(at) is Kind.TAKEN_EMAIL
            )
            every = {*seeded, *owners, *self._stored} - self._deleted
            self._ids = array("q", sorted(every))
        return self._ids

    def next_id(self) -> int:
        """Reserve the next free id."""
        self._next += 1
        return self._next - 1

    def _is_seeded(self, customer_id: int) -> bool:
        people = self._people
        if customer_id < TAKEN_OFFSET:
            index = customer_id - FIRST_ID
            return 0 <= index < people.total and people.in_store(index)
        return people.kind(customer_id - TAKEN_OFFSET) is Kind.TAKEN_EMAIL

    def _seeded_by_email(self, email: str) -> int | None:
        local, _, _ = email.partition("@")
        *_, number = local.split(".")
        if not (number.isascii() and number.isdigit()) or len(number) > MAX_DIGITS:
            return None
        offset = TAKEN_OFFSET if local.startswith("taken.") else FIRST_ID
        return offset + int(number)


def _address_owner(index: int, customer_id: int) -> Row:
    return blank_customer(customer_id, SEEDED_AT - DAY) | {
        "email": taken_address(index),
        "first_name": "Holder",
        "last_name": "of an address",
    }


def _seeded_customer(person: Person, customer_id: int) -> Row:
    differs = person.differs
    created = SEEDED_AT - 900 * DAY + person.bits % (800 * DAY)
    return blank_customer(customer_id, created) | {
        "email": person.store_email,
        "first_name": person.first_name,
        "last_name": "Formerly" if differs and person.bits & 1 else person.last_name,
        "company": "Before Ltd" if differs else (person.company or "")[:255],
        "phone": "" if differs else (person.phone or ""),
    }


class StoredValue(NamedTuple):
    """One stored value, in a compact form because there can be a million."""

    id: int
    text: str
    created: str
    modified: str


class AttributeValues(MutableMapping[Key, Row]):
    """Rows of attribute values by (customer id, attribute id).

    Assigning takes a row with `attribute_value`, or only the text.
    """

    def __init__(self) -> None:
        self._by_attribute: dict[int, dict[int, StoredValue]] = {}
        self._keys: dict[int, Key] | None = None
        self._next = 1

    def __getitem__(self, key: Key) -> Row:
        customer_id, attribute_id = key
        return to_row(key, self._by_attribute.get(attribute_id, {})[customer_id])

    def __setitem__(self, key: Key, row: Row | str) -> None:
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
        """Return the text of a value, None if there is none."""
        value = self._by_attribute.get(key[1], {}).get(key[0])
        return value.text if value else None

    def put(self, key: Key, text: str, now: str) -> Row:
        """Write a value; returns its row."""
        values = self._by_attribute.setdefault(key[1], {})
        old = values.get(key[0])
        if old:
            value = old._replace(text=text, modified=now)
        else:
            value = StoredValue(self._next, text, now, now)
            self._next += 1
            if self._keys is not None:
                self._keys[value.id] = key
        values[key[0]] = value
        return to_row(key, value)

    def of(
        self, attributes: Iterable[int], customers: Iterable[int] | None
    ) -> Iterator[tuple[Key, StoredValue]]:
        """Yield the values of some attributes, of some customers or of all."""
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
        """Count the values of some attributes."""
        return sum(len(self._by_attribute.get(number, {})) for number in attributes)

    def key_of(self, value_id: int) -> Key | None:
        """Return the key of the value with an id, None if there is none."""
        if self._keys is None:
            self._keys = {
                value.id: (customer_id, attribute_id)
                for attribute_id, values in self._by_attribute.items()
                for customer_id, value in values.items()
            }
        return self._keys.get(value_id)

    def delete_attribute(self, attribute_id: int) -> None:
        """Delete every value of an attribute."""
        self._by_attribute.pop(attribute_id, None)
        self._keys = None


def to_row(key: Key, value: StoredValue) -> Row:
    """Build the row of a value as BigCommerce returns it."""
    return {
        "id": value.id,
        "attribute_id": key[1],
        "customer_id": key[0],
        "attribute_value": value.text,
        "date_created": value.created,
        "date_modified": value.modified,
    }


class Changes:
    """Rows as they were before calls changed them; None where there was none."""

    def __init__(self) -> None:
        self.customers: dict[int, Row | None] = {}
        self.attributes: dict[int, Row | None] = {}
        self.values: dict[Key, str | None] = {}

    def clear(self) -> None:
        """Start a new diff."""
        self.customers.clear()
        self.attributes.clear()
        self.values.clear()

    def to_dict(
        self,
        customers: Customers,
        attributes: Mapping[int, Row],
        values: AttributeValues,
    ) -> dict[str, Any]:
        """Build the diff between the recorded rows and the current ones."""
        return {
            "customers": self._customers(customers),
            "attributes": self._attributes(attributes),
            "values": self._values(attributes, values),
        }

    def _customers(self, customers: Customers) -> dict[str, Any]:
        created = [
            n for n, old in self.customers.items() if old is None and n in customers
        ]
        updated: dict[str, list[str]] = {}
        for customer_id, old in sorted(self.customers.items()):
            new = customers.peek(customer_id)
            if old is not None and new is not None:
                fields = [
                    k for k in new if old.get(k) != new[k] and k not in UNREPORTED
                ]
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
        deleted = [
            old["name"]
            for n, old in self.attributes.items()
            if old and n not in attributes
        ]
        return {
            "created": sorted(
                attributes[n]["name"] for n in created if n in attributes
            ),
            "deleted": sorted(deleted),
        }

    def _values(
        self, attributes: Mapping[int, Row], values: AttributeValues
    ) -> dict[str, Any]:
        found: dict[str, Counter[str]] = {
            "set": Counter(),
            "changed": Counter(),
            "cleared": Counter(),
        }
        for key, old in self.values.items():
            new = values.text(key)
            if new == old:
                continue
            verb = "set" if old is None else "changed" if new is not None else "cleared"
            name = attributes[key[1]]["name"] if key[1] in attributes else str(key[1])
            found[verb][name] += 1
        return {verb: dict(sorted(counts.items())) for verb, counts in found.items()}
