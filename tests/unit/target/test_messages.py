"""A malformed message ends the run; an invalid record is rejected."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.strategies import JSON
from target_bigcommerce.errors import InputError, RecordRejectedError, RejectCode
from target_bigcommerce.reader import (
    check_record,
    check_schema,
    check_state,
    check_version,
)
from target_bigcommerce.sink import StreamSchema

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
        (check_schema, schema_of({"id": True})),
        (check_record, RECORD),
        (check_record, {**RECORD, "version": None}),
        (check_record, {**RECORD, "version": 1_780_000_000_000}),
        (check_version, {"stream": "vip", "version": 1}),
        (check_state, {"value": {}}),
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
        (check_schema, schema_of({"a": 1}), "not a valid JSON"),
        (check_schema, {**SCHEMA, "key_properties": "id"}, "not a list of names"),
        (check_schema, {**SCHEMA, "key_properties": [1]}, "not a list of names"),
        (check_record, {"stream": "vip"}, "has no record"),
        (check_record, {**RECORD, "record": []}, "has no record"),
        (check_record, {**RECORD, "version": "1"}, "a version that is not an integer"),
        (check_record, {**RECORD, "version": True}, "a version that is not an integer"),
        (check_version, {"stream": "vip"}, "names no version"),
        (check_version, {"version": 1}, "names no stream"),
        (check_state, {}, "has no value"),
        (check_state, {"value": []}, "has no value"),
    ],
)
def test_incomplete_message_is_an_error(
    check: Callable[[Message], None], message: Message, error: str
) -> None:
    with pytest.raises(InputError, match=error):
        check(message)


# Schemas.


def stream_schema(*keys: str, **properties: object) -> StreamSchema:
    schema = {"type": "object", "properties": properties}
    return StreamSchema("vip", schema, keys)


@pytest.mark.parametrize(
    ("properties", "record"),
    [
        ({"a": {"type": "integer"}}, {"a": 10**30}),
        ({"a": {"type": "number"}}, {"a": Decimal("0.1")}),
        ({"a": {"type": "number", "multipleOf": Decimal("0.01")}}, {"a": Decimal(7)}),
        ({"a": {"type": "string", "format": "date-time"}}, {"a": "soon"}),
        ({"a": {"type": ["null", "string"]}}, {"a": None, "b": 1}),
        ({"a": {"type": "string"}}, {}),
        ({"a": True}, {"a": [1]}),
    ],
)
def test_record_that_matches_its_schema_is_valid(
    properties: dict[str, Any], record: dict[str, Any]
) -> None:
    stream_schema(**properties).validate(record)


def test_record_against_its_schema_is_rejected() -> None:
    properties = {"a": {"type": "object", "properties": {"b": {"type": "integer"}}}}

    with pytest.raises(RecordRejectedError) as caught:
        stream_schema(**properties).validate({"a": {"b": "s3cr3t"}})

    assert caught.value.code is RejectCode.INVALID_RECORD
    assert caught.value.reason == "a.b does not match the stream's schema"


def test_record_without_its_key_is_rejected() -> None:
    schema = stream_schema("id", id={})

    with pytest.raises(RecordRejectedError) as caught:
        schema.validate({"a": 1})

    assert caught.value.code is RejectCode.MISSING_KEY


def test_null_key_is_present() -> None:
    stream_schema("id", id={}).validate({"id": None})


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "text"}}},
        {"properties": {"a": {"minimum": "1"}}},
        {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema"}}},
        {"properties": {"a": {"$ref": "#/definitions/missing"}}},
        {"properties": {"a": {"pattern": "("}}},
    ],
    ids=str,
)
def test_invalid_schema_ends_the_run(schema: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="SCHEMA of stream vip is not a valid"):
        StreamSchema("vip", schema, ())


def test_key_properties_identify_the_member() -> None:
    schema = stream_schema("a", "b", a={}, b={})

    assert schema.member_key({"a": 1, "b": "x"}) == schema.member_key(
        {"a": 1, "b": "x", "c": 2}
    )
    assert schema.member_key({"a": 1}) != schema.member_key({"a": 2})


@pytest.mark.parametrize(
    "properties",
    [{"id": {}}, {"id.b": {}}, {"id.b.c": {}}],
    ids=str,
)
def test_nested_id_is_found_by_its_first_part(properties: dict[str, Any]) -> None:
    stream_schema(**properties).check_id_field("id.b.c", on_missing_id="skip")


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"email": {}}, "additionalProperties": True},
        {"properties": {"email": {}}, "patternProperties": {"^i": {}}},
        {"properties": {}},
    ],
    ids=str,
)
@pytest.mark.parametrize("choice", ["skip", "match", "create"])
def test_open_schema_without_the_id_field_is_a_warning(
    schema: dict[str, Any], choice: str, caplog: pytest.LogCaptureFixture
) -> None:
    StreamSchema("vip", schema, ()).check_id_field("id", on_missing_id=choice)

    [line] = caplog.messages
    assert "vip has no field 'id'" in line
    assert f"on_missing_id ({choice})" in line


@pytest.mark.parametrize("choice", ["match", "create"])
def test_id_field_is_optional_with_match_and_create(
    choice: str, caplog: pytest.LogCaptureFixture
) -> None:
    stream_schema(email={}, ids={}).check_id_field("id", on_missing_id=choice)

    [line] = caplog.messages
    assert "Did you mean ids?" in line


def test_stream_with_the_id_field_has_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream_schema(id={}).check_id_field("id", on_missing_id="match")

    assert caplog.messages == []


def test_missing_id_field_suggests_similar_names() -> None:
    schema = stream_schema(bigcommerce_customer_id={}, email={})

    with pytest.raises(InputError) as caught:
        schema.check_id_field("bigcommerce_id", on_missing_id="skip")

    text = str(caught.value)
    assert "has no field 'bigcommerce_id'" in text
    assert "bigcommerce_customer_id?" in text


@pytest.mark.parametrize("stream", ["orders", "products", "vip_2026"])
def test_stream_of_no_customers_can_be_left_out(stream: str) -> None:
    schema = StreamSchema(stream, {"properties": {"total": {}}}, ())

    with pytest.raises(InputError, match=rf"stream_maps: {{{stream}: null}}"):
        schema.check_id_field("id", on_missing_id="skip")


@pytest.mark.parametrize("name", ["Customer_ID", "CUSTOMER_ID", "customerid"])
def test_field_that_differs_in_case_is_suggested(name: str) -> None:
    schema = stream_schema(customer_id={})

    with pytest.raises(InputError, match=r"Did you mean customer_id\?"):
        schema.check_id_field(name, on_missing_id="skip")


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        ("compny", "compny (did you mean company?)"),
        ("Company", "Company (did you mean company?)"),
        ("billing.city", "billing.city (did you mean billing__city?)"),
    ],
)
def test_missing_mapped_field_names_a_similar_one(
    path: str, suggestion: str, caplog: pytest.LogCaptureFixture
) -> None:
    stream_schema(company={}, billing__city={}).warn_about_missing([path])

    [line] = caplog.messages
    assert suggestion in line


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("addresses.0.company", "array"),
        ("addresses.company", ["null", "array"]),
        ("profile.emails.0", ["array", "null"]),
    ],
)
def test_path_into_a_list_is_a_warning(
    path: str, kind: object, caplog: pytest.LogCaptureFixture
) -> None:
    head = path.rpartition(".")[0].removesuffix(".0")
    stream_schema(**{head: {"type": kind}}).warn_about_missing([path])

    [line] = caplog.messages
    assert f"{head} is a list" in line
    assert "stream_maps" in line


def test_missing_mapped_fields_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    stream_schema(email={}).warn_about_missing(["email", "company", "phone"])

    [line] = caplog.messages
    assert "has no field company, phone" in line


@given(record=st.dictionaries(st.sampled_from("ab"), JSON))
def test_any_record_is_valid_or_rejected(record: dict[str, Any]) -> None:
    properties = {"a": {"type": "integer"}, "b": {"type": ["object", "array"]}}

    with suppress(RecordRejectedError):  # Anything else that is raised fails the test.
        stream_schema(**properties).validate(record)
