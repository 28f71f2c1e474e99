"""Checks every write to the store, for violations that the end state does not show."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from .population import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.bigcommerce.store import Store
    from sandbox.http import Request

    from .world import World

    MayClear = Callable[[int, str], bool]


ROWS_PER_CALL = 10
DAY_SECONDS = 24 * 3600.0
ALWAYS_ALLOWED = 10  # Values, whatever share of all values they are.


class StoreMonitor:
    """Checks every call that the store processes.

    Args:
        world: receives violations.
        store: the store.
        may_clear: whether a customer's value of an attribute may be deleted.
        has_other_deletions: whether other apps delete values, too.

    `applied` counts the changes that the target's calls made in the store, by customer
    id, field or attribute, and the text sent (None for a deletion).
    """

    def __init__(
        self,
        world: World,
        store: Store,
        may_clear: MayClear,
        *,
        has_other_deletions: bool,
    ) -> None:
        self._world = world
        self._store = store
        self._may_clear = may_clear
        self._most_percent = 0
        self._facts: Mapping[str, int] = {}
        self._cleared: defaultdict[int, list[float]] = defaultdict(list)
        self._has_other_deletions = has_other_deletions
        self.applied: Counter[tuple[int, str, str | None]] = Counter()
        self._before: list[tuple[int, str, str, object]] = []
        self._created: set[str] = set()
        self._new: list[str] = []
        self._had: list[tuple[int, int]] = []

    def begin(self, most_percent: int, facts: Mapping[str, int]) -> None:
        """Start a process with a `max_clear_percent` and facts about the store."""
        self._most_percent = most_percent
        self._facts = facts

    def forget(self) -> None:
        """Forget what only the lost history knew."""
        self.applied.clear()
        self._cleared.clear()

    def before(self, request: Request) -> None:
        """Record the state before a call."""
        self._see_size(request)
        self._before = list(self._sent(request)) if request.method == "PUT" else []
        if request.method == "POST" and request.path.endswith("/customers"):
            rows = msgspec.json.decode(request.body)
            self._see_creation([row["email"].lower() for row in rows])
        if request.method == "DELETE":
            ids = unquote(request.query.get("id:in", "")).split(",")
            found = (self._store.values.key_of(int(number)) for number in ids)
            self._had = [key for key in found if key]

    def after(self, request: Request) -> None:
        """Check the effect of the call."""
        self.applied.update(
            (customer, name, sent)
            for customer, name, sent, old in self._before
            if self._stored(customer, name) != old
        )
        if request.method == "POST":
            found = self._store.customers.by_email
            self._created |= {email for email in self._new if found(email)}
            self._new = []
        if request.method == "DELETE":
            for key in self._had:
                if key not in self._store.values:
                    self._see_deletion(*key)
            self._had = []
            self._see_share()

    def _see_size(self, request: Request) -> None:
        """Check that no call is larger than the store is known to accept."""
        name = request.path.rpartition("/")[2]
        if request.method == "PUT" and name == "attribute-values":
            rows = msgspec.json.decode(request.body)
            takes_rows = self._facts.get("customers_per_values_call") == 0
            if takes_rows and len(rows) > ROWS_PER_CALL:
                self._world.violate("a refused number of values is tried again")
        if request.method == "GET":
            query = request.query
            listed = query.get("id:in") or query.get("customer_id:in") or ""
            limit = self._facts.get("ids_per_call")
            if limit and len(unquote(listed).split(",")) > limit:
                self._world.violate("a refused number of ids is tried again")

    def _see_creation(self, emails: list[str]) -> None:
        found = self._store.customers.by_email
        if any(email in self._created and found(email) for email in emails):
            self._world.violate("a created customer is created again")
        self._new = [email for email in emails if not found(email)]

    def _see_deletion(self, customer_id: int, number: int) -> None:
        name = self._store.attributes[number]["name"]
        if not self._may_clear(customer_id, name):
            self._world.violate(f"{name} of {customer_id}, a member, is cleared")
        self.applied[customer_id, name, None] += 1
        if name not in TYPES:
            self._cleared[number].append(self._world.now())

    def _see_share(self) -> None:
        if self._has_other_deletions:
            return
        since = self._world.now() - DAY_SECONDS
        for number, times in self._cleared.items():
            cleared = sum(at > since for at in times)
            if cleared > ALWAYS_ALLOWED:
                left = sum(1 for _, each in self._store.values if each == number)
                if cleared * 100 > self._most_percent * (left + cleared):
                    self._world.violate(
                        f"{cleared} values are cleared in a day, {left} are left"
                    )

    def _sent(self, request: Request) -> Iterator[tuple[int, str, str, object]]:
        """Yield customer, field or attribute, the text sent, and the stored value."""
        for row in msgspec.json.decode(request.body):
            if "customer_id" in row:
                attribute = self._store.attributes.get(row["attribute_id"])
                sent = {attribute["name"]: row["value"]} if attribute else {}
            else:
                sent = {name: value for name, value in row.items() if name != "id"}
            customer = row.get("customer_id", row.get("id"))
            for name, value in sent.items():
                yield customer, name, str(value), self._stored(customer, name)

    def _stored(self, customer: int, name: str) -> object:
        row = self._store.customers.peek(customer) or {}
        if name in row:
            return row[name]
        numbers = {each["name"]: n for n, each in self._store.attributes.items()}
        return self._store.values.text((customer, numbers.get(name, 0)))
