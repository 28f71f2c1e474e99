"""Errors in the mapping settings name the place and the remedy."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.target_settings import config, validate
from target_bigcommerce.errors import RecordRejectedError
from target_bigcommerce.fields import ATTRIBUTE_TYPES, CUSTOMER_FIELDS
from target_bigcommerce.mapping import (
    MappingEntry,
    attribute_entries,
    field_entries,
    map_record,
)
from target_bigcommerce.settings import Settings, mapping_errors, settings_warnings

OK = {"from": "email", "to": "email"}
FIELDS, ATTRIBUTES = "map_standard_fields", "map_custom_attributes"


@pytest.mark.parametrize(
    ("setting", "rows", "parts"),
    [
        (
            FIELDS,
            {"email": "email"},
            ["must be an array", "set the whole array as JSON"],
        ),
        (FIELDS, "email", ["must be an array"]),
        (FIELDS, None, ["must be an array"]),
        (FIELDS, ["email"], ["[0] must be an object"]),
        (FIELDS, [OK, 5], ["[1] must be an object"]),
        (
            FIELDS,
            [{**OK, "too": 1}],
            ["[0] has an unknown key", "from, to, value, values"],
        ),
        (FIELDS, [{**OK, "type": "string"}], ["[0] has an unknown key"]),
        (FIELDS, [{"to": "email"}], ['[0] needs either "from"', '"value"']),
        (FIELDS, [{**OK, "value": 1}], ['[0] needs either "from"']),
        (FIELDS, [{"from": "email"}], ['[0] needs "to"']),
        (FIELDS, [{"from": "", "to": "email"}], ['[0]: "from" must be a string']),
        (FIELDS, [{"from": 5, "to": "email"}], ['[0]: "from" must be a string']),
        (FIELDS, [{"from": "email", "to": " "}], ['[0]: "to" must be a string']),
        (FIELDS, [{"from": "email", "to": None}], ['[0]: "to" must be a string']),
        (FIELDS, [{**OK, "values": ["a"]}], ['"values" must be an object']),
        (FIELDS, [{**OK, "default": 1}], ['"default" needs "values"']),
        (FIELDS, [{**OK, "write": "never"}], ['"write" must be always or if_empty']),
        (FIELDS, [{**OK, "write": None}], ['"write" must be always or if_empty']),
        (FIELDS, [{"from": "a", "to": "emial"}], ["Did you mean email?", "first_name"]),
        (FIELDS, [{"from": "a", "to": "EMAIL"}], ["Did you mean email?"]),
        (FIELDS, [{"from": "a", "to": "First name"}], ["Did you mean first_name?"]),
        (FIELDS, [{"from": "a", "to": "Loyalty tier"}], ["in map_custom_attributes"]),
        (FIELDS, [{"from": "_sdc_extracted_at", "to": "notes"}], ["is metadata"]),
        (ATTRIBUTES, [{"from": "_sdc_deleted_at", "to": "Left"}], ["is metadata"]),
        (ATTRIBUTES, [{"from": "_sdc_sequence", "to": "N"}], ["is metadata"]),
        (ATTRIBUTES, [{"from": "a", "to": "Tier "}], ["ends with a blank"]),
        (ATTRIBUTES, [{"from": "a", "to": "N", "type": "Integer"}], ["Use number."]),
        (ATTRIBUTES, [{"from": "a", "to": "N", "type": "boolean"}], ["Use string."]),
        (ATTRIBUTES, [{"from": "a", "to": "N", "type": "datetime"}], ["Use date."]),
        (
            FIELDS,
            [{"from": "a", "to": "id"}],
            ["id cannot be written through a mapping"],
        ),
        (FIELDS, [{"from": "a", "to": "attributes"}], ["cannot be written"]),
        (FIELDS, [OK, {"from": "mail", "to": "email"}], ["2 entries for 'email'"]),
        (ATTRIBUTES, {"tier": "Tier"}, ["must be an array"]),
        (ATTRIBUTES, [{"from": "a", "to": "x" * 256}], ["at most 255 characters"]),
        (
            ATTRIBUTES,
            [{"from": "a", "to": "A", "type": "int"}],
            ["string, number or date"],
        ),
        (
            ATTRIBUTES,
            [{"from": "a", "to": "A", "type": None}],
            ["string, number or date"],
        ),
        (
            ATTRIBUTES,
            [{"from": "a", "to": "A", "kind": "number"}],
            ["to, type, value, values"],
        ),
        (
            ATTRIBUTES,
            [{"from": "a", "to": "A"}, {"from": "b", "to": "A"}],
            ["2 entries for 'A'"],
        ),
        (
            ATTRIBUTES,
            [{"from": "a", "to": "Tier"}, {"from": "b", "to": "TIER"}],
            ["'Tier' and 'TIER', which differ only in"],
        ),
    ],
    ids=str,
)
def test_wrong_mapping_is_named_by_its_place(
    setting: str, rows: object, parts: list[str]
) -> None:
    [error] = mapping_errors(setting, rows)

    assert error.startswith(setting)
    assert all(part in error for part in parts)


@pytest.mark.parametrize(
    "path",
    [
        "addresses.0.company",
        "addresses[0].company",
        "$.company",
        "{{ company }}",
        "/profile/company",
        ".company",
        "company.",
        "profile..company",
    ],
)
def test_path_of_another_kind_is_a_warning(path: str) -> None:
    given_config = config(**{ATTRIBUTES: [{"from": path, "to": "Company"}]})
    assert not validate(given_config)

    [line] = settings_warnings(given_config)

    assert line.startswith(f'{ATTRIBUTES}[0]: "from" is read as the names of nested')
    assert "stream_maps" in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id_field": "ids.0"}, ["id_field is read as", "stream_maps"]),
        ({"id_field": " id"}, ["id_field begins or ends with a blank"]),
        (
            {ATTRIBUTES: [{"from": "phone", "to": "phone"}]},
            ["attribute named phone", "map_standard_fields"],
        ),
        ({"api_url": "https://proxy.example.com/bc"}, ["path /bc", "Remove it"]),
    ],
)
def test_likely_mistake_is_a_warning(changes: dict[str, Any], words: list[str]) -> None:
    given_config = config(**changes)
    assert not validate(given_config)

    [line] = settings_warnings(given_config)

    assert [word for word in words if word not in line] == []


def test_usual_mapping_has_no_warning() -> None:
    entries = [{"from": name, "to": "company"} for name in ("$name", "a.b", "_x")]
    for entry in entries:
        given_config = config(**{FIELDS: [entry]})
        assert not validate(given_config)
        assert not list(settings_warnings(given_config))


@pytest.mark.parametrize("path", ["/stores/abc123/v3", "/stores/abc123/v3/", "/v3"])
def test_api_url_with_the_path_of_calls_is_refused(path: str) -> None:
    [line] = validate(config(api_url=f"https://api.bigcommerce.com{path}"))

    assert "api_url must be without the path" in line
    assert line.endswith("Set it to https://api.bigcommerce.com.")


def test_api_url_of_the_store_pages_is_refused() -> None:
    [line] = validate(config(api_url="https://store-abc123.mybigcommerce.com"))

    assert "The API is at https://api.bigcommerce.com" in line


def test_every_wrong_entry_has_a_line() -> None:
    rows = [{"from": "a", "to": "emial"}, {"to": "phone"}, OK]

    places = [line.partition("]")[0] for line in mapping_errors(FIELDS, rows)]

    assert places == ["map_standard_fields[0", "map_standard_fields[1"]


def test_empty_mapping_is_allowed() -> None:
    assert not list(mapping_errors(FIELDS, []))
    assert not list(mapping_errors(ATTRIBUTES, []))


@pytest.mark.parametrize("name", CUSTOMER_FIELDS)
def test_every_customer_field_can_be_mapped(name: str) -> None:
    assert not list(mapping_errors(FIELDS, [{"from": "x", "to": name}]))


def test_entry_is_read_with_all_keys() -> None:
    row = {
        "from": "profile.tier",
        "to": "Tier",
        "type": "number",
        "values": {"gold": 7},
        "default": None,
        "write": "if_empty",
    }

    [entry] = attribute_entries([row])

    assert entry == MappingEntry(
        source="profile.tier",
        constant=None,
        to="Tier",
        rules=ATTRIBUTE_TYPES["number"],
        table={"gold": 7},
        default=None,
        has_default=True,
        if_empty=True,
    )


def test_entry_has_defaults() -> None:
    [entry] = attribute_entries([{"value": False, "to": "Tier"}])

    assert entry == MappingEntry(
        source=None,
        constant=False,
        to="Tier",
        rules=ATTRIBUTE_TYPES["string"],
        table=None,
        default=None,
        has_default=False,
        if_empty=False,
    )


def test_field_entry_has_the_rules_of_its_field() -> None:
    [entry] = field_entries([OK])

    assert entry.rules is CUSTOMER_FIELDS["email"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["from", "value", "to", "values", "default", "write", "type"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(rows=JSON)
def test_any_mapping_is_read_or_has_errors(
    rows: Any,  # noqa: ANN401 - any JSON
) -> None:
    errors = [*mapping_errors(FIELDS, rows), *mapping_errors(ATTRIBUTES, rows)]

    assert errors or len(attribute_entries(rows)) == len(rows)


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "row",
    [
        SECRET,
        {**OK, SECRET: 1},
        {"from": SECRET, "value": SECRET, "to": "email"},
        {"from": [SECRET], "to": "email"},
        {"from": "email", "to": [SECRET]},
        {**OK, "values": SECRET},
        {**OK, "default": SECRET},
        {**OK, "write": SECRET},
        {"from": "email", "to": "Tier", "type": SECRET},
    ],
    ids=str,
)
def test_error_quotes_no_value(row: object) -> None:
    lines = [*mapping_errors(FIELDS, [row]), *mapping_errors(ATTRIBUTES, [row])]

    assert lines
    assert not any(SECRET in line for line in lines)


# Constants.

VALUE, GROUP = '"value"', "customer_group_id"
LONG, LENGTH_LIMIT = "x" * 256, "has 256 characters, the limit is 255"
Row = dict[str, Any]


def config_with(name: str, *rows: Row) -> dict[str, Any]:
    return config(**{"map_standard_fields": [], name: deepcopy([*rows])})


@pytest.mark.parametrize(
    ("name", "row", "place", "reason"),
    [
        (FIELDS, {"value": "gold", "to": GROUP}, VALUE, "is not an integer"),
        (FIELDS, {"value": -1, "to": GROUP}, VALUE, "does not accept"),
        (FIELDS, {"value": LONG, "to": "company"}, VALUE, LENGTH_LIMIT),
        (FIELDS, {"value": "jane", "to": "email"}, VALUE, "is not an email address"),
        (FIELDS, {"value": {"a": 1}, "to": "notes"}, VALUE, "no text form"),
        (
            FIELDS,
            {"value": {"a": 1}, "to": "notes", "values": {"a": "b"}},
            VALUE,
            "no text form",
        ),
        (
            FIELDS,
            {"from": "t", "to": GROUP, "values": {"a": 1, "b": "x"}},
            '"values" no. 2',
            "is not an integer",
        ),
        (
            FIELDS,
            {"from": "t", "to": "company", "values": {"a": "b"}, "default": LONG},
            '"default"',
            LENGTH_LIMIT,
        ),
        (
            ATTRIBUTES,
            {"value": "many", "to": "n", "type": "number"},
            VALUE,
            "is not a number",
        ),
        (
            ATTRIBUTES,
            {"from": "t", "to": "d", "type": "date", "values": {"a": "soon"}},
            '"values" no. 1',
            "is not an ISO 8601 date",
        ),
        (ATTRIBUTES, {"value": LONG, "to": "t"}, VALUE, LENGTH_LIMIT),
    ],
)
def test_invalid_constant_is_named_by_its_place(
    name: str, row: Row, place: str, reason: str
) -> None:
    [line] = validate(config_with(name, {"from": "a", "to": "phone"}, row))

    assert line.startswith(f"{name}[1], {place}: ")
    assert reason in line
    assert "jane" not in line
    assert LONG not in line


@pytest.mark.parametrize(
    ("name", "row"),
    [
        (FIELDS, {"value": "7", "to": "customer_group_id"}),
        (FIELDS, {"value": None, "to": "company"}),
        (FIELDS, {"value": "", "to": "email"}),
        (FIELDS, {"value": Decimal("1.5"), "to": "store_credit_amounts"}),
        (FIELDS, {"value": "a", "to": "customer_group_id", "values": {"a": 7}}),
        (FIELDS, {"from": "t", "to": "company", "values": {"a": None, "b": ""}}),
        (ATTRIBUTES, {"value": "1e3", "to": "n", "type": "number"}),
        (ATTRIBUTES, {"value": ["A", "B"], "to": "countries"}),
    ],
    ids=str,
)
def test_valid_or_empty_constant_is_accepted(name: str, row: Row) -> None:
    assert validate(config_with(name, row)) == []


@given(
    value=st.none() | st.booleans() | st.integers() | st.text() | st.just([LONG]),
    to=st.sampled_from(["company", "customer_group_id", "email", "channel_ids"]),
)
def test_accepted_constant_rejects_no_record(value: object, to: str) -> None:
    given_config = config_with(FIELDS, {"value": value, "to": to})

    errors = validate(given_config)

    mapping = Settings.from_config(given_config).record_mapping
    if errors:
        with pytest.raises(RecordRejectedError):
            map_record({"id": 1}, mapping)
    else:
        map_record({"id": 1}, mapping)
