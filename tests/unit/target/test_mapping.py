"""A record is mapped to the customer it should become."""

from __future__ import annotations

from typing import Any

import pytest

from support.mapping import Entry, attributes_of, fields_of, mapping, rejection
from target_bigcommerce.errors import RejectCode
from target_bigcommerce.mapping import ABSENT, DesiredValue, map_record


def test_a_constant_needs_no_field() -> None:
    entry = {"value": "Lytics", "to": "company"}

    assert fields_of({}, entry) == {"company": "Lytics"}


# Nulls, gaps and blanks.


@pytest.mark.parametrize("value", ["", [], None])
def test_an_empty_value_is_not_written(value: object) -> None:
    record = {"x": value}

    assert fields_of(record, {"from": "x", "to": "company"}) == {}
    assert attributes_of(record, {"from": "x", "to": "Tier"}) == {}


@pytest.mark.parametrize("value", ["", []])
def test_an_empty_text_or_list_empties_nothing(value: object) -> None:
    record = {"x": value}

    assert fields_of(record, {"from": "x", "to": "notes"}, clears_nulls=True) == {}
    assert attributes_of(record, {"from": "x", "to": "T"}, clears_nulls=True) == {}


@pytest.mark.parametrize("name", ["company", "phone", "notes", "tax_exempt_category"])
def test_an_explicit_null_empties_if_configured(name: str) -> None:
    entry = {"from": "x", "to": name}

    assert fields_of({"x": None}, entry, clears_nulls=True) == {name: None}
    assert fields_of({}, entry, clears_nulls=True) == {}


@pytest.mark.parametrize("name", ["email", "first_name", "last_name", "channel_ids"])
def test_a_null_never_empties_a_required_field(name: str) -> None:
    assert fields_of({"x": None}, {"from": "x", "to": name}, clears_nulls=True) == {}


def test_an_explicit_null_deletes_an_attribute_value() -> None:
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
def test_a_table_translates_only_what_it_contains(
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


def test_if_empty_is_kept_with_its_value() -> None:
    entry = {"from": "x", "to": "company", "write": "if_empty"}

    desired = map_record({"x": "Ltd"}, mapping(entry))

    assert desired.fields == {"company": DesiredValue(value="Ltd", if_empty=True)}


def test_the_address_to_match_by_is_in_lower_case() -> None:
    entry = {"from": "mail", "to": "email"}

    desired = map_record({"mail": "Ada@Example.com"}, mapping(entry))

    assert desired.email == "ada@example.com"
    assert desired.fields["email"].value == "Ada@Example.com"
    assert desired.customer_id is None
