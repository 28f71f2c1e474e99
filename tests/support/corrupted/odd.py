"""JSON that is odd, dangerous or none: written as text, so that any of it can be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

    from sandbox.http import Json

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
MARK = "\u0001raw:"
AGAIN = "\u0001again:"


def value(random: Random) -> Json:
    """Pick a value; a mark stands for what `json` would not write."""
    if random.random() < 0.5:
        return f"{MARK}{random.randrange(len(RAW))}"
    return random.choice((*TEXTS, random.randint(-9, 9), random.random(), [1, "a"]))


def again(random: Random, key: str) -> str:
    """Make a key that will be written as this one, a second time."""
    return f"{AGAIN}{random.randrange(10**6)}:{key}"


def to_bytes(content: Json) -> bytes:
    """Write JSON, the marks as what they stand for."""
    text = json.dumps(content).encode()
    for number, raw in enumerate(RAW):
        text = text.replace(json.dumps(f"{MARK}{number}").encode(), raw)
    return text if b"again:" not in text else _doubled(text)


def _doubled(text: bytes) -> bytes:
    start = json.dumps(AGAIN)[:-1].encode()
    before, *rest = text.split(start)
    parts = [part.partition(b":")[2] for part in rest]
    return before + b"".join(b'"' + part for part in parts)


def is_at_the_bound(text: bytes) -> bool:
    """Say whether it is so deep that it depends on the caller who can still read it."""
    return any(level * 900 in text and level * 2000 not in text for level in LEVELS)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """List every place below the top, by its way down."""
    items = list(content.items()) if isinstance(content, dict) else []
    items = list(enumerate(content)) if isinstance(content, list) else items
    found = [(*path, key) for key, _ in items]
    for key, inner in items:
        found += places(inner, (*path, key))
    return found
