"""Singer messages that tests send to the target."""

from __future__ import annotations

from typing import Any

STREAM = "vip"
FIELDS = ("email", "first_name", "last_name", "company", "phone", "tier", "member")
ID_TYPES = ["integer", "string", "boolean", "number", "null"]

Message = dict[str, Any]


def schema(
    *, stream: str = STREAM, keys: tuple[str, ...] = (), **more: object
) -> Message:
    """A SCHEMA of members, with further properties."""
    properties = {name: {"type": ["string", "null"]} for name in FIELDS}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {
            "type": "object",
            "properties": {"id": {"type": ID_TYPES}, **properties, **more},
        },
        "key_properties": list(keys),
    }


def record(
    customer_id: object,
    *,
    stream: str = STREAM,
    version: int | None = None,
    **fields: object,
) -> Message:
    """A RECORD of a member."""
    message = {
        "type": "RECORD",
        "stream": stream,
        "record": {"id": customer_id, **fields},
    }
    return message if version is None else {**message, "version": version}


def left(customer_id: object, **fields: object) -> Message:
    """A RECORD of a member who left."""
    message = record(customer_id, _sdc_deleted_at="2026-01-01T00:00:00Z")
    message["record"] |= fields
    return message


def state(n: int) -> Message:
    """A STATE that covers n records."""
    return {"type": "STATE", "value": {"n": n}}


def activate(version: int, *, stream: str = STREAM) -> Message:
    """An ACTIVATE_VERSION: all records of the version were sent."""
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def companies(first: int, count: int, *, name: str = "New") -> list[Message]:
    """A RECORD with a new company for each customer, each followed by a STATE."""
    return [
        message
        for n in range(first, first + count)
        for message in (record(1001 + n, company=f"{name} {n}"), state(n + 1))
    ]
