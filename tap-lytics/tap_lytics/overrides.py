"""Types that a catalog gives to fields instead of the types of Lytics.

Values are converted to them, so that records fit the SCHEMA that is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR

from .records import (
    FieldType,
    TypeMismatchError,
    encode,
    field_type,
    to_any,
    to_boolean,
    to_integer,
    to_list,
    to_map,
    to_number,
    to_text,
    to_time,
)

if TYPE_CHECKING:
    from .records import JSON, Convert, Field

Schema = Mapping[str, Any]

ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated"})
TEXTS = ("title", "description")
PLAIN = ANNOTATIONS | {"type", "format"}
DAY_LENGTH = len("2026-01-31")
SAMPLES: tuple[object, ...] = ("", 0, 0.5, True, None, [], {}, ["x"], {"x": "x"})
# The kinds to which values of each kind can ever be converted. `string` is always one.
POSSIBLE: dict[str, frozenset[str]] = {
    "any": frozenset(
        {"date-time", "date", "integer", "number", "boolean", "array", "object"}
    ),
    "string": frozenset({"date-time", "date", "integer", "number", "boolean", "array"}),
    "date-time": frozenset({"date-time", "date", "array"}),
    "integer": frozenset({"integer", "number", "boolean", "array"}),
    "number": frozenset({"integer", "number", "boolean", "array"}),
    "boolean": frozenset({"boolean", "array"}),
    "array": frozenset({"array"}),
    "object": frozenset({"object", "array"}),
}
KIND_OF_VALUE: dict[type, frozenset[str]] = {
    str: frozenset({"string", "date-time", "date"}),
    bool: frozenset({"boolean"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"number"}),
    list: frozenset({"array"}),
    dict: frozenset({"object"}),
}


class OverrideError(ValueError):
    """The type cannot be used. The text says why, and completes `it has …`."""


def overridden_type(field: Field) -> FieldType | None:
    """Return the type that a catalog gives a field; None if it is that of Lytics.

    Raises:
        OverrideError: when no value could be converted to it.
    """
    base = field_type(field.type)
    if field.schema is None:
        return None
    is_own = _without_annotations(field.schema) == base.schema
    if is_own and all(isinstance(field.schema.get(name, ""), str) for name in TEXTS):
        return None
    _require_valid(field.schema)
    if is_own:
        return None
    kinds = [_kind(each) for each in _alternatives(field.schema)]
    given = _kind(base.schema)
    possible = {*POSSIBLE[given], "string", "any"}
    if not possible.intersection(kinds):
        named = " or ".join(kind for kind in kinds if kind != "null") or "null"
        raise OverrideError(
            f"the type {named}, to which values of the Lytics type"
            f" {field.type or given} cannot be converted"
        )
    return FieldType(
        schema=dict(field.schema),
        convert=_after(base, _to_schema(field.schema)),
        is_nullable=_validation(field.schema)(None),
    )


def _after(base: FieldType, convert: Convert) -> Convert:
    def convert_both(value: JSON) -> JSON:
        try:
            value = value if type(value) is base.exact else base.convert(value)
        except TypeMismatchError:  # The catalog may know better than Lytics.
            value = to_any(value)
        return convert(value)

    return convert_both


def _to_schema(schema: Schema) -> Convert:
    """Build the conversion of values to a schema."""
    converts = [(_kind(each), _to_kind(each)) for each in _alternatives(schema)]
    fits = _fits_always if _is_plain(schema) else _validation(schema)

    def convert(value: JSON) -> JSON:
        own = KIND_OF_VALUE.get(type(value), frozenset())
        # Stable, so that of other kinds the first that fits is taken.
        for _, each in sorted(converts, key=lambda pair: pair[0] not in own):
            try:
                result = each(value)
            except TypeMismatchError:
                continue
            if fits(result):
                return result
        raise TypeMismatchError

    return convert


def _to_kind(schema: Schema) -> Convert:
    kind = _kind(schema)
    if kind == "array":
        return to_list(_to_inner(schema.get("items")))
    if kind == "object":
        return to_map(_to_inner(schema.get("additionalProperties")))
    return SCALARS[kind]


def _to_inner(schema: object) -> Convert:
    return _to_schema(schema) if isinstance(schema, Mapping) else to_any


def _to_string(value: JSON) -> str:
    """Write lists and objects as JSON."""
    return encode(value).decode() if isinstance(value, (list, dict)) else to_text(value)


def _to_date(value: JSON) -> str:
    return to_time(value)[:DAY_LENGTH]


def _to_null(value: JSON) -> None:
    if value is not None:
        raise TypeMismatchError


SCALARS: dict[str, Convert] = {
    "any": to_any,
    "null": _to_null,
    "string": _to_string,
    "date-time": to_time,
    "date": _to_date,
    "integer": to_integer,
    "number": to_number,
    "boolean": to_boolean,
}


# Reading a JSON Schema.


def _alternatives(schema: Schema) -> list[Schema]:
    """Split a schema into alternatives with at most one type each."""
    types = schema.get("type")
    if isinstance(types, list):
        return [{**schema, "type": each} for each in types]
    if types is None:
        for name in ("anyOf", "oneOf"):
            if schema.get(name):
                return [a for each in schema[name] for a in _alternatives(each)]
    return [schema]


def _kind(schema: Schema) -> str:
    """Return the type of a schema, or its format if that is one of times."""
    types = schema.get("type", "any")
    kind = types[0] if isinstance(types, list) else types
    if isinstance(types, list) and len(types) > 2:  # noqa: PLR2004 - one, and null
        return "any"
    form = schema.get("format")
    return str(form if kind == "string" and form in {"date-time", "date"} else kind)


def _without_annotations(schema: Schema) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in ANNOTATIONS}


def _is_plain(schema: Schema) -> bool:
    """Whether the conversion alone makes sure that a value fits."""
    kinds = {_kind(each) for each in _alternatives(schema)}
    is_known = schema.get("format") in {None, "date-time", "date"}
    return PLAIN.issuperset(schema) and is_known and not kinds & {"array", "object"}


def _fits_always(_: object) -> bool:
    return True


def _validation(schema: Schema) -> Callable[[object], bool]:
    checker = DEFAULT_JSONSCHEMA_VALIDATOR.FORMAT_CHECKER
    validator = DEFAULT_JSONSCHEMA_VALIDATOR(schema, format_checker=checker)

    def fits(value: object) -> bool:
        return bool(validator.is_valid(value))

    return fits


def _require_valid(schema: Schema) -> None:
    try:
        DEFAULT_JSONSCHEMA_VALIDATOR.check_schema(schema)
        fits = _validation(schema)
        for sample in SAMPLES:  # Finds references and patterns that fail only in use.
            fits(sample)
    except Exception:  # noqa: BLE001 - of several libraries
        raise OverrideError("a schema that is no valid JSON Schema") from None
