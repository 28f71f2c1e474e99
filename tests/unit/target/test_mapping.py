"""A record becomes what it wants of its customer."""

from __future__ import annotations

from typing import Any

import pytest
from mapped_records import Entry, attributes_of, fields_of, mapping, rejection

from target_bigcommerce.errors import RejectCode
from target_bigcommerce.mapping import ABSENT, to_wanted
from target_bigcommerce.records.wanted import Want


def test_a_constant_needs_no_field() -> None:
    entry = {"value": "Lytics", "to": "company"}

    assert fields_of({}, entry) == {"company": "Lytics"}


# Nulls, gaps and blanks.


@pytest.mark.parametrize("value", ["", [], None])
def test_a_value_that_says_nothing_is_left_alone(value: object) -> None:
    record = {"x": value}

    assert fields_of(record, {"from": "x", "to": "company"}) == {}
    assert attributes_of(record, {"from": "x", "to": "Tier"}) == {}


@pytest.mark.parametrize("value", ["", []])
def test_an_empty_text_or_list_is_no_order_to_empty(value: object) -> None:
    record = {"x": value}

    assert fields_of(record, {"from": "x", "to": "notes"}, clears_nulls=True) == {}
    assert attributes_of(record, {"from": "x", "to": "T"}, clears_nulls=True) == {}


@pytest.mark.parametrize("name", ["company", "phone", "notes", "tax_exempt_category"])
def test_an_explicit_null_empties_where_it_is_asked_to(name: str) -> None:
    entry = {"from": "x", "to": name}

    assert fields_of({"x": None}, entry, clears_nulls=True) == {name: None}
    assert fields_of({}, entry, clears_nulls=True) == {}


@pytest.mark.parametrize("name", ["email", "first_name", "last_name", "channel_ids"])
def test_a_null_never_empties_what_a_customer_needs(name: str) -> None:
    assert fields_of({"x": None}, {"from": "x", "to": name}, clears_nulls=True) == {}


def test_an_explicit_null_deletes_an_attribute_value_where_asked_to() -> None:
    entry = {"from": "x", "to": "Tier"}

    assert attributes_of({"x": None}, entry, clears_nulls=True) == {"Tier": None}
    assert attributes_of({}, entry, clears_nulls=True) == {}


# Tables.

GROUPS = {"from": "tier", "to": "customer_group_id", "values": {"gold": 7, "true": 9}}


@pytest.mark.parametrize(
    ("value", "entry", "fields"),
    [
        ("gold", GROUPS, {"customer_group_id": 7}),
        (True, GROUPS, {"customer_group_id": 9}),
        ("tin", GROUPS, {}),
        ("tin", {**GROUPS, "default": 1}, {"customer_group_id": 1}),
        (None, {**GROUPS, "default": 1}, {}),
        (ABSENT, {**GROUPS, "default": 1}, {}),
    ],
)
def test_a_table_translates_and_leaves_alone_what_it_does_not_know(
    value: object, entry: Entry, fields: dict[str, Any]
) -> None:
    record = {} if value is ABSENT else {"tier": value}

    assert fields_of(record, entry) == fields


def test_a_table_cannot_translate_an_object() -> None:
    assert rejection({"tier": {"a": 1}}, GROUPS).code is RejectCode.WRONG_TYPE


def test_a_constant_passes_through_a_table_too() -> None:
    entry = {**GROUPS, "value": "gold"}
    del entry["from"]

    assert fields_of({}, entry) == {"customer_group_id": 7}


# How it is written.


def test_if_empty_travels_with_its_value() -> None:
    entry = {"from": "x", "to": "company", "write": "if_empty"}

    wanted = to_wanted({"x": "Ltd"}, mapping(entry))

    assert wanted.fields == {"company": Want(value="Ltd", if_empty=True)}


def test_the_address_to_match_by_is_in_lower_case() -> None:
    entry = {"from": "mail", "to": "email"}

    wanted = to_wanted({"mail": "Ada@Example.com"}, mapping(entry))

    assert wanted.email == "ada@example.com"
    assert wanted.fields["email"].value == "Ada@Example.com"
    assert wanted.customer_id is None
