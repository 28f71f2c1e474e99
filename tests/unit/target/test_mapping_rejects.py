"""A record is rejected with a code if a field does not accept its value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.mapping import attributes_of, fields_of, mapping, rejection
from support.strategies import JSON
from target_bigcommerce.errors import RecordRejectedError, RejectCode
from target_bigcommerce.mapping import map_record

TEXT_FIELDS = {
    "email": 250,
    "first_name": 100,
    "last_name": 100,
    "company": 255,
    "phone": 50,
    "tax_exempt_category": 255,
}


@pytest.mark.parametrize(("name", "longest"), TEXT_FIELDS.items())
def test_a_text_too_long_is_rejected_and_never_cut(name: str, longest: int) -> None:
    end = "@example.com" if name == "email" else ""
    entry = {"from": "x", "to": name}
    text = "x" * (longest - len(end)) + end

    why = rejection({"x": "x" + text}, entry)

    assert fields_of({"x": text}, entry) == {name: text}
    assert why.code is RejectCode.TOO_LONG
    assert str(longest) in why.reason


def test_notes_have_no_end() -> None:
    text = "x" * 100_000

    assert fields_of({"x": text}, {"from": "x", "to": "notes"}) == {"notes": text}


def test_an_attribute_value_has_255_characters_at_most() -> None:
    entry = {"from": "x", "to": "Tier"}

    fits = attributes_of({"x": "\u00e9" * 255}, entry)
    with pytest.raises(RecordRejectedError) as caught:
        attributes_of({"x": "\u00e9" * 256}, entry)

    assert fits == {"Tier": "\u00e9" * 255}
    assert caught.value.code is RejectCode.TOO_LONG


@pytest.mark.parametrize(
    "address",
    ["ada", "@example.com", "ada@", "ada @example.com", "a@b@c", "a,b@example.com"],
)
def test_an_invalid_address_is_rejected(address: str) -> None:
    why = rejection({"x": address}, {"from": "x", "to": "email"})

    assert why.code is RejectCode.INVALID_EMAIL


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("customer_group_id", "gold", RejectCode.WRONG_TYPE),
        ("customer_group_id", -1, RejectCode.INVALID_VALUE),
        ("channel_ids", ["web"], RejectCode.WRONG_TYPE),
        (
            "accepts_product_review_abandoned_cart_emails",
            "maybe",
            RejectCode.WRONG_TYPE,
        ),
        ("store_credit_amounts", [{"sum": 1}], RejectCode.INVALID_VALUE),
        ("store_credit_amounts", "much", RejectCode.WRONG_TYPE),
        ("form_fields", [{"name": "size"}], RejectCode.INVALID_VALUE),
        ("form_fields", {"size": "M"}, RejectCode.INVALID_VALUE),
        ("authentication", {"new_password": 1}, RejectCode.INVALID_VALUE),
        ("addresses", [{"city": "Kiel"}], RejectCode.INVALID_VALUE),
        ("origin_channel_id", 0, RejectCode.INVALID_VALUE),
        ("company", {"name": "Ltd"}, RejectCode.WRONG_TYPE),
    ],
)
def test_a_value_that_its_field_does_not_accept_is_rejected(
    name: str, value: object, code: RejectCode
) -> None:
    assert rejection({"x": value}, {"from": "x", "to": name}).code is code


@pytest.mark.parametrize(("kind", "value"), [("number", "many"), ("date", "soon")])
def test_an_attribute_accepts_only_its_type(kind: str, value: str) -> None:
    entry = {"from": "x", "to": "A", "type": kind}

    with pytest.raises(RecordRejectedError) as caught:
        attributes_of({"x": value}, entry)

    assert caught.value.code is RejectCode.WRONG_TYPE


@given(
    value=JSON,
    name=st.sampled_from([*TEXT_FIELDS, "customer_group_id", "channel_ids"]),
    clears=st.booleans(),
)
def test_any_record_is_mapped_or_rejected(
    value: Any,  # noqa: ANN401 - any JSON
    name: str,
    clears: bool,  # noqa: FBT001 - drawn by name
) -> None:
    entry = {"from": "x", "to": name}
    attribute = {"from": "x", "to": "Tier"}
    made = mapping(entry, attributes=(attribute,), clears_nulls=clears)

    try:
        desired = map_record({"x": value}, made)
    except RecordRejectedError:
        return

    assert all(len(w.value or "") <= 255 for w in desired.attributes.values())


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


def test_a_reason_names_source_and_field() -> None:
    entry = {"from": "tier", "to": "customer_group_id"}

    why = rejection({"tier": "gold"}, entry)

    assert why.reason == (
        "tier cannot be written to customer_group_id: it is not an integer"
    )


def test_a_reason_calls_a_constant_by_that_name() -> None:
    why = rejection({}, {"value": "gold", "to": "customer_group_id"})

    assert why.reason.startswith("the constant cannot be written")


def test_a_reason_of_an_untranslatable_value_names_its_source() -> None:
    entry = {"from": "tier", "to": "customer_group_id", "values": {"gold": 7}}

    why = rejection({"tier": {"a": 1}}, entry)

    assert why.reason.startswith("tier cannot be written to customer_group_id: ")
