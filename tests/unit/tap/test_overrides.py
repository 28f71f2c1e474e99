"""Types that a catalog gives to fields, and the conversion of values to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_lytics.overrides import OverrideError, overridden_type
from tap_lytics.records import (
    SCALARS,
    Field,
    FieldType,
    MismatchCounter,
    RecordBuilder,
    TypeMismatchError,
    field_type,
)

KEY = "0" * 32
TYPES = (*SCALARS, "[]string", "[]time", "map[string]int", "dynamic", "")


def type_of(lytics_type: str, schema: dict[str, Any]) -> FieldType:
    found = overridden_type(Field(name="x", type=lytics_type, schema=schema))
    assert found is not None
    return found


@pytest.mark.parametrize("lytics_type", TYPES)
def test_own_schema_of_lytics_type_is_no_override(lytics_type: str) -> None:
    schema = {**field_type(lytics_type).schema, "title": "X", "description": "Y"}

    assert not overridden_type(Field(name="x", type=lytics_type, schema=schema))
    assert not overridden_type(Field(name="x", type=lytics_type))


DATE_TIME = {"type": ["string", "null"], "format": "date-time"}
DATE = {"type": "string", "format": "date"}


@pytest.mark.parametrize(
    ("lytics_type", "schema", "value", "expected"),
    [
        ("number", {"type": ["string", "null"]}, 0.42, "0.42"),
        ("number", {"type": "string"}, "0.42", "0.42"),
        ("number", {"type": "string"}, "n/a", "n/a"),
        ("number", {"type": ["null", "integer"]}, "33.0", 33),
        ("int", {"type": "number"}, "33", 33),
        ("int", {"type": "string"}, 33, "33"),
        ("int", {"type": "boolean"}, 1, True),
        ("bool", {"type": "string"}, "t", "true"),
        ("string", {"type": "integer"}, "1001", 1001),
        ("string", {"type": ["integer", "string"]}, "1001", "1001"),
        ("string", {"type": "array", "items": {"type": "string"}}, "a", ["a"]),
        (
            "date",
            {"type": "string"},
            "2026-01-31T08:00:00+01:00",
            "2026-01-31T07:00:00Z",
        ),
        ("date", DATE, "2026-01-31T08:00:00.5Z", "2026-01-31"),
        ("string", DATE_TIME, "2026-01-31", "2026-01-31T00:00:00Z"),
        ("[]string", {"type": "array", "items": {"type": "integer"}}, ["1"], [1]),
        ("[]string", {"type": "string"}, ["a", "b"], '["a","b"]'),
        ("map[string]int", {"type": "string"}, {"a": "1"}, '{"a":1}'),
        (
            "map[string]int",
            {"type": "object", "additionalProperties": {"type": "string"}},
            {"a": 1},
            {"a": "1"},
        ),
        ("number", {"anyOf": [{"type": "string"}, {"type": "null"}]}, 1.5, "1.5"),
        (
            "date",
            {"oneOf": [{"type": "null"}, DATE]},
            "2026-01-31T00:00:00Z",
            "2026-01-31",
        ),
        ("string", {"type": "string", "maxLength": 3}, "abc", "abc"),
        ("string", {"enum": ["gold", None]}, "gold", "gold"),
        ("int", {"type": ["integer", "null"], "minimum": 0}, "7", 7),
        ("dynamic", {"type": "object"}, {"a": [1]}, {"a": [1]}),
        ("", {"type": "integer"}, "7", 7),
        ("number", {}, "7.5", 7.5),
    ],
    ids=str,
)
def test_value_is_converted_to_catalogs_type(
    lytics_type: str, schema: dict[str, Any], value: object, expected: object
) -> None:
    converted = type_of(lytics_type, schema).convert(value)

    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("lytics_type", "schema", "value"),
    [
        ("number", {"type": "integer"}, 0.5),
        ("string", {"type": "integer"}, "many"),
        ("string", DATE_TIME, "soon"),
        ("string", {"type": "string", "maxLength": 3}, "abcd"),
        ("string", {"type": "string", "pattern": "^[a-z]+$"}, "A"),
        ("string", {"type": "string", "format": "ipv4"}, "localhost"),
        ("int", {"type": "integer", "maximum": 10}, 11),
        ("string", {"enum": ["gold"]}, "silver"),
        ("[]string", {"type": "array", "maxItems": 1}, ["a", "b"]),
        ("dynamic", {"type": "object"}, "text"),
    ],
    ids=str,
)
def test_value_that_does_not_fit_is_a_mismatch(
    lytics_type: str, schema: dict[str, Any], value: object
) -> None:
    with pytest.raises(TypeMismatchError):
        type_of(lytics_type, schema).convert(value)


@pytest.mark.parametrize(
    ("lytics_type", "schema", "reason"),
    [
        ("date", {"type": "integer"}, "type integer, to which values of the Lytics"),
        ("[]string", {"type": ["number", "null"]}, "type number"),
        ("map[string]int", {"type": "boolean"}, "type boolean"),
        ("bool", {"type": "integer"}, "Lytics type bool"),
        ("int", {"type": "object"}, "type object"),
        ("number", DATE_TIME, "type date-time"),
        ("dynamic", {"type": ["null"]}, "type null"),
        ("string", {"type": "text"}, "no valid JSON Schema"),
        ("string", {"type": 7}, "no valid JSON Schema"),
        ("string", {"type": "string", "maxLength": -1}, "no valid JSON Schema"),
        ("string", {"type": "string", "pattern": "("}, "no valid JSON Schema"),
        ("string", {"$ref": "#/nowhere"}, "no valid JSON Schema"),
        ("string", {"anyOf": "string"}, "no valid JSON Schema"),
        ("string", {"type": ["string", "null"], "title": 7}, "no valid JSON Schema"),
    ],
    ids=str,
)
def test_unusable_type_is_refused(
    lytics_type: str, schema: dict[str, Any], reason: str
) -> None:
    with pytest.raises(OverrideError, match=reason):
        type_of(lytics_type, schema)


def builder_of(field: Field, **more: Any) -> RecordBuilder:  # noqa: ANN401 - passed on
    found = overridden_type(field)
    assert found is not None
    return RecordBuilder(
        [field],
        identities=["email"],
        mismatches=MismatchCounter(report=lambda *_: None),
        overrides={field.name: found},
        **more,
    )


@pytest.mark.parametrize(
    ("schema", "profile", "expected"),
    [
        ({"type": "string"}, {}, {}),
        ({"type": "string"}, {"ltv": None}, {}),
        ({"type": ["string", "null"]}, {}, {"ltv": None}),
        ({"type": ["string", "null"]}, {"ltv": 1.5}, {"ltv": "1.5"}),
        ({"enum": ["1.5"]}, {}, {}),
        ({"type": "integer"}, {"ltv": 1.5}, {}),
        ({}, {}, {"ltv": None}),
    ],
    ids=str,
)
def test_record_fits_catalogs_type(
    schema: dict[str, Any], profile: dict[str, Any], expected: dict[str, Any]
) -> None:
    builder = builder_of(
        Field(name="ltv", type="number", schema=schema), with_exits=False
    )

    assert builder.record(profile, KEY) == {"_member_id": KEY, **expected}


@pytest.mark.parametrize(
    ("schema", "stored", "expected"),
    [
        ({"type": "integer"}, '["1001"]', {"id": 1001}),
        ({"type": "integer"}, "[1001]", {"id": 1001}),
        ({"type": "integer"}, "[null]", {}),
        ({"type": "integer"}, '["x"]', {}),
        ({"type": ["integer", "null"]}, '["x"]', {"id": None}),
        ({"type": ["null", "number"]}, "[null]", {"id": None}),
    ],
    ids=str,
)
def test_exit_record_fits_catalogs_type(
    schema: dict[str, Any], stored: str, expected: dict[str, Any]
) -> None:
    field = Field(name="id", type="string", schema=schema)
    builder = builder_of(field, with_exits=True, required=[field])

    record = builder.exit_record(KEY, stored, datetime(2026, 1, 2, tzinfo=UTC))

    mark = {"_sdc_deleted_at": "2026-01-02T00:00:00Z"}
    assert record == {"_member_id": KEY, **expected, **mark}


def test_override_does_not_change_required_values() -> None:
    field = Field(name="id", type="string", schema={"type": "integer"})

    builder = builder_of(field, with_exits=True, required=[field])

    assert builder.required({"id": "1001"}) == ["1001"]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["7", "0.5", "t", "2026-01-31", "2026-01-31T08:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
SIMPLE = st.sampled_from(["string", "integer", "number", "boolean", "array", "object"])
SCHEMAS = st.builds(
    lambda types, extra: {"type": [*types], **extra},
    st.lists(SIMPLE | st.just("null"), min_size=1, max_size=3, unique=True),
    st.sampled_from(
        [
            *({}, {"format": "date-time"}, {"format": "date"}, {"maxLength": 2}),
            {"items": {"type": "integer"}},
            {"additionalProperties": {"type": "string"}},
        ]
    ),
)


@given(lytics_type=st.sampled_from(TYPES), schema=SCHEMAS, value=JSON_VALUES)
def test_any_record_fits_any_catalog(
    lytics_type: str, schema: dict[str, Any], value: object
) -> None:
    field = Field(name="x", type=lytics_type, schema=schema)
    try:
        overridden = overridden_type(field)
    except OverrideError:
        return
    builder = RecordBuilder(
        [field],
        identities=[],
        mismatches=MismatchCounter(report=lambda *_: None),
        with_exits=False,
        overrides={"x": overridden} if overridden else {},
    )

    record = builder.record({"x": value}, KEY)

    validator = jsonschema_rs.validator_for(
        {"properties": {"x": schema}}, validate_formats=True
    )
    assert validator.is_valid(record), record
