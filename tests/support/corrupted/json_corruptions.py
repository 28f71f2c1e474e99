"""Corruptions of the JSON of a response.

The JSON is written as text, so that it can hold duplicate keys, invalid numbers and
everything else that `json` does not write.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from sandbox.http import Json

    from .wire import RequestInfo

    Corruption = Callable[[Any, Random, RequestInfo], Any]

PERSON = "jane.doe@example.com"
TEXTS = (
    *("", " ", "0", "-1", "x" * 300, "x" * 20_000, "NaN", "1e999999999", "1_000"),
    *(
        "t",
        "no",
        "\u0000",
        "\u0001\x1b[2J",
        "\u202e\u2028",
        "\U0001f9c0",
        "\uff11\u00b2",
    ),
    *("a,b", "a.b", "`", '"', "\\", "../..", "&start=x#", "vip_customers"),
    *("2015-13-45T99:00:00Z", "0001-01-01T00:00:00+14:00", "2026-02-03", "24:00"),
    *("9999-12-31T23:59:59.999999999-14:00", "2016-12-31T23:59:60Z", "now-1h"),
)
NAMES = (
    *("", "_member_id", "_sdc_deleted_at", "_id", "_modified", "a,b", "a.b", "`", "id"),
    *("\u0000", "\u202e", "x" * 9000, "email", "__proto__", "type", "as", "slug_name"),
)
RAW = (
    *(b"null", b"true", b"false", b"{}", b"[]", b"[[]]", b"[null]", b'{"":null}'),
    *(b"0", b"-0", b"-1", b"1.5", b"1e-400", b"1e308", b"1e400", b"-1e400"),
    *(b"NaN", b"Infinity", b"undefined", b"'x'", b"01", b"1_0", b"0x1", b""),
    *(b"9223372036854775808", b"123456789012345678901234567890", b"1" + b"0" * 400),
    *(b"1" + b"0" * 5000, b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83e\\uddc0"'),
    *(b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\t"', b'"\\x"', b'{"a":1,"a":[2]}'),
    *(b"[" * n + b"]" * n for n in (20, 200, 900, 940, 965, 990, 5000)),
    *(b'{"a":' * n + b"1" + b"}" * n for n in (150, 950, 5000)),
)
LEVELS = (b"[", b'{"a":')
MARKER = "\u0001raw:"
DUPLICATE = "\u0001duplicate:"


def any_value(random: Random) -> Json:
    """Pick a value; a marker stands for what `json` does not write."""
    if random.random() < 0.5:
        return f"{MARKER}{random.randrange(len(RAW))}"
    return random.choice((*TEXTS, random.randint(-9, 9), random.random(), [1, "a"]))


def duplicate_of(random: Random, key: str) -> str:
    """Return a key that `to_bytes` writes as this one, a second time."""
    return f"{DUPLICATE}{random.randrange(10**6)}:{key}"


def to_bytes(content: Json) -> bytes:
    """Write JSON, with the markers replaced by what they stand for."""
    text = json.dumps(content).encode()
    for number, raw in enumerate(RAW):
        text = text.replace(json.dumps(f"{MARKER}{number}").encode(), raw)
    return text if b"duplicate:" not in text else _with_duplicates(text)


def _with_duplicates(text: bytes) -> bytes:
    start = json.dumps(DUPLICATE)[:-1].encode()
    before, *rest = text.split(start)
    parts = [part.partition(b":")[2] for part in rest]
    return before + b"".join(b'"' + part for part in parts)


def is_near_depth_limit(text: bytes) -> bool:
    """Whether it depends on the caller's stack depth if the parser can read it."""
    return any(level * 900 in text and level * 2000 not in text for level in LEVELS)


