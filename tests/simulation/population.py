"""The customers in the store at the start, and who may write them."""

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
FIRST_UNRELATED = 5001
UNRELATED = 4
TYPES = {"Tier": "string", "Score": "number"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The customers and attributes in the store at the start.

    Args:
        exclusive: ids of customers that only the target writes.
        shared: ids of customers that other apps write too.
        fields: the fields of all customers, by id.
        values: their attribute values, by customer id and attribute name.
        attributes: names of the attributes that exist.
    """

    exclusive: list[int]
    shared: list[int]
    fields: dict[int, dict[str, Any]]
    values: dict[tuple[int, str], str] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()

    @property
    def customers(self) -> list[int]:
        """Ids of the customers that records name."""
        return self.exclusive + self.shared

    @property
    def unrelated(self) -> list[int]:
        """Ids of customers whose emails appear in records, but who must not change."""
        return [number for number in self.fields if number >= FIRST_UNRELATED]

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
    mapped = [each["to"] for each in settings["map_custom_attributes"]]
    names = [*mapped, *map(audience_of, STREAMS)]
    population = Population(
        exclusive=[n for n in numbers if n not in shared],
        shared=shared,
        fields={n: _fields(rng, n) for n in [*numbers, *unrelated]},
        attributes=tuple(n for n in names if is_broken or rng.random() < 0.6),
    )
    share = 0.97 if is_broken else 0.5
    for name in population.attributes:
        for number in population.fields:
            if rng.random() < share:
                population.values[number, name] = _value(rng, name, share)
    return population


def _fields(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "email": f"c{number}@shop.example",
        "first_name": "Ann",
        "last_name": f"Lee {number}",
        "company": rng.choice(("", "Old Ltd")),
        "phone": rng.choice(("", "123")),
    }


def _value(rng: random.Random, name: str, share: float) -> str:
    if name in TYPES:
        return str(rng.randint(1, 9))
    return name.rpartition("_")[2] if rng.random() < share else "another"
