"""A malformed message ends the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from target_bigcommerce.errors import InputError
from target_bigcommerce.reader import (
    check_record,
    check_schema,
    check_state,
    check_version,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Message = dict[str, Any]


def schema_of(properties: object) -> Message:
    return {"stream": "vip", "schema": {"properties": properties}}


SCHEMA = schema_of({"id": {}})
RECORD: Message = {"stream": "vip", "record": {}}


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (check_schema, SCHEMA),
        (check_schema, {**SCHEMA, "key_properties": None}),
        (check_schema, {**SCHEMA, "key_properties": ["id"]}),
        (check_schema, schema_of({"id": True, "a": 1, "b": None})),
        (check_schema, {**SCHEMA, "schema": {"$ref": "#/definitions/row"}}),
        (check_schema, {**SCHEMA, "schema": {"additionalProperties": True}}),
        (check_record, RECORD),
        (check_record, {**RECORD, "version": None}),
        (check_record, {**RECORD, "version": 1_780_000_000_000}),
        (check_version, {"stream": "vip", "version": 1}),
        *((check_state, {"value": value}) for value in ({}, None, [], "a", 5, False)),
    ],
)
def test_complete_message_is_accepted(
    check: Callable[[Message], None], message: Message
) -> None:
    check(message)


@pytest.mark.parametrize(
    ("check", "message", "error"),
    [
        (check_schema, {**SCHEMA, "stream": ""}, "names no stream"),
        (check_schema, {**SCHEMA, "stream": 5}, "names no stream"),
        (check_schema, {"stream": "vip"}, "SCHEMA of stream vip has no properties"),
        (check_schema, {**SCHEMA, "schema": {}}, "has no properties"),
        (check_schema, schema_of([]), "has no properties"),
        (check_schema, {**SCHEMA, "schema": {"type": "object"}}, "has no properties"),
        (check_schema, {**SCHEMA, "schema": True}, "has no properties"),
        (check_schema, {**SCHEMA, "key_properties": "id"}, "not a list of names"),
        (check_schema, {**SCHEMA, "key_properties": [1]}, "not a list of names"),
        (check_record, {"stream": "vip"}, "has no record"),
        (check_record, {**RECORD, "record": []}, "has no record"),
        (check_record, {**RECORD, "version": "1"}, "a version that is not an integer"),
        (check_record, {**RECORD, "version": True}, "a version that is not an integer"),
        (check_version, {"stream": "vip"}, "names no version"),
        (check_version, {"version": 1}, "names no stream"),
        (check_state, {}, "has no value"),
    ],
)
def test_incomplete_message_is_an_error(
    check: Callable[[Message], None], message: Message, error: str
) -> None:
    with pytest.raises(InputError, match=error):
        check(message)
