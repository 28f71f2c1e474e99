"""The messages that the tap sends, starting at the last STATE."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .entries import FIELDS
from .population import STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .scenario import Scenario

Message = dict[str, Any]
ID_TYPES = ["integer", "string", "boolean", "number", "null"]


def sent(scenario: Scenario, begun: int, *, version: int) -> bytes:
    """Return the input of a process that resumes after `begun` records."""
    messages = _messages(scenario, begun, version)
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def _messages(scenario: Scenario, begun: int, version: int) -> Iterator[Message]:
    yield from map(_schema, STREAMS)
    # The version of a resumed scan is never activated.
    activates = scenario.versions and not begun
    if activates and scenario.stock_order:
        yield from (_activation(stream, version) for stream in STREAMS)
    for entry in scenario.entries[begun:]:
        record = {"type": "RECORD", "stream": entry.stream, "record": entry.record}
        yield {**record, "version": version} if scenario.versions else record
        if entry.n in scenario.schema_after:
            yield _schema(entry.stream, more=f"more{entry.n}")
        if entry.n in scenario.state_after:
            yield {"type": "STATE", "value": {"n": entry.n + 1}}
    if activates:
        yield from (_activation(stream, version) for stream in STREAMS)


def _activation(stream: str, version: int) -> Message:
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def _schema(stream: str, more: str = "more") -> Message:
    names = ("email", *FIELDS, "tier", "score", more)
    properties: Message = {name: {"type": ["string", "null"]} for name in names}
    properties |= {"id": {"type": ID_TYPES}, "n": {"type": "integer"}}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": properties},
        "key_properties": ["n"],
    }
