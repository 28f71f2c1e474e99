"""Changes that other apps and people make in the store while the target runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from sandbox.bigcommerce.store import Store

    from .population import Population


class OtherApps:
    """Changes shared customers only; remembers deleted attributes and registrations."""

    def __init__(
        self, rng: random.Random, store: Store, population: Population
    ) -> None:
        self._rng = rng
        self._store = store
        self._population = population
        self.dropped_attributes: set[str] = set()
        self.raced: set[str] = set()

    def act(self, what: str) -> None:
        """Call the method of this name."""
        getattr(self, what)()

    def edit_customer(self) -> None:
        """Edit a customer."""
        for number in self._pick_shared_customer():
            self._store.put_customer(number, company="Theirs", phone="999")

    def delete_customer(self) -> None:
        """Delete a customer."""
        for number in self._pick_shared_customer():
            del self._store.customers[number]
            for key in [key for key in self._store.values if key[0] == number]:
                del self._store.values[key]

    def delete_values(self) -> None:
        """Delete a customer's attribute values."""
        for number in self._pick_shared_customer():
            for key in [key for key in self._store.values if key[0] == number]:
                del self._store.values[key]

    def write_values(self) -> None:
        """Write other attribute values."""
        for number in self._pick_shared_customer():
            for attribute in self._store.attributes:
                self._store.values[number, attribute] = "7"

    def delete_attribute(self) -> None:
        """Delete an attribute with all its values."""
        if self._store.attributes:
            number = self._rng.choice(list(self._store.attributes))
            self.dropped_attributes.add(self._store.attributes[number]["name"])
            self._store.data.delete_attribute(number)

    def lower_quota(self) -> None:
        """Lower the store's quota, as by a change of plan."""
        quota = self._store.quota
        quota.limit = self._rng.choice((12, 60))
        quota.other_per_window = min(quota.other_per_window, quota.limit // 2)

    def use_quota(self) -> None:
        """Use half of the quota in every window from now on."""
        self._store.quota.other_per_window = self._store.quota.limit // 2

    def register(self) -> None:
        """Register a customer with an email that the target may be about to create."""
        email = f"new{self._rng.randint(1, 4)}@shop.example"
        if self._store.customers.by_email(email) is None:
            number = self._store.customers.next_id()
            names = {"first_name": "Shopper", "last_name": "Own"}
            self._store.put_customer(number, email=email, **names)
            self.raced.add(email)

    def _pick_shared_customer(self) -> list[int]:
        there = [n for n in self._population.shared if n in self._store.customers]
        return [self._rng.choice(there)] if there else []
