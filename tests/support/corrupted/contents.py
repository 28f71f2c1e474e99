"""Ways for the JSON of an answer to go wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import odd

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from sandbox.http import Json

    from .wire import Asked

    Way = Callable[[Any, Random, Asked], Any]

CURSORS: tuple[Json, ...] = (
    *("A", "B", " ", "&start=x#", "\n", "\u00e9\u2028", "x" * 30_000, odd.PERSON),
    *(0, 7, True, False, 1.5, [], ["A"], {}, {"a": 1}, None),
)
TOTALS: tuple[Json, ...] = (0, -1, 1, 10**9, 10**30, "5", None, True, 5.5, [], {})


def _holder(content: Json, path: tuple[Any, ...]) -> Json:
    for step in path[:-1]:
        content = content[step]
    return content


def _somewhere(content: Json, random: Random) -> tuple[Json, Any]:
    """Pick a place: what holds it, and its key there. The deep are not favoured."""
    found = odd.places(content)
    depth = random.choice(sorted({len(path) for path in found}))
    path = random.choice([path for path in found if len(path) == depth])
    return _holder(content, path), path[-1]


def value(content: Json, random: Random, _: Asked) -> Json:
    """Put another value anywhere."""
    holder, key = _somewhere(content, random)
    holder[key] = odd.value(random)
    return content


def name(content: Json, random: Random, _: Asked) -> Json:
    """Give another name to a value, or put it among a list's."""
    holder, key = _somewhere(content, random)
    if isinstance(holder, dict):
        holder[random.choice(odd.NAMES)] = holder.pop(key)
    return content


def lost(content: Json, random: Random, _: Asked) -> Json:
    """Leave anything out."""
    holder, key = _somewhere(content, random)
    del holder[key]
    return content


def key_again(content: Json, random: Random, _: Asked) -> Json:
    """Tell a key twice, the second time with another value."""
    holder, key = _somewhere(content, random)
    if isinstance(holder, dict):
        holder[odd.again(random, key)] = odd.value(random)
    return content


def exchanged(content: Json, random: Random, _: Asked) -> Json:
    """Let two values change places."""
    one, here = _somewhere(content, random)
    copy = json.loads(json.dumps(content))
    other, there = _somewhere(copy, random)
    one[here] = other[there]
    return content


def strangers(content: Json, random: Random, _: Asked) -> Json:
    """Take from members what they are known by."""
    for member in _members(content):
        for key in random.sample(sorted(member), k=min(len(member), 9)):
            member[key] = random.choice((None, "", [], {}, 0, False, member[key]))
    return content


def total(content: Json, random: Random, _: Asked) -> Json:
    """Lie about how many there are."""
    return {**content, "total": random.choice(TOTALS)}


# From here on what is said is true, or plainly not said.


def short(content: Json, random: Random, _: Asked) -> Json:
    """Leave out members."""
    members = _members(content)
    kept = random.sample(members, k=random.randint(0, max(len(members) - 1, 0)))
    return {**content, "data": kept}


def twice(content: Json, random: Random, _: Asked) -> Json:
    """Tell members twice."""
    members = _members(content)
    more = random.sample(members, k=random.randint(0, len(members)))
    return {**content, "data": [*members, *more]}


def same_twice(content: Json, random: Random, _: Asked) -> Json:
    """Tell some members twice, and others not at all."""
    members = _members(content)
    return {**content, "data": [random.choice(members) for _ in members]}


def cursor(content: Json, random: Random, _: Asked) -> Json:
    """Give another cursor."""
    return {**content, "_next": random.choice(CURSORS)}


def own_cursor(content: Json, _: Random, asked: Asked) -> Json:
    """Give the cursor that was asked by."""
    return {**content, "_next": asked.start} if asked.start else content


def old_cursor(content: Json, random: Random, asked: Asked) -> Json:
    """Give a cursor that was asked by before, so that the scan goes in circles."""
    return (
        {**content, "_next": random.choice(asked.earlier)} if asked.earlier else content
    )


def new_cursor(content: Json, _: Random, asked: Asked) -> Json:
    """Give a cursor that nobody saw, for a page of nobody."""
    return {**content, "_next": f"t{asked.number}", "data": []}


def no_data(content: Json, random: Random, _: Asked) -> Json:
    """Give no data."""
    return {**content, "data": random.choice((None, [], {}, "", 0, False, [None]))}


def _members(content: Json) -> list[Any]:
    found = content.get("data")
    return [m for m in found if isinstance(m, dict)] if isinstance(found, list) else []


LYING: dict[str, Way] = {
    way.__name__: way
    for way in (value, name, lost, key_again, exchanged, strangers, total)
}
HONEST: dict[str, Way] = {
    way.__name__: way
    for way in (
        short,
        twice,
        same_twice,
        cursor,
        own_cursor,
        old_cursor,
        new_cursor,
        no_data,
    )
}
