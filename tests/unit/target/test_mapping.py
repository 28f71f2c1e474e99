"""A record becomes what it wants of its customer, or is rejected with a code."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.mapping import (
    ABSENT,
    RecordMapping,
    dig,
    read_id,
    to_wanted,
)
from target_bigcommerce.records.codes import Code, RejectedError
from target_bigcommerce.records.entries import to_entries
from target_bigcommerce.records.wanted import Want

Entry = dict[str, Any]
Record = dict[str, Any]
TEXT_FIELDS = {
    "email": 250,
    "first_name": 100,
    "last_name": 100,
    "company": 255,
    "phone": 50,
    "tax_exempt_category": 255,
}


def mapping(
    *standard: Entry, attributes: tuple[Entry, ...] = (), clears_nulls: bool = False
) -> RecordMapping:
    return RecordMapping(
        id_field="id",
        standard=to_entries(standard),
        attributes=to_entries(attributes),
        clears_nulls=clears_nulls,
    )


def fields_of(
    record: Record, *standard: Entry, clears_nulls: bool = False
) -> dict[str, Any]:
    wanted = to_wanted(record, mapping(*standard, clears_nulls=clears_nulls))
    return {name: want.value for name, want in wanted.fields.items()}


def attributes_of(
    record: Record, *entries: Entry, clears_nulls: bool = False
) -> dict[str, Any]:
    wanted = to_wanted(record, mapping(attributes=entries, clears_nulls=clears_nulls))
    return {name: want.value for name, want in wanted.attributes.items()}


def rejection(record: Record, *standard: Entry) -> RejectedError:
    with pytest.raises(RejectedError) as caught:
        to_wanted(record, mapping(*standard))
    return caught.value


# Where a value comes from.


@pytest.mark.parametrize(
    ("record", "path", "value"),
    [
        ({"a": 1}, "a", 1),
        ({"a": {"b": {"c": 1}}}, "a.b.c", 1),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"a": {"b.c": 1}}, "a.b.c", 1),
        ({"a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": {}, "a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": None}, "a", None),
        ({"a": {"b": None}}, "a.b", None),
        ({"a": 1}, "b", ABSENT),
        ({"a": 1}, "a.b", ABSENT),
        ({"a": [1]}, "a.0", ABSENT),
        ({}, "a.b", ABSENT),
    ],
)
def test_a_dotted_path_leads_into_nested_values(
    record: Record, path: str, value: object
) -> None:
    assert dig(record, path) == value


@given(keys=st.lists(st.text(min_size=1), min_size=1, max_size=4), value=st.integers())
def test_whatever_dots_the_keys_have_the_value_is_found(
    keys: list[str], value: int
) -> None:
    record: Any = value
    for key in reversed(keys):
        record = {key: record}

    assert dig(record, ".".join(keys)) == value


def test_a_constant_needs_no_field() -> None:
    entry = {"value": "Lytics", "to": "company"}

    assert fields_of({}, entry) == {"company": "Lytics"}


# The id.


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (17, 17),
        ("17", 17),
        (" 17 ", 17),
        ("9" * 18, int("9" * 18)),
        (None, None),
        ("", None),
        ("  ", None),
    ],
    ids=repr,
)
def test_an_id_is_an_integer_or_digits(value: object, number: int | None) -> None:
    assert read_id({"id": value}, "id") == number


def test_a_record_without_the_field_has_no_id() -> None:
    assert read_id({}, "id") is None


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        0,
        -1,
        10**18,
        "0",
        "017",
        "1_000",
        "1.0",
        "+17",
        "\u0661\u0667",
        "abc",
        Decimal("17.0"),
        17.0,
        [17],
        {"id": 17},
    ],
    ids=repr,
)
def test_what_is_there_and_no_id_is_rejected(value: object) -> None:
    with pytest.raises(RejectedError) as caught:
        read_id({"id": value}, "id")

    assert caught.value.code is Code.UNREADABLE_ID


@given(number=st.integers(1, 10**18 - 1))
def test_every_id_is_read_from_text_and_number_alike(number: int) -> None:
    assert read_id({"id": number}, "id") == read_id({"id": str(number)}, "id") == number


def test_an_id_may_be_nested() -> None:
    assert read_id({"store": {"id": "17"}}, "store.id") == 17


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
    assert rejection({"tier": {"a": 1}}, GROUPS).code is Code.WRONG_TYPE


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


# What is rejected.


@pytest.mark.parametrize(("name", "longest"), TEXT_FIELDS.items())
def test_a_text_too_long_is_rejected_and_never_cut(name: str, longest: int) -> None:
    end = "@example.com" if name == "email" else ""
    entry = {"from": "x", "to": name}
    text = "x" * (longest - len(end)) + end

    why = rejection({"x": "x" + text}, entry)

    assert fields_of({"x": text}, entry) == {name: text}
    assert why.code is Code.TOO_LONG
    assert str(longest) in why.reason


def test_notes_have_no_end() -> None:
    text = "x" * 100_000

    assert fields_of({"x": text}, {"from": "x", "to": "notes"}) == {"notes": text}


def test_an_attribute_value_has_255_characters_at_most() -> None:
    entry = {"from": "x", "to": "Tier"}

    fits = attributes_of({"x": "\u00e9" * 255}, entry)
    with pytest.raises(RejectedError) as caught:
        attributes_of({"x": "\u00e9" * 256}, entry)

    assert fits == {"Tier": "\u00e9" * 255}
    assert caught.value.code is Code.TOO_LONG


@pytest.mark.parametrize(
    "address",
    ["ada", "@example.com", "ada@", "ada @example.com", "a@b@c", "a,b@example.com"],
)
def test_what_is_no_address_is_rejected(address: str) -> None:
    why = rejection({"x": address}, {"from": "x", "to": "email"})

    assert why.code is Code.INVALID_EMAIL


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("customer_group_id", "gold", Code.WRONG_TYPE),
        ("customer_group_id", -1, Code.INVALID_VALUE),
        ("channel_ids", ["web"], Code.WRONG_TYPE),
        ("accepts_product_review_abandoned_cart_emails", "maybe", Code.WRONG_TYPE),
        ("store_credit_amounts", [{"sum": 1}], Code.INVALID_VALUE),
        ("store_credit_amounts", "much", Code.WRONG_TYPE),
        ("form_fields", [{"name": "size"}], Code.INVALID_VALUE),
        ("form_fields", {"size": "M"}, Code.INVALID_VALUE),
        ("authentication", {"new_password": 1}, Code.INVALID_VALUE),
        ("addresses", [{"city": "Kiel"}], Code.INVALID_VALUE),
        ("origin_channel_id", 0, Code.INVALID_VALUE),
        ("company", {"name": "Ltd"}, Code.WRONG_TYPE),
    ],
)
def test_a_value_that_its_field_does_not_take_is_rejected(
    name: str, value: object, code: Code
) -> None:
    assert rejection({"x": value}, {"from": "x", "to": name}).code is code


@pytest.mark.parametrize(("kind", "value"), [("number", "many"), ("date", "soon")])
def test_an_attribute_of_a_type_takes_that_type_only(kind: str, value: str) -> None:
    entry = {"from": "x", "to": "A", "type": kind}

    with pytest.raises(RejectedError) as caught:
        attributes_of({"x": value}, entry)

    assert caught.value.code is Code.WRONG_TYPE


SCALARS = st.none() | st.booleans() | st.integers() | st.decimals() | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    value=JSON,
    name=st.sampled_from([*TEXT_FIELDS, "customer_group_id", "channel_ids"]),
    clears=st.booleans(),
)
def test_any_record_is_wanted_or_rejected(
    value: Any,  # noqa: ANN401 - any JSON
    name: str,
    clears: bool,  # noqa: FBT001 - drawn by name
) -> None:
    entry = {"from": "x", "to": name}
    attribute = {"from": "x", "to": "Tier"}
    made = mapping(entry, attributes=(attribute,), clears_nulls=clears)

    try:
        wanted = to_wanted({"x": value}, made)
    except RejectedError:
        return

    assert all(len(w.value or "") <= 255 for w in wanted.attributes.values())


@given(words=st.text(min_size=8, alphabet=st.characters(min_codepoint=0xE000)))
def test_a_reason_never_quotes_the_value(words: str) -> None:
    entries = [
        ({"from": "x", "to": "email"}, words),
        ({"from": "x", "to": "company"}, words * 40),
        ({"from": "x", "to": "customer_group_id"}, words),
        ({"from": "x", "to": "form_fields"}, [{words: words}]),
        ({"from": "x", "to": "company"}, {words: words}),
    ]

    reasons = [rejection({"x": value}, entry).reason for entry, value in entries]

    assert not any(words in reason for reason in reasons)
