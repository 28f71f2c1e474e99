"""The account's user fields: every Lytics type, and how seeded people fill them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.clock import DAY, NANOS, timestamp, timestamp_nanos
from sandbox.people import SEEDED_AT, Kind, People, Person

if TYPE_CHECKING:
    from sandbox.http import Json

COUNTRIES = ("US", "GB", "DE", "FR", "NG", "IN", "JP", "BR")
INTERESTS = ("tea", "hiking", "jazz", "chess", "sci-fi", "gardening & tools", "日本茶")
TIERS = ("bronze", "silver", "gold", "platinum")
EXTRA_SPREAD = 15  # A profile holds at most 1,000 values: each has one extra in 15.
EXTRA_TYPES = ("string", "int", "number", "bool", "date", "[]string", "map[string]int")

Value = Callable[[Person], Any]
Known = Callable[[People, int], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of the account's schema.

    `known` returns whether a seeded person has a value, where that is faster than
    generating the value.
    """

    name: str
    type: str
    value: Value
    known: Known | None = None
    label: str = ""
    is_by: bool = False
    merge: str = "latest"


def modified_nanos(person: Person) -> int:
    """Return when a seeded profile last changed: in the first 300 days of 2025."""
    return (SEEDED_AT + person.bits % (300 * DAY)) * NANOS + (person.bits >> 30) % NANOS


def created(person: Person) -> int:
    """Return when a seeded profile was created, in seconds since 1970."""
    return SEEDED_AT - DAY - person.bits % (700 * DAY)


def offset_time(person: Person) -> str:
    """Return a timestamp with an offset and milliseconds, as some sources write it."""
    text = timestamp(created(person) + person.bits % 5000)
    return text.removesuffix("Z") + f".{person.bits % 1000:03d}-07:00"


def sometimes(every: int, value: Value) -> Value:
    """Leave the value out for one person in `every`."""
    return lambda p: value(p) if p.bits % every else None


def _customer_id(person: Person) -> str | None:
    return None if person.customer_id is None else str(person.customer_id)


IDENTITIES: list[Field] = [  # The fields by which Lytics identifies a person.
    Field(
        name="email", type="string", is_by=True, label="Email", value=lambda p: p.email
    ),
    Field(
        name="user_id",
        type="string",
        is_by=True,
        label="User id",
        value=lambda p: f"u{p.index:08d}",
    ),
    Field(
        name="bigcommerce_customer_id",
        type="string",
        is_by=True,
        label="BigCommerce customer id",
        value=_customer_id,
        known=lambda people, at: people.kind(at) is not Kind.WITHOUT_ID,
    ),
]
STORE_FIELDS: list[Field] = [  # Some of these come from Lytics' BigCommerce import.
    Field(name="first_name", type="string", value=lambda p: p.first_name),
    Field(name="last_name", type="string", value=lambda p: p.last_name),
    Field(name="company", type="string", value=lambda p: p.company),
    Field(name="phone", type="string", value=lambda p: p.phone),
    Field(
        name="bigcommerce_customer_group_id",
        type="int",
        value=lambda p: str(p.bits >> 9 & 3),
    ),
    Field(
        name="bigcommerce_accepts_marketing",
        type="bool",
        value=lambda p: "tf"[p.bits >> 11 & 1],
    ),
    Field(
        name="bigcommerce_tax_exempt",
        type="string",
        value=lambda p: None if p.bits >> 12 & 3 else "RESELLER",
    ),
    Field(
        name="bigcommerce_created_ts",
        type="date",
        value=lambda p: timestamp(created(p)),
    ),
    Field(
        name="bigcommerce_modified_ts",
        type="date",
        value=lambda p: timestamp_nanos(modified_nanos(p) - DAY * NANOS),
    ),
    Field(name="last_purchase_ts", type="date", value=sometimes(5, offset_time)),
    Field(
        name="country_codes",
        type="[]string",
        merge="set",
        value=lambda p: [COUNTRIES[p.bits % 8], COUNTRIES[(p.bits >> 3) % 8]],
    ),
    Field(
        name="bigcommerce_attr_value",
        type="[]string",
        merge="set",
        value=lambda p: [f"size={p.bits % 5}"],
    ),
]


def _interests(person: Person) -> Json:
    at, number = person.bits % len(INTERESTS), 1 + (person.bits >> 5) % 3
    found = [INTERESTS[(at + n) % len(INTERESTS)] for n in range(number)]
    single = number == 1 and person.people.options.bare_single_values
    return found[0] if single else found


def _times(person: Person) -> list[str]:
    at = created(person)
    return [timestamp(at), timestamp(at + DAY * (1 + person.bits % 30))]


