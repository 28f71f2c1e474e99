"""From a field's Lytics type to its JSON Schema and its conversion. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .account import Field
    from .values import Convert

KEY = "_member_id"
DELETED_AT = "_sdc_deleted_at"
MODIFIED = "_modified"

ANY = ("string", "number", "boolean", "object", "array", "null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What becomes of a Lytics type: the schema, and how a value comes to fit it.

    A value of the type `exact` fits as it is.
    """

    schema: dict[str, Any]
    convert: Convert
    exact: type | None = None


TEXT = Kind(schema={"type": ["string", "null"]}, convert=values.to_text, exact=str)
INTEGER = Kind(schema={"type": ["integer", "null"]}, convert=values.to_integer)
NUMBER = Kind(
    schema={"type": ["number", "null"]}, convert=values.to_number, exact=float
)
BOOLEAN = Kind(
    schema={"type": ["boolean", "null"]}, convert=values.to_boolean, exact=bool
)
TIME = Kind(
    schema={"type": ["string", "null"], "format": "date-time"}, convert=values.to_time
)
OPEN = Kind(schema={"type": list(ANY)}, convert=values.as_it_comes)

SCALARS = {
    "string": TEXT,
    "bool": BOOLEAN,
    "int": INTEGER,
    "intsum": INTEGER,
    "number": NUMBER,
    "float": NUMBER,
    "date": TIME,
    "time": TIME,
    "datetime": TIME,
}


def kind_of(lytics_type: str) -> Kind:
    """Pick what becomes of a type; an unknown one is left open rather than guessed."""
    prefix, bracket, inner = lytics_type.rpartition("]")
    if prefix in {"[", "ts["} and inner in SCALARS:
        return _set_of(SCALARS[inner])
    if f"{prefix}{bracket}" == "map[string]":
        return _map_of(SCALARS.get(inner, OPEN))
    return SCALARS.get(lytics_type, OPEN)


def property_schema(field: Field) -> dict[str, Any]:
    """Write a field's schema, titled with the account's own label."""
    schema = kind_of(field.type).schema
    return {**schema, "title": field.label} if field.label else dict(schema)


def stream_schema(fields: Iterable[Field], *, with_exits: bool) -> dict[str, Any]:
    """Write the schema of an audience's records.

    Args:
        fields: the account's fields.
        with_exits: whether records may say that a member left (`_sdc_deleted_at`).
    """
    properties: dict[str, Any] = {KEY: {"type": ["string"]}}
    for field in fields:
        properties.setdefault(field.name, property_schema(field))
    if with_exits:
        properties[DELETED_AT] = dict(TIME.schema)
    return {"type": "object", "properties": properties}


def _set_of(item: Kind) -> Kind:
    one = {**item.schema, "type": item.schema["type"][0]}
    return Kind(
        schema={"type": ["array", "null"], "items": one},
        convert=values.to_list(item.convert, item.exact),
    )


def _map_of(item: Kind) -> Kind:
    return Kind(
        schema={"type": ["object", "null"], "additionalProperties": item.schema},
        convert=values.to_map(item.convert, item.exact),
    )
