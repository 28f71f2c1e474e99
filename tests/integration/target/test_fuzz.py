"""Malformed input of any kind gives a clear error or a reject, never a traceback."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Options, Sandbox
from support.singer import activate, left, record, schema, state
from support.target_in_process import run_in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import DrawFn

ANY = {"type": ["object", "array", "string", "number", "boolean", "null"]}
MORE = dict.fromkeys(("score", "born", "agrees", "rest"), ANY)
REST = {
    "fields": [{"name": "Size", "value": "L"}],
    "channels": [1, 2],
    "deep": {"b": [1, "x"]},
}
GOOD = (
    schema(keys=("id",), **MORE),
    state(0),
    record(1001, company="Käse & Söhne", email="a@example.com", version=1),
    record("1002", score=1.25, born="2001-02-03", agrees="yes", rest=REST),
    record(None, email="new@example.com", first_name="N", last_name="E", tier="gold"),
    left(1003),
    state(4),
    schema(keys=("id",), **MORE, further=ANY),
    record(1004, company=None, version=1),
    activate(1),
    state(5),
)
MAPPING = {
    "map_standard_fields": [
        *(
            {"from": name, "to": name}
            for name in ("email", "first_name", "last_name", "company", "phone")
        ),
        {"from": "tier", "to": "customer_group_id", "values": {"gold": 7}},
        {"from": "rest.fields", "to": "form_fields"},
        {"from": "rest.channels", "to": "channel_ids"},
        {"from": "score", "to": "store_credit_amounts"},
        {"from": "agrees", "to": "accepts_product_review_abandoned_cart_emails"},
    ],
    "map_custom_attributes": [
        {"from": "score", "to": "Score", "type": "number"},
        {"from": "born", "to": "Born", "type": "date"},
        {"from": "rest.deep.b", "to": "Rest"},
    ],
}
SETTINGS = {
    "id_field": "id",
    "audience_attribute": "Audience",
    "on_missing_id": "create",
    "on_exit": "clear",
    "on_null": "clear",
    "batch_size_rows": 2,
    "request_timeout_seconds": 30,
}

numbers = st.integers() | st.floats() | st.sampled_from([10**30, -1, 0, 2**63, 1e300])
scalars = st.none() | st.booleans() | numbers | st.text(max_size=20)
unusual = st.sampled_from(
    [
        *("", " ", "\u0000", "x" * 300, "NaN", "1_000", "0x1", "1e999999999", "1001"),
        *("\uff11\uff12", "no", "a@b,c", "a@b", "gold", "🧀"),
        *("2001-99-99", "2001-02-03T04:05Z"),
    ]
)
values = st.recursive(
    scalars | unusual,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """One store for all tests, without a limit."""
    with Sandbox(Options(members=30, quota=10**9, journal_length=10)) as opened:
        yield opened


@pytest.fixture(scope="module")
def config(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Map every field to every type of value."""
    folder = tmp_path_factory.mktemp("fuzz")
    files = {
        "rejects_path": str(folder / "rejects.jsonl"),
        "summary_path": str(folder / "summary.json"),
    }
    return box.target_config(**SETTINGS, **MAPPING, **files)


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """Yield the path of every value in a message."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, inner in items:
        yield from paths_in(inner, (*path, key))


@st.composite
def altered_messages(draw: DrawFn) -> bytes:
    """Good messages with changed values, keys and order, then changed bytes."""
    messages: list[Any] = deepcopy(list(GOOD))
    for _ in range(draw(st.integers(1, 3))):
        alter(draw, messages)
    text = "\n".join(json.dumps(message) for message in messages).encode() + b"\n"
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 1, 2]))):
        text = alter_bytes(draw, text)
    return text


def alter(draw: DrawFn, messages: list[Any]) -> None:
    """Change one value or key, mostly in a record, or the order of messages."""
    at = draw(st.integers(0, len(messages) - 1))
    kind = draw(
        st.sampled_from([*["record"] * 6, "value", "key", "order", "duplicate"])
    )
    if kind == "order":
        messages.insert(draw(st.integers(0, len(messages) - 1)), messages.pop(at))
    elif kind == "duplicate":
        messages.insert(at, deepcopy(messages[at]))
    else:
        found = [(at, *path) for path in paths_in(messages[at])]
        found = paths_in_records(messages) if kind == "record" else found
        if found:
            path = draw(st.sampled_from(found))
            replace_at(draw, messages, path, is_key=kind == "key")


def paths_in_records(messages: list[Any]) -> list[tuple[Any, ...]]:
    """Return the paths of all values in records."""
    return [
        (at, "record", *path)
        for at, message in enumerate(messages)
        if isinstance(message, dict) and isinstance(message.get("record"), dict)
        for path in paths_in(message["record"])
        if path
    ]


def replace_at(
    draw: DrawFn, messages: list[Any], path: tuple[Any, ...], *, is_key: bool
) -> None:
    """Replace the value at a path, or rename its key."""
    *parents, last = path
    holder: Any = messages
    for step in parents:
        holder = holder[step]
    if is_key and isinstance(holder, dict):
        holder[draw(st.text(max_size=6))] = holder.pop(last)
    else:
        holder[last] = draw(values)


def alter_bytes(draw: DrawFn, text: bytes) -> bytes:
    """Remove bytes, or replace them."""
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 40)))
    return text[:start] + draw(st.binary(max_size=4)) + text[end:]


def test_unaltered_messages_succeed(config: dict[str, Any]) -> None:
    text = "".join(json.dumps(message) + "\n" for message in GOOD)

    assert run_in_process(text.encode(), config).status == 0


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(text=altered_messages())
def test_altered_messages_end_the_run_in_order(
    text: bytes, config: dict[str, Any]
) -> None:
    run_in_process(text, config)


@pytest.mark.nightly
@pytest.mark.timeout(6 * 3600)
@settings(max_examples=100_000, suppress_health_check=[HealthCheck.too_slow])
@given(text=altered_messages())
def test_many_altered_messages_end_the_run_in_order(
    text: bytes, config: dict[str, Any]
) -> None:
    run_in_process(text, config)


@pytest.mark.guarantee("invalid-input-writes-nothing")
@settings(max_examples=60)
@given(text=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_end_the_run_in_order(text: bytes, config: dict[str, Any]) -> None:
    run_in_process(text, config)