def _buckets(person: Person) -> list[dict[str, Any]]:
    return [
        {"time": timestamp(SEEDED_AT - DAY), "count": person.bits % 9, "window": "1d"}
    ]


def _location(person: Person) -> Json:
    lat, lon = f"{person.bits % 90}.{person.bits % 10}", f"-{person.bits % 180}.6"
    if person.people.options.locations_are_objects:
        return {"lat": float(lat), "lon": float(lon)}
    return f"{lat},{lon}"


OTHER_FIELDS: list[Field] = [  # The remaining Lytics types.
    Field(
        name="loyalty_tier",
        type="string",
        label="Loyalty tier",
        value=lambda p: TIERS[(p.bits >> 14) & 3],
    ),
    Field(
        name="lifetime_value",
        type="number",
        merge="sum",
        value=lambda p: f"{(p.bits >> 16) % 500_000 / 100}",
    ),
    Field(name="score", type="float", value=lambda p: (p.bits >> 18) % 1000 / 1000),
    Field(
        name="orders_count",
        type="int",
        merge="count",
        value=lambda p: str((p.bits >> 20) % 40) if p.bits & 1 else (p.bits >> 20) % 40,
    ),
    Field(name="newsletter", type="bool", value=lambda p: bool(p.bits >> 23 & 1)),
    Field(
        name="birthday",
        type="date",
        value=sometimes(
            4, lambda p: timestamp((p.bits >> 24) % (DAY * 14_000) // DAY * DAY)
        ),
    ),
    Field(name="last_visit_ts", type="datetime", value=offset_time),
    Field(
        name="first_visit_ts",
        type="time",
        value=lambda p: timestamp_nanos(modified_nanos(p)),
    ),
    Field(name="interests", type="[]string", merge="set", value=_interests),
    Field(name="visit_times", type="[]time", merge="set", value=_times),
    Field(
        name="recent_pages",
        type="ts[]string",
        merge="set",
        value=lambda p: [f"/p/{p.bits % 97}", "/cart"],
    ),
    Field(
        name="visits_by_channel",
        type="map[string]int",
        value=lambda p: {"email": str(p.bits % 30), "web/organic": p.bits % 7},
    ),
    Field(
        name="events_by_domain",
        type="map[string]intsum",
        value=lambda p: {"shop.example.com": str(p.bits % 90), "blog.example.org": "2"},
    ),
    Field(
        name="affinity",
        type="map[string]number",
        value=lambda p: {"home & garden": f"0.{p.bits % 100:02d}", "-1": -0.5},
    ),
    Field(
        name="devices",
        type="map[string]string",
        value=lambda p: {"iOS 17.1": f"v{p.bits % 9}"},
    ),
    Field(
        name="consents",
        type="map[string]bool",
        value=lambda p: {"sms": "tf"[p.bits & 1], "e-mail": True},
    ),
    Field(
        name="seen_at",
        type="map[string]time",
        value=lambda p: {"app": timestamp(created(p)), "web.site": offset_time(p)},
    ),
    Field(
        name="extras",
        type="map[string]value",
        value=lambda p: {"any thing": [1, "two", None], "n": p.bits % 3},
    ),
    Field(
        name="location",
        type="geolocation",
        value=_location,
    ),
    Field(
        name="memberships",
        type="membership",
        value=lambda p: {"club": timestamp(created(p))},
    ),
    Field(
        name="taste",
        type="embedding",
        value=lambda p: [p.bits % 10 / 10, -0.25, 0.5],
    ),
    Field(name="anything", type="dynamic", value=lambda p: [p.bits % 3, {"a": "b"}]),
    Field(
        name="journeys",
        type="flows",
        value=lambda p: {"welcome": {"step": p.bits % 4, "state": "waiting"}},
    ),
    Field(name="activity", type="[]timebucket", value=_buckets),
]
FIELDS: tuple[Field, ...] = (*IDENTITIES, *STORE_FIELDS, *OTHER_FIELDS)


def extra_field(number: int) -> Field:
    """Create an additional field; one person in 15 has a value."""
    kind = EXTRA_TYPES[number % len(EXTRA_TYPES)]
    return Field(
        name=f"extra_{number:04d}",
        type=kind,
        label=f"Extra {number}",
        value=lambda p: _extra(p, number, kind),
    )


def _extra(person: Person, number: int, kind: str) -> Json:
    if (person.index + number) % EXTRA_SPREAD:
        return None
    n = (person.bits >> (number % 40)) % 1000
    return {
        "string": f"text {n}",
        "int": str(n),
        "number": f"{n / 10}",
        "bool": "tf"[n & 1],
        "date": timestamp(SEEDED_AT - n * DAY),
        "[]string": [f"a{n}", "b"],
        "map[string]int": {"a.b": str(n)},
    }[kind]
