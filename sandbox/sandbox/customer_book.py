"""The store's customers: seeded ones made when asked for, changed ones kept."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, MutableMapping
from typing import Any

from .clock import DAY, stamp
from .fields import BASE
from .people import FIRST_ID, TAKEN_OFFSET, Kind, People, Person, taken_address

Row = dict[str, Any]
LONGEST_INDEX = 9  # Digits of a person's index in an address.


def blank_customer(customer_id: int, now: float) -> Row:
    """A customer with every key of the vendor's answer and the vendor's defaults."""
    at = stamp(now)
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


class CustomerBook(MutableMapping[int, Row]):
    """Customers by id.

    A row taken out by `[]` stays in memory, so altering it alters the store;
    `peek` gives a row to read and keeps nothing.
    Addresses are looked up without regard to case.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self._kept: dict[int, Row] = {}
        self._gone: set[int] = set()
        self._emails: dict[str, int] = {}
        self._ids: array[int] | None = None
        self._next = FIRST_ID + people.total

    def __getitem__(self, customer_id: int) -> Row:
        row = self.peek(customer_id)
        if row is None:
            raise KeyError(customer_id)
        return self._kept.setdefault(customer_id, row)

    def __setitem__(self, customer_id: int, row: Row) -> None:
        old = self.peek(customer_id)
        if old is None:
            self._ids = None
        elif self._emails.get(old["email"].lower()) == customer_id:
            del self._emails[old["email"].lower()]
        self._gone.discard(customer_id)
        self._kept[customer_id] = row
        self._emails[row["email"].lower()] = customer_id
        self._next = max(self._next, customer_id % TAKEN_OFFSET + 1)

    def __delitem__(self, customer_id: int) -> None:
        if self.peek(customer_id) is None:
            raise KeyError(customer_id)
        self._kept.pop(customer_id, None)
        self._gone.add(customer_id)
        self._ids = None

    def __iter__(self) -> Iterator[int]:
        return iter(self.ids())

    def __len__(self) -> int:
        return len(self.ids())

    def __contains__(self, customer_id: object) -> bool:
        if not isinstance(customer_id, int) or customer_id in self._gone:
            return False
        return customer_id in self._kept or self._is_seeded(customer_id)

    def peek(self, customer_id: int) -> Row | None:
        """A customer's row to read, None if there is none."""
        if customer_id in self._gone:
            return None
        return self._kept.get(customer_id) or self.seeded(customer_id)

    def seeded(self, customer_id: int) -> Row | None:
        """The customer as the store had them at the start."""
        if not self._is_seeded(customer_id):
            return None
        if customer_id >= TAKEN_OFFSET:
            return _holder(customer_id - TAKEN_OFFSET, customer_id)
        return _seeded(self._people[customer_id - FIRST_ID], customer_id)

    def by_email(self, email: str) -> int | None:
        """Find who has an address."""
        wanted = email.lower()
        found = self._emails.get(wanted)
        if found is None:
            found = self._seeded_by_email(wanted)
        if found is None:
            return None
        row = self.peek(found)
        return found if row and row["email"].lower() == wanted else None

    def ids(self) -> array[int]:
        """All ids, ascending."""
        if self._ids is None:
            people = self._people
            seeded = (
                FIRST_ID + at for at in range(people.total) if people.in_store(at)
            )
            holders = (
                TAKEN_OFFSET + at
                for at in range(people.members)
                if people.kind(at) is Kind.TAKEN_EMAIL
            )
            every = {*seeded, *holders, *self._kept} - self._gone
            self._ids = array("q", sorted(every))
        return self._ids

    def next_id(self) -> int:
        """Take a fresh id."""
        self._next += 1
        return self._next - 1

    def touched(self) -> Iterator[int]:
        """Ids whose rows are kept or gone, ascending: where a difference can be."""
        return iter(sorted({*self._kept, *self._gone}))

    def _is_seeded(self, customer_id: int) -> bool:
        people = self._people
        if customer_id < TAKEN_OFFSET:
            index = customer_id - FIRST_ID
            return 0 <= index < people.total and people.in_store(index)
        return people.kind(customer_id - TAKEN_OFFSET) is Kind.TAKEN_EMAIL

    def _seeded_by_email(self, email: str) -> int | None:
        local, _, _ = email.partition("@")
        *_, number = local.split(".")
        if not (number.isascii() and number.isdigit()) or len(number) > LONGEST_INDEX:
            return None
        offset = TAKEN_OFFSET if local.startswith("taken.") else FIRST_ID
        return offset + int(number)


def _holder(index: int, customer_id: int) -> Row:
    return blank_customer(customer_id, BASE - DAY) | {
        "email": taken_address(index),
        "first_name": "Holder",
        "last_name": "of an address",
    }


def _seeded(person: Person, customer_id: int) -> Row:
    differs = person.differs
    row = blank_customer(customer_id, BASE - 900 * DAY + person.bits % (800 * DAY))
    return row | {
        "email": person.store_email,
        "first_name": person.first_name,
        "last_name": "Formerly" if differs and person.bits & 1 else person.last_name,
        "company": "Before Ltd" if differs else (person.company or "")[:255],
        "phone": "" if differs else (person.phone or ""),
    }
