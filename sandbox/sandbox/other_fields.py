"""Fields that cover every other Lytics type, and the many of a wide account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .clock import DAY, stamp, stamp_nanos
from .fields import BASE, Field, created, modified_nanos, offset_time, sometimes
from .names import INTERESTS, TIERS

if TYPE_CHECKING:
    from .messages import Json
    from .people import Person

EXTRA_SPREAD = 15  # A profile holds at most 1,000 values, so extras are spread.


def _interests(person: Person) -> Json:
    at, number = person.bits % len(INTERESTS), 1 + (person.bits >> 5) % 3
    found = [INTERESTS[(at + n) % len(INTERESTS)] for n in range(number)]
    single = number == 1 and person.people.options.bare_single_values
    return found[0] if single else found


def _times(person: Person) -> list[str]:
    at = created(person)
    return [stamp(at), stamp(at + DAY * (1 + person.bits % 30))]


def _buckets(person: Person) -> list[dict[str, Any]]:
    return [{"time": stamp(BASE - DAY), "count": person.bits % 9, "window": "1d"}]


def _location(person: Person) -> Json:
    lat, lon = f"{person.bits % 90}.{person.bits % 10}", f"-{person.bits % 180}.6"
    if person.people.options.locations_are_objects:
        return {"lat": float(lat), "lon": float(lon)}
    return f"{lat},{lon}"


OTHER_FIELDS: list[Field] = [
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
            4, lambda p: stamp((p.bits >> 24) % (DAY * 14_000) // DAY * DAY)
        ),
    ),
    Field(name="last_visit_ts", type="datetime", value=offset_time),
    Field(
        name="first_visit_ts",
        type="time",
        value=lambda p: stamp_nanos(modified_nanos(p)),
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
        value=lambda p: {"app": stamp(created(p)), "web.site": offset_time(p)},
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
        value=lambda p: {"club": stamp(created(p))},
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
EXTRA_TYPES = ("string", "int", "number", "bool", "date", "[]string", "map[string]int")


def extra_field(number: int) -> Field:
    """Make one of the many fields of a wide account; a 15th of people have it."""
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
        "date": stamp(BASE - n * DAY),
        "[]string": [f"a{n}", "b"],
        "map[string]int": {"a.b": str(n)},
    }[kind]