def paths(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """List the paths of all values below the top."""
    items = list(content.items()) if isinstance(content, dict) else []
    items = list(enumerate(content)) if isinstance(content, list) else items
    found = [(*path, key) for key, _ in items]
    for key, inner in items:
        found += paths(inner, (*path, key))
    return found


CURSORS: tuple[Json, ...] = (
    *("A", "B", " ", "&start=x#", "\n", "\u00e9\u2028", "x" * 30_000, PERSON),
    *(0, 7, True, False, 1.5, [], ["A"], {}, {"a": 1}, None),
)
TOTALS: tuple[Json, ...] = (0, -1, 1, 10**9, 10**30, "5", None, True, 5.5, [], {})


def _container(content: Json, path: tuple[Any, ...]) -> Json:
    for step in path[:-1]:
        content = content[step]
    return content


def _pick(content: Json, random: Random) -> tuple[Json, Any]:
    """Pick a value, each depth alike; return its container and its key there."""
    found = paths(content)
    depth = random.choice(sorted({len(path) for path in found}))
    path = random.choice([path for path in found if len(path) == depth])
    return _container(content, path), path[-1]


def replaced_value(content: Json, random: Random, _: RequestInfo) -> Json:
    """Replace a value."""
    container, key = _pick(content, random)
    container[key] = any_value(random)
    return content


def renamed_key(content: Json, random: Random, _: RequestInfo) -> Json:
    """Rename a key."""
    container, key = _pick(content, random)
    if isinstance(container, dict):
        container[random.choice(NAMES)] = container.pop(key)
    return content


def removed_value(content: Json, random: Random, _: RequestInfo) -> Json:
    """Remove a value."""
    container, key = _pick(content, random)
    del container[key]
    return content


def duplicate_key(content: Json, random: Random, _: RequestInfo) -> Json:
    """Repeat a key with another value."""
    container, key = _pick(content, random)
    if isinstance(container, dict):
        container[duplicate_of(random, key)] = any_value(random)
    return content


def swapped_values(content: Json, random: Random, _: RequestInfo) -> Json:
    """Replace a value by another one of the content."""
    one, here = _pick(content, random)
    copy = json.loads(json.dumps(content))
    other, there = _pick(copy, random)
    one[here] = other[there]
    return content


def missing_identities(content: Json, random: Random, _: RequestInfo) -> Json:
    """Empty identity fields and other values of members."""
    for member in _members(content):
        for key in random.sample(sorted(member), k=min(len(member), 9)):
            member[key] = random.choice((None, "", [], {}, 0, False, member[key]))
    return content


def wrong_total(content: Json, random: Random, _: RequestInfo) -> Json:
    """Change the total."""
    return {**content, "total": random.choice(TOTALS)}


def missing_members(content: Json, random: Random, _: RequestInfo) -> Json:
    """Omit members."""
    members = _members(content)
    kept = random.sample(members, k=random.randint(0, max(len(members) - 1, 0)))
    return {**content, "data": kept}


def repeated_members(content: Json, random: Random, _: RequestInfo) -> Json:
    """Repeat members."""
    members = _members(content)
    more = random.sample(members, k=random.randint(0, len(members)))
    return {**content, "data": [*members, *more]}


def resampled_members(content: Json, random: Random, _: RequestInfo) -> Json:
    """Replace members by others of the page."""
    members = _members(content)
    return {**content, "data": [random.choice(members) for _ in members]}


def other_cursor(content: Json, random: Random, _: RequestInfo) -> Json:
    """Change the cursor."""
    return {**content, "_next": random.choice(CURSORS)}


def same_cursor(content: Json, _: Random, request: RequestInfo) -> Json:
    """Return the cursor of the request."""
    return {**content, "_next": request.cursor} if request.cursor else content


def earlier_cursor(content: Json, random: Random, request: RequestInfo) -> Json:
    """Return an earlier cursor, so that the scan loops."""
    return (
        {**content, "_next": random.choice(request.earlier_cursors)}
        if request.earlier_cursors
        else content
    )


def endless_cursor(content: Json, _: Random, request: RequestInfo) -> Json:
    """Return an empty page with a new cursor."""
    return {**content, "_next": f"t{request.number}", "data": []}


def no_data(content: Json, random: Random, _: RequestInfo) -> Json:
    """Return no data."""
    return {**content, "data": random.choice((None, [], {}, "", 0, False, [None]))}


def _members(content: Json) -> list[Any]:
    found = content.get("data")
    return [m for m in found if isinstance(m, dict)] if isinstance(found, list) else []


# What these say of the members and their number is false.
FALSE: dict[str, Corruption] = {
    each.__name__: each
    for each in (
        *(replaced_value, renamed_key, removed_value, duplicate_key, swapped_values),
        *(missing_identities, wrong_total),
    )
}
# These omit members, repeat them or lose the cursor, but claim nothing false.
TRUTHFUL: dict[str, Corruption] = {
    each.__name__: each
    for each in (
        *(missing_members, repeated_members, resampled_members, other_cursor),
        *(same_cursor, earlier_cursor, endless_cursor, no_data),
    )
}
