"""The customers in the store at the start, and changes by other apps and people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from sandbox.bigcommerce.store import Store

STREAMS = ("vip", "gold")
FIRST = 2001
MANY = 130  # If they all leave, more values than ALWAYS_ALLOWED are cleared.
FIRST_BAD = 4001
FIRST_UNRELATED = 5001
UNRELATED = 4
FIRST_NAMESAKE = 6001
NAMESAKES = 2
FIRST_SIDE = 7001
SIDE = 12
TYPES = {"Tier": "string", "Score": "number", "Level": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The customers and attributes in the store at the start.

    Args:
        exclusive: ids of customers that only the target writes.
        shared: ids of customers that other apps write too.
        bad: ids of customers whose writes fail in the store.
        namesakes: ids of customers that share one email.
        fields: the fields of all customers, by id.
        values: their attribute values, by customer id and attribute name.
        attributes: names of the attributes that exist.
    """

    exclusive: list[int]
    shared: list[int]
    bad: list[int]
    namesakes: list[int]
    fields: dict[int, dict[str, Any]]
    values: dict[tuple[int, str], str] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()

    @property
    def customers(self) -> list[int]:
        """Ids of the customers that records name."""
        return self.exclusive + self.shared

    @property
    def unrelated(self) -> list[int]:
        """Ids of customers that must not change, though records have their emails."""
        return [n for n in self.fields if FIRST_UNRELATED <= n < FIRST_SIDE]

    def create_in(self, store: Store) -> None:
        """Create them in a store."""
        for number, row in self.fields.items():
            store.put_customer(number, **row)
        ids = {
            name: store.add_attribute(name, TYPES.get(name, "string"))
            for name in self.attributes
        }
        for (number, name), text in self.values.items():
            store.values[number, ids[name]] = text


def audience_of(stream: str) -> str:
    """Return the attribute that holds a stream's slug."""
    return f"LyticsAudience_{stream}"


def stream_of(customer_id: int) -> str:
    """Return the only stream of a customer; the order of drains is then irrelevant."""
    return STREAMS[customer_id % 2]


def draw_population(
    rng: random.Random, settings: Mapping[str, Any], *, is_broken: bool
) -> Population:
    """Draw the customers; all members of a broken audience are exclusive."""
    many = rng.randint(MANY, 2 * MANY) if is_broken else rng.randint(2, 24)
    numbers = [FIRST + (2 * n + 1 if is_broken else n) for n in range(many)]
    shared = [n for n in numbers if not is_broken and rng.random() < 0.25]
    unrelated = range(FIRST_UNRELATED, FIRST_UNRELATED + UNRELATED)
    bad = list(range(FIRST_BAD, FIRST_BAD + rng.choice((0, 0, 0, 1, 2))))
    namesakes = list(range(FIRST_NAMESAKE, FIRST_NAMESAKE + NAMESAKES))
    if rng.random() < 0.6:
        namesakes = []
    side = range(FIRST_SIDE, FIRST_SIDE + SIDE)  # Members of another job's audience.
    everybody = [*numbers, *bad, *unrelated, *namesakes, *side]
    mapped = [each["to"] for each in settings["map_custom_attributes"]]
    names = [*mapped, *map(audience_of, STREAMS)]
    population = Population(
        exclusive=[n for n in numbers if n not in shared],
        shared=shared,
        bad=bad,
        namesakes=namesakes,
        fields={n: _fields(rng, n) for n in everybody},
        attributes=tuple(n for n in names if is_broken or rng.random() < 0.6),
    )
    share = 0.97 if is_broken else 0.5
    for name in population.attributes:
        for number in [*numbers, *unrelated]:
            if rng.random() < share:
                population.values[number, name] = _value(rng, name, share)
    return population


def _fields(rng: random.Random, number: int) -> dict[str, Any]:
    is_namesake = FIRST_NAMESAKE <= number < FIRST_SIDE
    owner = FIRST_NAMESAKE if is_namesake else number
    return {
        "email": f"c{owner}@shop.example",
        "first_name": "Ann",
        "last_name": f"Lee {number}",
        "company": rng.choice(("", "Old Ltd")),
        "phone": rng.choice(("", "123")),
    }


def _value(rng: random.Random, name: str, share: float) -> str:
    if name in TYPES:
        return str(rng.randint(1, 9))
    return name.rpartition("_")[2] if rng.random() < share else "another"


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
