"""What other apps and people do to the store while the target works."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from sandbox.bigcommerce.store import Store

    from .cast import Cast


class Others:
    """They touch only those whom the cast lets them touch, and remember the rest."""

    def __init__(self, chance: random.Random, store: Store, cast: Cast) -> None:
        self._chance = chance
        self._store = store
        self._cast = cast
        self.dropped_attributes: set[str] = set()
        self.raced: set[str] = set()

    def act(self, what: str) -> None:
        """Do one thing."""
        getattr(self, what)()

    def alter(self) -> None:
        """Somebody edits a customer."""
        for number in self._somebody():
            self._store.put_customer(number, company="Theirs", phone="999")

    def delete(self) -> None:
        """Somebody deletes a customer."""
        for number in self._somebody():
            del self._store.customers[number]
            for key in [key for key in self._store.values if key[0] == number]:
                del self._store.values[key]

    def drop_value(self) -> None:
        """Somebody deletes a customer's attribute values."""
        for number in self._somebody():
            for key in [key for key in self._store.values if key[0] == number]:
                del self._store.values[key]

    def own_value(self) -> None:
        """Somebody writes attribute values of their own."""
        for number in self._somebody():
            for attribute in self._store.attributes:
                self._store.values[number, attribute] = "7"

    def drop_attribute(self) -> None:
        """Somebody deletes an attribute, and with it everybody's value."""
        if self._store.attributes:
            number = self._chance.choice(list(self._store.attributes))
            self.dropped_attributes.add(self._store.attributes[number]["name"])
            self._store.data.delete_attribute(number)

    def shrink(self) -> None:
        """The store's plan ends: fewer calls from now on."""
        quota = self._store.quota
        quota.limit = self._chance.choice((12, 60))
        quota.other_per_window = min(quota.other_per_window, quota.limit // 2)

    def crowd(self) -> None:
        """Another app begins to take its part of the calls."""
        self._store.quota.other_per_window = self._store.quota.limit // 2

    def race(self) -> None:
        """A shopper registers with an address that was about to be created."""
        email = f"new{self._chance.randint(1, 4)}@shop.example"
        if self._store.customers.by_email(email) is None:
            number = self._store.customers.next_id()
            names = {"first_name": "Shopper", "last_name": "Own"}
            self._store.put_customer(number, email=email, **names)
            self.raced.add(email)

    def _somebody(self) -> list[int]:
        there = [n for n in self._cast.touched if n in self._store.customers]
        return [self._chance.choice(there)] if there else []
