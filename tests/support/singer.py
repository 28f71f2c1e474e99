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
    """Announce a stream of members; further properties by keyword."""
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
    """Tell of a member."""
    message = {
        "type": "RECORD",
        "stream": stream,
        "record": {"id": customer_id, **fields},
    }
    return message if version is None else {**message, "version": version}


def left(customer_id: object, **fields: object) -> Message:
    """Tell of a member who left."""
    message = record(customer_id, _sdc_deleted_at="2026-01-01T00:00:00Z")
    message["record"] |= fields
    return message


def state(n: int) -> Message:
    """Close what came so far, as the tap's n-th record."""
    return {"type": "STATE", "value": {"n": n}}


def activate(version: int, *, stream: str = STREAM) -> Message:
    """Say that a version is whole."""
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def companies(first: int, count: int, *, name: str = "New") -> list[Message]:
    """Give so many customers a company each, with a state after every record."""
    return [
        message
        for n in range(first, first + count)
        for message in (record(1001 + n, company=f"{name} {n}"), state(n + 1))
    ]
