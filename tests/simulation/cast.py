"""Who is in the store at the start, and who writes which of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from sandbox.bigcommerce.store import Store

STREAMS = ("vip", "gold")
FIRST = 2001
MANY = 130  # Enough to leave an audience that more is cleared than is always allowed.
FIRST_STRANGER = 5001
STRANGERS = 4
TYPES = {"Tier": "string", "Score": "number"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The store's people.

    Args:
        steady: customers that only the target writes.
        touched: customers that others write as well.
        fields: every customer's fields, by id, strangers included.
        values: what they have of the attributes, by id and name.
        attributes: the definitions that are there from the start.
    """

    steady: list[int]
    touched: list[int]
    fields: dict[int, dict[str, Any]]
    values: dict[tuple[int, str], str] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()

    @property
    def customers(self) -> list[int]:
        """All customers that records name."""
        return self.steady + self.touched

    @property
    def strangers(self) -> list[int]:
        """Customers that records name only by their email address."""
        return [number for number in self.fields if number >= FIRST_STRANGER]

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
    """The attribute that holds a stream's slug."""
    return f"LyticsAudience_{stream}"


def stream_of(customer_id: int) -> str:
    """Each customer is of one stream: streams are drained one after the other."""
    return STREAMS[customer_id % 2]


def draw_cast(
    chance: random.Random, settings: Mapping[str, Any], *, is_crowd: bool
) -> Cast:
    """Draw the people of a store; a crowd is all of one audience, and untouched."""
    many = chance.randint(MANY, 2 * MANY) if is_crowd else chance.randint(2, 24)
    everybody = [FIRST + (2 * n + 1 if is_crowd else n) for n in range(many)]
    touched = [n for n in everybody if not is_crowd and chance.random() < 0.25]
    strangers = range(FIRST_STRANGER, FIRST_STRANGER + STRANGERS)
    mapped = [each["to"] for each in settings["map_custom_attributes"]]
    names = [*mapped, *map(audience_of, STREAMS)]
    cast = Cast(
        steady=[n for n in everybody if n not in touched],
        touched=touched,
        fields={n: _fields(chance, n) for n in [*everybody, *strangers]},
        attributes=tuple(n for n in names if is_crowd or chance.random() < 0.6),
    )
    share = 0.97 if is_crowd else 0.5
    for name in cast.attributes:
        for number in cast.fields:
            if chance.random() < share:
                cast.values[number, name] = _value(chance, name, share)
    return cast


def _fields(chance: random.Random, number: int) -> dict[str, Any]:
    return {
        "email": f"c{number}@shop.example",
        "first_name": "Ann",
        "last_name": f"Lee {number}",
        "company": chance.choice(("", "Old Ltd")),
        "phone": chance.choice(("", "123")),
    }


def _value(chance: random.Random, name: str, share: float) -> str:
    if name in TYPES:
        return str(chance.randint(1, 9))
    return name.rpartition("_")[2] if chance.random() < share else "another"
