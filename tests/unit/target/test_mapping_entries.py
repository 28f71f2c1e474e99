"""What is wrong with a mapping is said by its place and what helps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.fields import ATTRIBUTE_TYPES, CUSTOMER_FIELDS
from target_bigcommerce.mapping import MappingEntry, attribute_entries, field_entries
from target_bigcommerce.settings import mapping_errors

OK = {"from": "email", "to": "email"}
FIELDS, ATTRIBUTES = "map_standard_fields", "map_custom_attributes"


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ({"email": "email"}, ["must be an array", "set the whole array as JSON"]),
        ("email", ["must be an array"]),
        (None, ["must be an array"]),
        (["email"], ["[0] must be an object"]),
        ([OK, 5], ["[1] must be an object"]),
        ([{**OK, "too": 1}], ["[0] has an unknown key", "from, to, value, values"]),
        ([{**OK, "type": "string"}], ["[0] has an unknown key"]),
        ([{"to": "email"}], ['[0] needs either "from"', '"value"']),
        ([{**OK, "value": 1}], ['[0] needs either "from"']),
        ([{"from": "email"}], ['[0] needs "to"']),
        ([{"from": "", "to": "email"}], ['[0]: "from" must be a string']),
        ([{"from": 5, "to": "email"}], ['[0]: "from" must be a string']),
        ([{"from": "email", "to": " "}], ['[0]: "to" must be a string']),
        ([{"from": "email", "to": None}], ['[0]: "to" must be a string']),
        ([{**OK, "values": ["a"]}], ['"values" must be an object']),
        ([{**OK, "default": 1}], ['"default" needs "values"']),
        ([{**OK, "write": "never"}], ['"write" must be always or if_empty']),
        ([{**OK, "write": None}], ['"write" must be always or if_empty']),
        ([{"from": "a", "to": "emial"}], ["Did you mean email?", "first_name"]),
        ([{"from": "a", "to": "id"}], ["id cannot be written through a mapping"]),
        ([{"from": "a", "to": "attributes"}], ["cannot be written"]),
        ([OK, {"from": "mail", "to": "email"}], ["2 entries for 'email'"]),
    ],
    ids=str,
)
def test_a_wrong_standard_mapping_is_named(rows: object, parts: list[str]) -> None:
    [error] = mapping_errors(FIELDS, rows)

    assert error.startswith("map_standard_fields")
    assert all(part in error for part in parts)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ({"tier": "Tier"}, "must be an array"),
        ([{"from": "a", "to": "x" * 256}], "at most 255 characters"),
        ([{"from": "a", "to": "A", "type": "int"}], "string, number or date"),
        ([{"from": "a", "to": "A", "type": None}], "string, number or date"),
        ([{"from": "a", "to": "A", "kind": "number"}], "to, type, value, values"),
        ([{"from": "a", "to": "A"}, {"from": "b", "to": "A"}], "2 entries for 'A'"),
    ],
    ids=str,
)
def test_a_wrong_attribute_mapping_is_named(rows: object, part: str) -> None:
    [error] = mapping_errors(ATTRIBUTES, rows)

    assert error.startswith("map_custom_attributes")
    assert part in error


def test_every_wrong_entry_is_named_at_once() -> None:
    rows = [{"from": "a", "to": "emial"}, {"to": "phone"}, OK]

    places = [line.partition("]")[0] for line in mapping_errors(FIELDS, rows)]

    assert places == ["map_standard_fields[0", "map_standard_fields[1"]


def test_an_empty_mapping_is_allowed() -> None:
    assert not list(mapping_errors(FIELDS, []))
    assert not list(mapping_errors(ATTRIBUTES, []))


@pytest.mark.parametrize("name", CUSTOMER_FIELDS)
def test_every_customer_field_can_be_mapped(name: str) -> None:
    assert not list(mapping_errors(FIELDS, [{"from": "x", "to": name}]))


def test_an_entry_keeps_everything_that_it_says() -> None:
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


def test_an_entry_that_says_little_has_the_defaults() -> None:
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
def test_any_mapping_has_errors_or_is_read(
    rows: Any,  # noqa: ANN401 - any JSON
) -> None:
    errors = [*mapping_errors(FIELDS, rows), *mapping_errors(ATTRIBUTES, rows)]

    assert errors or len(attribute_entries(rows)) == len(rows)


def test_a_field_entry_has_the_rules_of_its_field() -> None:
    [entry] = field_entries([OK])

    assert entry.rules is CUSTOMER_FIELDS["email"]


MARK = "s3cr3t-m4rk"


@pytest.mark.parametrize(
    "row",
    [
        MARK,
        {**OK, MARK: 1},
        {"from": MARK, "value": MARK, "to": "email"},
        {"from": [MARK], "to": "email"},
        {"from": "email", "to": [MARK]},
        {**OK, "values": MARK},
        {**OK, "default": MARK},
        {**OK, "write": MARK},
        {"from": "email", "to": "Tier", "type": MARK},
    ],
    ids=str,
)
def test_an_error_quotes_no_value(row: object) -> None:
    lines = [*mapping_errors(FIELDS, [row]), *mapping_errors(ATTRIBUTES, [row])]

    assert lines
    assert not any(MARK in line for line in lines)
