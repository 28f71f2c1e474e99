"""A SCHEMA gives the keys and the names of fields; its keywords are not read."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from support.customers import VIP, put_customers
from support.plugins import to_text
from support.strategies import JSON
from target_bigcommerce.errors import InputError, RecordRejectedError, RejectCode
from target_bigcommerce.stream_schema import MAX_NESTED, StreamSchema, reduce_schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from support.target_job import Job, MakeJob

Message = dict[str, Any]
INTEGER, STRING = {"type": "integer"}, {"type": "string"}


def reduced(schema: object, *keys: str) -> Message:
    """Reduce a schema."""
    message = {"type": "SCHEMA", "stream": "vip", "schema": schema}
    found: Message = reduce_schema({**message, "key_properties": list(keys)})["schema"]
    return found


def types_of(schema: object) -> Any:  # noqa: ANN401 - a type or a list of types
    """Reduce the schema of one field and return its type."""
    return reduced({"properties": {"a": schema}})["properties"]["a"].get("type")


def stream_schema(*keys: str, **properties: object) -> StreamSchema:
    return StreamSchema("vip", reduced({"properties": properties}, *keys), keys)


# Reducing.


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "integer"}, "integer"),
        ({"type": ["null", "number"], "exclusiveMaximum": True}, ["null", "number"]),
        ({"type": ["string", "null", "string"]}, ["string", "null"]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["string", "null"]),
        ({"oneOf": [{"type": ["integer"]}, {"$ref": "#/nowhere"}]}, ["integer"]),
        ({"anyOf": [{"type": "string"}, {"format": "date"}]}, None),
        ({"properties": {"b": {}}}, "object"),
        *(
            (schema, None)
            for schema in (
                *({}, True, False, None, 1, "string", ["string"]),
                *({"type": []}, {"type": "text"}, {"type": ["string", "uuid"]}),
                *({"type": None}, {"type": {}}, {"type": [["string"]]}, {"enum": [1]}),
                *({"$ref": "http://127.0.0.1:9/x"}, {"$ref": 5}, {"$ref": "#/a/b"}),
                *({"pattern": "("}, {"anyOf": "string"}, {"anyOf": []}),
            )
        ),
    ],
    ids=str,
)
def test_type_of_a_field_is_known_or_unknown(schema: object, types: object) -> None:
    assert types_of(schema) == types


def test_references_and_compositions_name_fields() -> None:
    schema = {
        "allOf": [{"$ref": "#/definitions/a~1row"}, {"properties": {"email": STRING}}],
        "definitions": {"a/row": {"properties": {"id": {"$ref": "#/definitions/id"}}}}
        | {"id": {"type": ["integer"]}},
    }

    assert reduced(schema)["properties"] == {
        "id": {"type": ["integer"]},
        "email": STRING,
    }


def test_keys_are_fields() -> None:
    assert reduced({"properties": {"id": INTEGER}}, "id", "k")["properties"] == {
        "id": INTEGER,
        "k": {},
    }


@pytest.mark.parametrize(
    ("schema", "is_open"),
    [
        ({"properties": {"a": {}}}, False),
        ({"properties": {"a": {}}, "additionalProperties": False}, False),
        ({"properties": {"a": {}}, "additionalProperties": {}}, True),
        ({"properties": {"a": {}}, "patternProperties": {"^x": {}}}, True),
        ({"properties": {"a": {}}, "$ref": "https://example.com/x"}, True),
        ({"properties": {}}, True),
        ({"properties": None}, True),
    ],
    ids=str,
)
def test_open_schema_allows_further_fields(schema: object, *, is_open: bool) -> None:
    assert reduced(schema).get("additionalProperties", False) is is_open


@pytest.mark.parametrize(
    "more",
    [
        {"required": ["id", "id"]},
        {
            "description": "Customers",
            "$schema": "http://json-schema.org/draft-04/schema#",
        },
        {"properties": {"email": {**STRING, "maxLength": -1}, "id": INTEGER}},
    ],
    ids=str,
)
def test_irrelevant_keys_change_nothing(more: Message) -> None:
    schema = {"properties": {"id": INTEGER, "email": STRING}}

    assert reduced({**schema, **more}) == reduced(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}},
        {"allOf": [{"$ref": "#"}], "properties": {"a": {"anyOf": [{"$ref": "#"}] * 9}}},
    ],
    ids=["tree", "loop"],
)
def test_circular_reference_ends(schema: Message) -> None:
    assert "a" in reduced(schema)["properties"]
    assert len(json.dumps(reduced(schema))) < 100 * MAX_NESTED


def test_deep_schema_is_cut() -> None:
    schema: Message = {}
    for _ in range(5000):
        schema = {"properties": {"a": schema}, "anyOf": [schema]}

    assert reduced(schema)["properties"].keys() == {"a"}


@given(schema=JSON)
def test_any_schema_is_reduced(schema: object) -> None:
    assert reduced({"properties": {"a": schema}, "allOf": schema})["properties"]


# Runs with schemas that taps print.

SCHEMAS = [
    {"type": ["null", "number"], "exclusiveMaximum": True, "maximum": 10**10},
    {"type": "string", "maxLength": -1},
    {"type": []},
    {"type": "numeric"},
    {"type": None, "required": True},
    {"$ref": "#/definitions/none"},
    {"anyOf": [{"format": "date-time", "type": "string"}, {"type": "null"}]},
    {"oneOf": [True, {"type": "object", "properties": []}]},
    {"pattern": "(", "multipleOf": 0, "minimum": "1"},
    {"type": "object", "properties": True, "patternProperties": {"(": {}}},
    {"items": "string", "type": "array", "required": ["a", "a"]},
    {"enum": {}, "const": None},
    {},
    True,
    False,
    None,
]
MAPS: Message = {VIP: {"id": "id", "company": "str(company)", "copy": "odd_3"}}
ONLY: Message = {VIP: {"id": "id", "company": "company", "__else__": None}}
COMPANY = [{"from": "company", "to": "company"}]
FLAT = {"flattening_enabled": True, "flattening_max_depth": 2}


def record(**fields: object) -> Message:
    return {"type": "RECORD", "stream": VIP, "record": fields}


def schema(properties: object, **more: object) -> Message:
    shape = {"type": "object", "properties": properties}
    return {
        "type": "SCHEMA",
        "stream": VIP,
        "schema": shape,
        "key_properties": [],
    } | more


def run(job: Job, *messages: Message) -> int:
    """Run the target over an input and return its status."""
    return job.target.run(io.StringIO(to_text(messages)))


@pytest.mark.guarantee("real-world-input")
@pytest.mark.parametrize("odd", SCHEMAS, ids=str)
def test_schemas_of_real_taps_are_accepted(
    box: Sandbox, make_job: MakeJob, odd: object
) -> None:
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=COMPANY)

    status = run(
        job,
        schema({"id": odd, "company": odd, "odd": odd}, key_properties=["id"]),
        record(id=1, company="New", odd={"a": [1]}),
    )

    assert status == 0
    assert job.outcomes == {"updated": 1}
    assert box.store.customers[1]["company"] == "New"


@pytest.mark.parametrize(
    "config",
    [{"stream_maps": MAPS}, {"stream_maps": ONLY}, FLAT, {"stream_maps": MAPS} | FLAT],
    ids=["maps", "only mapped", "flattened", "maps, flattened"],
)
def test_schemas_of_real_taps_can_be_mapped(
    box: Sandbox, make_job: MakeJob, config: Message
) -> None:
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=COMPANY, **config)
    odd = {f"odd_{n}": each for n, each in enumerate([*SCHEMAS, {"$ref": "#"}])}
    fields = {name: {"a": [1]} for name in odd}

    status = run(
        job,
        schema({"id": {}, "company": True, **odd}, key_properties=["id"]),
        record(id=1, company="New", **fields),
    )

    assert status == 0
    assert box.store.customers[1]["company"] == "New"


@pytest.mark.parametrize(
    ("properties", "fields"),
    [
        ({"id": INTEGER, "points": INTEGER}, {"id": 1, "points": "many"}),
        ({"id": INTEGER, "tags": STRING}, {"id": 1, "tags": [{"a": 1}]}),
        ({"id": INTEGER, "at": {**STRING, "format": "date"}}, {"id": 1, "at": 5}),
    ],
    ids=str,
)
def test_field_that_is_not_mapped_is_not_checked(
    box: Sandbox,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
    properties: Message,
    fields: Message,
) -> None:
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=[])

    assert run(job, schema(properties), record(**fields)) == 0

    assert job.values() == {1: VIP}
    assert "SCHEMA says" not in caplog.text


@pytest.mark.parametrize(
    ("properties", "fields", "warning"),
    [
        (
            {"id": INTEGER},
            {"id": "1"},
            "Field id of stream vip_customers has a value of",
        ),
        ({"id": STRING}, {"id": 1}, "of type integer, but its SCHEMA says string"),
        (
            {"id": {}, "company": {"type": ["null", "integer"]}},
            {"id": 1, "company": "New"},
            "of type string, but its SCHEMA says null or integer",
        ),
        (
            {"id": {}, "company": {"type": "boolean"}},
            {"id": 1, "company": 1.5},
            "of type number, but its SCHEMA says boolean",
        ),
    ],
    ids=str,
)
def test_value_against_the_schema_is_taken_with_one_warning(
    box: Sandbox,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
    properties: Message,
    fields: Message,
    warning: str,
) -> None:
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=COMPANY)

    assert run(job, schema(properties), record(**fields), record(**fields)) == 0

    assert job.values() == {1: VIP}
    [line] = [line for line in caplog.messages if "SCHEMA says" in line]
    assert warning in line


@pytest.mark.parametrize(
    ("types", "value"),
    [
        ("integer", Decimal("7.0")),
        (["integer", "string"], "x"),
        ("number", 7),
        ("string", None),
        ([], [1]),
    ],
    ids=str,
)
def test_value_that_fits_the_schema_is_no_contradiction(
    types: object, value: object
) -> None:
    found = stream_schema(a={"type": types})
    found.watch(["a.b"], computed=())

    assert list(found.contradictions({"a": value})) == []


def test_computed_field_contradicts_nothing(
    box: Sandbox, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    put_customers(box, 1)
    job = make_job(
        box,
        map_standard_fields=COMPANY,
        stream_maps={VIP: {"company": "points + 1"}},
    )

    run(job, schema({"id": INTEGER, "points": INTEGER}), record(id=1, points=1))

    assert box.store.customers[1]["company"] == "2"
    assert "SCHEMA says" not in caplog.text


@pytest.mark.parametrize(
    ("properties", "fields", "code"),
    [
        ({"id": {}, "company": STRING}, {"id": 1, "company": {"a": 1}}, "wrong_type"),
        ({"id": INTEGER}, {"id": 1.5}, "unreadable_id"),
        (
            {"id": {}, "company": {**STRING, "maxLength": 9}},
            {"id": 1, "company": "x" * 256},
            "too_long",
        ),
    ],
    ids=["object as text", "fraction as id", "too long for the store"],
)
def test_mapping_validates(
    box: Sandbox, make_job: MakeJob, properties: Message, fields: Message, code: str
) -> None:
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=COMPANY)

    assert run(job, schema(properties), record(**fields)) == 0

    assert job.reject_codes == {code: 1}


# Keys and the names of fields.


def test_record_without_its_key_is_rejected() -> None:
    found = stream_schema("id", id={})

    with pytest.raises(RecordRejectedError) as caught:
        found.check_keys({"a": 1})

    assert caught.value.code is RejectCode.MISSING_KEY


def test_null_key_is_present() -> None:
    stream_schema("id", id={}).check_keys({"id": None})


def test_key_properties_identify_the_member() -> None:
    found = stream_schema("a", "b", a={}, b={})

    assert found.member_key({"a": 1, "b": "x"}) == found.member_key(
        {"a": 1, "b": "x", "c": 2}
    )
    assert found.member_key({"a": 1}) != found.member_key({"a": 2})


@pytest.mark.parametrize(
    "properties",
    [{"id": {}}, {"id.b": {}}, {"id.b.c": {}}],
    ids=str,
)
def test_nested_id_is_found_by_its_first_part(properties: Message) -> None:
    stream_schema(**properties).check_id_field("id.b.c", on_missing_id="skip")


@pytest.mark.parametrize(
    "given_schema",
    [
        {"properties": {"email": {}}, "additionalProperties": True},
        {"properties": {"email": {}}, "patternProperties": {"^i": {}}},
        {"properties": {}},
    ],
    ids=str,
)
@pytest.mark.parametrize("choice", ["skip", "match", "create"])
def test_open_schema_without_the_id_field_is_a_warning(
    given_schema: Message, choice: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = StreamSchema("vip", reduced(given_schema), ())

    found.check_id_field("id", on_missing_id=choice)

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
    found = stream_schema(bigcommerce_customer_id={}, email={})

    with pytest.raises(InputError) as caught:
        found.check_id_field("bigcommerce_id", on_missing_id="skip")

    text = str(caught.value)
    assert "has no field 'bigcommerce_id'" in text
    assert "bigcommerce_customer_id?" in text


@pytest.mark.parametrize("stream", ["orders", "products", "vip_2026"])
def test_stream_of_no_customers_can_be_left_out(stream: str) -> None:
    found = StreamSchema(stream, reduced({"properties": {"total": {}}}), ())

    with pytest.raises(InputError, match=rf"stream_maps: {{{stream}: null}}"):
        found.check_id_field("id", on_missing_id="skip")


@pytest.mark.parametrize("name", ["Customer_ID", "CUSTOMER_ID", "customerid"])
def test_field_that_differs_in_case_is_suggested(name: str) -> None:
    found = stream_schema(customer_id={})

    with pytest.raises(InputError, match=r"Did you mean customer_id\?"):
        found.check_id_field(name, on_missing_id="skip")


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


# Repeated SCHEMA messages.


@pytest.mark.parametrize(
    "vary",
    [
        lambda _: {},
        lambda n: {"bookmark_properties": [f"at_{n}"]},
        lambda n: {"schema": {"properties": {"id": {"description": str(n)}}}},
        lambda n: {"schema": {"properties": {"id": {}, f"unread_{n}": STRING}}},
        lambda n: {
            "schema": {"properties": {"id": {}, "_sdc_deleted_at": {"maxLength": n}}}
        },
    ],
    ids=["same", "bookmark", "description", "unread field", "exit mark"],
)
@pytest.mark.parametrize(
    "config", [{}, {"stream_maps": {VIP: {"id": "id"}}}], ids=["plain", "maps"]
)
def test_schema_for_every_record_starts_no_drain(
    box: Sandbox,
    make_job: MakeJob,
    vary: Callable[[int], Message],
    config: Message,
) -> None:
    put_customers(box, *range(1, 21))
    job = make_job(box, map_standard_fields=[], **config)
    messages = [
        message
        for n in range(1, 21)
        for message in (schema({"id": {}}) | vary(n), record(id=n))
    ]

    assert run(job, *messages) == 0

    assert job.values().keys() == set(range(1, 21))
    assert job.calls()["GET /customers"] == 1


def test_streams_in_turn_share_a_drain(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1, 2)
    job = make_job(box, map_standard_fields=[])
    news = {"stream": "news"}

    run(
        job,
        schema({"id": {}}),
        record(id=1),
        schema({"id": {}}) | news,
        record(id=2) | news,
        schema({"id": {}}),
        record(id=2),
    )

    assert job.calls()["GET /customers"] == 2  # One for each stream.


@pytest.mark.parametrize(
    "changed",
    [
        schema({"id": STRING}),
        schema({"id": INTEGER, "company": {}}),
        schema({"id": INTEGER}, key_properties=["id"]),
    ],
    ids=["type of the id", "mapped field", "key"],
)
def test_reject_follows_the_schema_it_came_under(
    box: Sandbox, make_job: MakeJob, tmp_path: Path, changed: Message
) -> None:
    job = make_job(box, map_standard_fields=COMPANY)
    first = schema({"id": INTEGER})

    run(job, first, record(id=8), changed, record(id=9), changed, record(id=10))

    lines = map(json.loads, (tmp_path / "rejects.jsonl").read_text().splitlines())
    assert [line.get("record", line.get("schema")) for line in lines] == [
        first["schema"],
        {"id": 8},
        changed["schema"],
        {"id": 9},
        {"id": 10},
    ]
