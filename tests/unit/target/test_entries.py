"""What is wrong with a mapping is said by its place and what helps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.records.entries import (
    Entry,
    attribute_complaints,
    standard_complaints,
    to_entries,
)
from target_bigcommerce.records.fields import CUSTOMER_FIELDS

OK = {"from": "email", "to": "email"}


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ({"email": "email"}, ["must be a list", "set the whole list as JSON"]),
        ("email", ["must be a list"]),
        (None, ["must be a list"]),
        (["email"], ["[0] must be an object"]),
        ([OK, 5], ["[1] must be an object"]),
        ([{**OK, "too": 1}], ["[0] has an unknown key", "from, to, value, values"]),
        ([{**OK, "type": "string"}], ["[0] has an unknown key"]),
        ([{"to": "email"}], ['[0] needs either "from"', '"value"']),
        ([{**OK, "value": 1}], ['[0] needs either "from"']),
        ([{"from": "email"}], ['[0] needs "to"']),
        ([{"from": "", "to": "email"}], ['[0]: "from" must be a text']),
        ([{"from": 5, "to": "email"}], ['[0]: "from" must be a text']),
        ([{"from": "email", "to": " "}], ['[0]: "to" must be a text']),
        ([{"from": "email", "to": None}], ['[0]: "to" must be a text']),
        ([{**OK, "values": ["a"]}], ['"values" must be an object']),
        ([{**OK, "default": 1}], ['"default" stands beside "values" only']),
        ([{**OK, "write": "never"}], ['"write" must be always or if_empty']),
        ([{**OK, "write": None}], ['"write" must be always or if_empty']),
        ([{"from": "a", "to": "emial"}], ["Is email meant?", "first_name"]),
        ([{"from": "a", "to": "id"}], ["id cannot be written through a mapping"]),
        ([{"from": "a", "to": "attributes"}], ["cannot be written"]),
        ([OK, {"from": "mail", "to": "email"}], ["2 entries onto 'email'"]),
    ],
    ids=str,
)
def test_a_wrong_standard_mapping_is_named(rows: object, parts: list[str]) -> None:
    [complaint] = standard_complaints(rows)

    assert complaint.startswith("map_standard_fields")
    assert all(part in complaint for part in parts)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ({"tier": "Tier"}, "must be a list"),
        ([{"from": "a", "to": "x" * 256}], "at most 255 characters"),
        ([{"from": "a", "to": "A", "type": "int"}], "string, number or date"),
        ([{"from": "a", "to": "A", "type": None}], "string, number or date"),
        ([{"from": "a", "to": "A", "kind": "number"}], "to, type, value, values"),
        ([{"from": "a", "to": "A"}, {"from": "b", "to": "A"}], "2 entries onto 'A'"),
    ],
    ids=str,
)
def test_a_wrong_attribute_mapping_is_named(rows: object, part: str) -> None:
    [complaint] = attribute_complaints(rows)

    assert complaint.startswith("map_custom_attributes")
    assert part in complaint


def test_every_wrong_entry_is_named_at_once() -> None:
    rows = [{"from": "a", "to": "emial"}, {"to": "phone"}, OK]

    places = [line.partition("]")[0] for line in standard_complaints(rows)]

    assert places == ["map_standard_fields[0", "map_standard_fields[1"]


def test_an_empty_mapping_is_allowed() -> None:
    assert not list(standard_complaints([]))
    assert not list(attribute_complaints([]))


@pytest.mark.parametrize("name", CUSTOMER_FIELDS)
def test_every_customer_field_can_be_mapped(name: str) -> None:
    assert not list(standard_complaints([{"from": "x", "to": name}]))


def test_an_entry_keeps_everything_that_it_says() -> None:
    row = {
        "from": "profile.tier",
        "to": "Tier",
        "type": "number",
        "values": {"gold": 7},
        "default": None,
        "write": "if_empty",
    }

    [entry] = to_entries([row])

    assert entry == Entry(
        source="profile.tier",
        constant=None,
        to="Tier",
        type="number",
        table={"gold": 7},
        default=None,
        has_default=True,
        if_empty=True,
    )


def test_an_entry_that_says_little_has_the_defaults() -> None:
    [entry] = to_entries([{"value": False, "to": "Tier"}])

    assert entry == Entry(
        source=None,
        constant=False,
        to="Tier",
        type="string",
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
def test_any_mapping_is_complained_about_or_read(
    rows: Any,  # noqa: ANN401 - any JSON
) -> None:
    complaints = [*standard_complaints(rows), *attribute_complaints(rows)]

    assert complaints or len(to_entries(rows)) == len(rows)


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
def test_a_complaint_quotes_no_value(row: object) -> None:
    lines = [*standard_complaints([row]), *attribute_complaints([row])]

    assert lines
    assert not any(MARK in line for line in lines)
