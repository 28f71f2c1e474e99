"""Singer messages for scenarios that run the target alone."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]

STREAM = "vip"
NAMES = ("email", "first_name", "last_name", "company", "phone", "notes", "tier")
ANY_ID = ["integer", "string", "boolean", "number", "null"]


def schema(*, stream: str = STREAM, **more: object) -> Message:
    """Build a SCHEMA; further properties by keyword."""
    properties: dict[str, Any] = {name: {"type": ["string", "null"]} for name in NAMES}
    properties |= {"id": {"type": ANY_ID}, "any": {}, **more}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": properties},
        "key_properties": [],
    }


def record(
    customer_id: object,
    *,
    stream: str = STREAM,
    version: int | None = None,
    **fields: object,
) -> Message:
    """Build the RECORD of a member."""
    message: Message = {
        "type": "RECORD",
        "stream": stream,
        "record": {"id": customer_id, **fields},
    }
    return message if version is None else {**message, "version": version}


def left(customer_id: object) -> Message:
    """Build the RECORD of a member who left."""
    return record(customer_id, _sdc_deleted_at="2026-01-01T00:00:00Z")


def state(n: int) -> Message:
    """Build a STATE."""
    return {"type": "STATE", "value": {"n": n}}


def activate(version: int, *, stream: str = STREAM) -> Message:
    """Build an ACTIVATE_VERSION."""
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def companies(count: int, *, name: str = "New") -> list[Message]:
    """Build RECORDs with a company each, and a STATE after every tenth."""
    messages: list[Message] = []
    for n in range(count):
        messages.append(record(1001 + n, company=f"{name} {n}"))
        if n % 10 == 9:
            messages.append(state(n + 1))
    return [*messages, state(count)]
