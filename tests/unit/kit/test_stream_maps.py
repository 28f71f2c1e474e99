"""A stream map that cannot be used, or fails, is one clear line without data."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest
from singer_sdk.exceptions import MappingError
from singer_sdk.mapper import PluginMapper, StreamMap

from singer_kit.errors import ConfigError, OutputError, StreamMapError
from singer_kit.stream_maps import (
    apply_stream_map,
    apply_to_exit,
    checked_stream_maps,
    definitions_for,
    kept_stream_maps,
    names_in,
    unknown_field_warnings,
    unknown_stream_warnings,
)

SCHEMA = {"type": "object", "properties": {"email": {"type": ["string", "null"]}}}


def maps_of(expressions: object) -> list[StreamMap]:
    mapper = PluginMapper(
        plugin_config={"stream_maps": {"vip": expressions}},
        logger=logging.getLogger("test"),
    )
    mapper.register_raw_stream_schema("vip", SCHEMA, [])
    return mapper.stream_maps["vip"]


def test_record_is_mapped_and_not_changed() -> None:
    [stream_map] = maps_of({"email": "email.lower()"})
    record = {"email": "ADA@EXAMPLE.COM"}

    assert apply_stream_map(stream_map, record) == {"email": "ada@example.com"}
    assert record == {"email": "ADA@EXAMPLE.COM"}


def test_filtered_record_is_none() -> None:
    [stream_map] = maps_of({"__filter__": "email is not None"})

    assert apply_stream_map(stream_map, {"email": None}) is None


def test_failing_expression_names_stream_and_kind_only() -> None:
    [stream_map] = maps_of({"email": "email.lower()", "__alias__": "vips"})

    with pytest.raises(StreamMapError) as caught:
        apply_stream_map(stream_map, {"email": ["o.brien@example.com"]})

    assert caught.value.stream == "vips"
    assert "o.brien" not in str(caught.value)
    assert caught.value.kind in str(caught.value)


@pytest.mark.parametrize("error", [MappingError("s3cret"), KeyError("s3cret")])
def test_unusable_maps_are_a_config_error(error: Exception) -> None:
    with pytest.raises(ConfigError, match="for stream vip") as caught:  # noqa: SIM117
        with checked_stream_maps("vip"):
            raise error

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "entry",
    [
        {"email": "email", "__else__": None},
        {"_member_id": None},
        {"_member_id": "__NULL__"},
        {"__key_properties__": ["_member_id"], "__else__": "__NULL__"},
    ],
    ids=str,
)
def test_map_without_the_key_says_how_to_keep_it(entry: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught, checked_stream_maps():
        member_map(entry)

    assert 'Keep it ("_member_id": "_member_id")' in str(caught.value)


VALUES = {
    "id": 1,
    "ltv": Decimal("1.5"),
    "orders": None,
    "email": "o.brien@example.com",
    "tags": ["a"],
}
NULL, DECIMAL = "A field is null there", "float(ltv) * 1.2"
TYPES, ABSENT = "another type", "absent or null"


@pytest.mark.parametrize(
    ("expression", "fix"),
    [
        ("ltv * 1.2", DECIMAL),
        ("ltv / 0.5", DECIMAL),
        ("email + ltv", DECIMAL),
        ("orders + 1", NULL),
        ("orders * 1.2", NULL),
        ("orders > 5", NULL),
        ("int(orders)", NULL),
        ("email + 1", TYPES),
        ("email - 1", TYPES),
        ("email > 5", TYPES),
        ("orders.strip()", ABSENT),
        ("tags[3]", ABSENT),
        ("record['nowhere']", ABSENT),
        ("nowhere", ABSENT),
        ("lytics", "A text needs quotes of its own"),
        ("lower(email)", "function that stream maps do not have"),
        ("int(email)", "cannot be converted"),
        ("ltv / 0", "divides by 0"),
        ("id / 0", "divides by 0"),
    ],
)
def test_failing_expression_names_its_fix(expression: str, fix: str) -> None:
    [stream_map] = maps_of({"result": expression})

    with pytest.raises(StreamMapError) as caught:
        apply_stream_map(stream_map, VALUES)

    assert fix in str(caught.value)
    assert caught.value.fix in str(caught.value)
    assert "o.brien" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "fix"),
    [
        (
            {"id": None},
            '{"member": "id", "id": null, "__key_properties__": ["member"]}',
        ),
        ({"member": "id", "id": "__NULL__"}, '"__key_properties__": ["member"]'),
        ({"__else__": None, "email": "email"}, 'Keep it ("id": "id")'),
        ({"__key_properties__": ["no"]}, "the key no is no field of its result"),
        ({"x": "1 +"}, "not valid Python"),
        ({"x": "my field"}, "record['my field']"),
        ({"x": 5}, "removed by null"),
        ({"x": ["email"]}, "removed by null"),
    ],
)
def test_unusable_definition_names_its_fix(entry: dict[str, Any], fix: str) -> None:
    mapper = PluginMapper(
        plugin_config={"stream_maps": {"vip": entry}}, logger=logging.getLogger("test")
    )
    schema = {"properties": {"id": {}, "email": {}}}

    with pytest.raises(ConfigError) as caught, checked_stream_maps("vip"):
        mapper.register_raw_stream_schema("vip", schema, ["id"])

    assert fix in str(caught.value)


def test_expected_errors_pass_through() -> None:
    with pytest.raises(OutputError), checked_stream_maps():
        raise OutputError("The pipe is closed.")


def test_dropped_stream_keeps_no_map() -> None:
    assert kept_stream_maps(maps_of(None)) == []
    assert len(kept_stream_maps(maps_of({}))) == 1


EXIT = {"_member_id": "ab", "id": "1001", "_sdc_deleted_at": "2026-01-31T08:00:00Z"}
FIELDS = ["_member_id", "id", "email", "first_name", "last_name", "tags", "orders"]
MEMBER_SCHEMA = {
    "type": "object",
    "properties": {
        name: {"type": ["string", "null"]} for name in (*FIELDS, "_sdc_deleted_at")
    },
}


def member_map(expressions: object) -> StreamMap:
    mapper = PluginMapper(
        plugin_config={"stream_maps": {"vip": expressions}},
        logger=logging.getLogger("test"),
    )
    mapper.register_raw_stream_schema("vip", MEMBER_SCHEMA, ["_member_id"])
    return mapper.stream_maps["vip"][0]


@pytest.mark.parametrize(
    ("expressions", "added"),
    [
        ({}, {}),
        ({"email": "email.lower()"}, {}),
        ({"email": None, "orders": None}, {}),
        ({"name": "first_name + ' ' + last_name"}, {}),
        ({"name": "record['first_name'] + _['last_name']"}, {}),
        ({"first_name": "self.strip()"}, {}),
        ({"n": "int(orders) + 1"}, {}),
        ({"n": "len([t for t in tags if t])"}, {}),
        ({"customer": "int(id)"}, {"customer": 1001}),
        ({"customer": "id or email"}, {"customer": "1001"}),
        ({"customer": "email or id"}, {"customer": "1001"}),
        ({"has_email": "email is not None"}, {"has_email": False}),
        ({"audience": "'vip'", "email": "md5(email)"}, {"audience": "vip"}),
        ({"gone": "_sdc_deleted_at[:10]"}, {"gone": "2026-01-31"}),
        ({"id": "int(id)"}, {"id": 1001}),
        ({"__filter__": "email.endswith('.com')"}, {}),
        ({"__filter__": "email is not None"}, {}),
        ({"__filter__": "int(orders) > 3 and id"}, {}),
        ({"__filter__": "id == '1001'"}, {}),
    ],
    ids=str,
)
def test_map_of_members_does_not_fail_on_exit(
    expressions: dict[str, Any], added: dict[str, Any]
) -> None:
    stream_map = member_map(expressions)

    mapped = apply_to_exit(stream_map, EXIT)

    assert mapped == {**EXIT, **added}


@pytest.mark.parametrize(
    "rule",
    [
        "_sdc_deleted_at is None",
        "not record.get('_sdc_deleted_at')",
        "email and _sdc_deleted_at is None",
        "id == '7'",
    ],
)
def test_filter_can_drop_exits(rule: str) -> None:
    assert apply_to_exit(member_map({"__filter__": rule}), EXIT) is None


def test_null_of_required_field_does_not_fail() -> None:
    stream_map = member_map({"id": "int(id)", "__filter__": "int(id) > 0"})

    assert apply_to_exit(stream_map, {**EXIT, "id": None}) == {**EXIT, "id": None}


def test_members_are_mapped_as_usual_after_an_exit() -> None:
    stream_map = member_map({"email": "email.lower()"})
    apply_to_exit(stream_map, EXIT)

    with pytest.raises(StreamMapError):
        apply_stream_map(stream_map, {"email": None})


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("email.lower()", {"email"}),
        ("record['first name'] + _.get('last', '')", {"first name", "last"}),
        ("[t for t in tags if t != skip]", {"tags", "skip"}),
        ("md5(str(id)) + config['salt'] + self + __stream_name__", {"id"}),
        ("1 +", set()),
        ("'email'", set()),
    ],
)
def test_names_in_expression(expression: str, names: set[str]) -> None:
    assert names_in(expression) == names


@pytest.mark.parametrize(
    ("key", "entry", "expected"),
    [
        ("vip_custmers", {"email": None}, "Did you mean vip_customers?"),
        ("VIP_Customers", None, "Did you mean vip_customers?"),
        ("orders", {}, "orders, which is no stream"),
        ("order*", {}, "matches no stream"),
        ("new", {"__source__": "vip_customer"}, "vip_customer, which is no stream"),
    ],
)
def test_map_of_unknown_stream_is_reported(
    key: str, entry: object, expected: str
) -> None:
    [line] = unknown_stream_warnings({key: entry}, ["vip_customers", "newsletter"])

    assert expected in line


@pytest.mark.parametrize(
    "maps",
    [
        {"vip_customers": {}},
        {"vip*": {}, "__else__": None},
        {"new": {"__source__": "vip_customers"}},
        {"new": {"__source__": "vip_?ustomers"}},
        {"vip_customers": None},
    ],
    ids=str,
)
def test_map_of_known_stream_is_not_reported(maps: dict[str, Any]) -> None:
    assert not unknown_stream_warnings(maps, ["vip_customers"])


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"emial": None}, ["removes field emial", "stream vip", "mean email?"]),
        ({"Email": None}, ["removes field Email", "mean email?"]),
        ({"first_nam": "__NULL__"}, ["removes field first_nam", "mean first_name?"]),
        ({"zzz": None}, ["removes field zzz from stream vip, which has no such"]),
        ({"emial": "md5(email)"}, ["adds field emial", "email is sent as it is"]),
        ({"email_": "'x'"}, ["adds field email_"]),
        ({"email": "md5(emial)"}, ["uses field emial for email", "mean email?"]),
        ({"email": "md5(record['emial'])"}, ["uses field emial for email"]),
        ({"__filter__": "emial"}, ["uses field emial for __filter__"]),
        ({"__filtr__": "email"}, ["unknown option __filtr__", "mean __filter__?"]),
        ({"__source__": "vip", "emial": None}, ["removes field emial"]),
    ],
    ids=str,
)
def test_misspelt_field_is_reported(entry: dict[str, Any], expected: list[str]) -> None:
    [line] = unknown_field_warnings({"vip": entry}, "vip", FIELDS)

    assert all(part in line for part in expected), line


@pytest.mark.parametrize(
    "entry",
    [
        {"email": None, "first_name": "first_name.strip()"},
        {"customer": "int(id)", "__else__": None},
        {"order": "orders[0]"},
        {"email_address": "email", "email": None},
        {"emial": "email", "__else__": None},
        {"_sdc_deleted_at": None},
        {"__filter__": "email", "__key_properties__": ["id"], "__alias__": "x"},
        None,
    ],
    ids=str,
)
def test_intended_map_is_not_reported(entry: dict[str, Any] | None) -> None:
    assert not unknown_field_warnings({"vip": entry}, "vip", FIELDS)


def test_pattern_removes_fields_that_some_streams_lack() -> None:
    assert not unknown_field_warnings({"*": {"customer": None}}, "vip", FIELDS)
    assert unknown_field_warnings({"*": {"emial": None}}, "vip", FIELDS)


def test_definitions_come_in_order_of_maps() -> None:
    maps = {
        "new": {"__source__": "vip"},
        "v*": {"a": None},
        "vip": {"b": None},
        "other": {},
    }

    first, second = definitions_for(maps, "vip")

    assert first is not None
    assert list(first.properties) == ["b"]
    assert second is not None
    assert not second.is_primary
    assert definitions_for({}, "vip") == [None]
