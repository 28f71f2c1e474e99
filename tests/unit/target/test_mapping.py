"""A record is mapped to the desired customer, or rejected."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.mapping import Entry, attributes_of, fields_of, mapping, rejection
from support.strategies import JSON
from target_bigcommerce.errors import RecordRejectedError, RejectCode
from target_bigcommerce.mapping import (
    ABSENT,
    DesiredValue,
    map_record,
    read_id,
    read_path,
)

if TYPE_CHECKING:
    from support.mapping import Record


def test_constant_needs_no_field() -> None:
    entry = {"value": "Lytics", "to": "company"}

    assert fields_of({}, entry) == {"company": "Lytics"}


# Nulls, absent and blank values.


EMPTY_VALUES = [
    "",
    " ",
    " \t\r\n",
    "\u00a0",
    [],
    [""],
    [None, "  "],
    {},
    "0001-01-01T00:00:00Z",
    " 0001-01-01T00:00:00Z\n",
]


@pytest.mark.parametrize("value", [None, *EMPTY_VALUES])
def test_empty_value_is_not_written(value: object) -> None:
    record = {"x": value}

    assert fields_of(record, {"from": "x", "to": "company"}) == {}
    assert attributes_of(record, {"from": "x", "to": "Tier"}) == {}
    assert attributes_of(record, {"from": "x", "to": "At", "type": "date"}) == {}


@pytest.mark.parametrize("value", EMPTY_VALUES)
def test_empty_value_clears_nothing(value: object) -> None:
    record = {"x": value}

    assert fields_of(record, {"from": "x", "to": "notes"}, clears_nulls=True) == {}
    assert attributes_of(record, {"from": "x", "to": "T"}, clears_nulls=True) == {}


@pytest.mark.parametrize("value", [None, *EMPTY_VALUES])
def test_table_default_is_not_for_empty_values(value: object) -> None:
    table = {"from": "x", "values": {"gold": 7, "": 3}, "default": 0}

    assert fields_of({"x": value}, {**table, "to": "customer_group_id"}) == {}
    assert attributes_of({"x": value}, {**table, "to": "Tier"}) == {}
    assert fields_of({}, {**table, "to": "customer_group_id"}) == {}


@pytest.mark.parametrize("name", ["company", "phone", "notes", "tax_exempt_category"])
def test_null_clears_a_field_if_configured(name: str) -> None:
    entry = {"from": "x", "to": name}

    assert fields_of({"x": None}, entry, clears_nulls=True) == {name: None}
    assert fields_of({}, entry, clears_nulls=True) == {}


@pytest.mark.parametrize("name", ["email", "first_name", "last_name", "channel_ids"])
def test_null_never_clears_a_required_field(name: str) -> None:
    assert fields_of({"x": None}, {"from": "x", "to": name}, clears_nulls=True) == {}


def test_null_deletes_an_attribute_value() -> None:
    entry = {"from": "x", "to": "Tier"}

    assert attributes_of({"x": None}, entry, clears_nulls=True) == {"Tier": None}
    assert attributes_of({}, entry, clears_nulls=True) == {}


# Translation tables.

GROUP = "customer_group_id"
GROUPS = {"from": "tier", "to": GROUP, "values": {"gold": 7, "true": 9}}


@pytest.mark.parametrize(
    ("value", "entry", "fields"),
    [
        ("gold", GROUPS, {GROUP: 7}),
        (True, GROUPS, {GROUP: 9}),
        ("tin", GROUPS, {}),
        ("tin", {**GROUPS, "default": 1}, {GROUP: 1}),
        (None, {**GROUPS, "default": 1}, {}),
        (ABSENT, {**GROUPS, "default": 1}, {}),
    ],
)
def test_value_is_translated_by_the_table(
    value: object, entry: Entry, fields: dict[str, Any]
) -> None:
    record = {} if value is ABSENT else {"tier": value}

    assert fields_of(record, entry) == fields


def test_constant_is_translated_too() -> None:
    entry = {**GROUPS, "value": "gold"}
    del entry["from"]

    assert fields_of({}, entry) == {GROUP: 7}


# Desired values.


def test_if_empty_is_kept_with_its_value() -> None:
    entry = {"from": "x", "to": "company", "write": "if_empty"}

    desired = map_record({"x": "Ltd"}, mapping(entry))

    assert desired.fields == {"company": DesiredValue(value="Ltd", if_empty=True)}


def test_email_to_match_by_is_in_lower_case() -> None:
    entry = {"from": "mail", "to": "email"}

    desired = map_record({"mail": "Ada@Example.com"}, mapping(entry))

    assert desired.email == "ada@example.com"
    assert desired.fields["email"].value == "Ada@Example.com"
    assert desired.customer_id is None


# Paths.


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
def test_dotted_path_reads_nested_values(
    record: Record, path: str, value: object
) -> None:
    assert read_path(record, path) == value


@given(keys=st.lists(st.text(min_size=1), min_size=1, max_size=4), value=st.integers())
def test_keys_may_contain_dots(keys: list[str], value: int) -> None:
    record: Any = value
    for key in reversed(keys):
        record = {key: record}

    assert read_path(record, ".".join(keys)) == value


# Ids.


@pytest.mark.parametrize(
    ("record", "id_field", "number"),
    [
        ({"id": 17}, "id", 17),
        ({"id": "17"}, "id", 17),
        ({"id": " 17 "}, "id", 17),
        ({"id": "17\r"}, "id", 17),
        ({"id": 17.0}, "id", 17),
        ({"id": Decimal("17.000")}, "id", 17),
        ({"id": Decimal("1E+3")}, "id", 1000),
        ({"id": "17.0"}, "id", 17),
        ({"id": " 17.00 "}, "id", 17),
        ({"id": "9" * 18}, "id", int("9" * 18)),
        ({"store": {"id": "17"}}, "store.id", 17),
        ({"id": 1001.0}, "id", 1001),
        ({"id": Decimal("1001.0")}, "id", 1001),
        ({"id": "1001.0"}, "id", 1001),
        ({"id": "\t1001.000\n"}, "id", 1001),
        ({"id": "9" * 18 + ".0"}, "id", int("9" * 18)),
    ],
    ids=repr,
)
def test_id_is_a_whole_number_or_its_digits(
    record: Record, id_field: str, number: int
) -> None:
    assert read_id(record, id_field) == number


@pytest.mark.parametrize(
    "record",
    [
        {},
        *(
            {"id": value}
            for value in (
                *(None, "", "  ", "\t\r\n", "\u00a0"),
                *(0, 0.0, -0.0, Decimal("0.0"), Decimal("0e9"), "0", "0.0", " 0.000 "),
            )
        ),
    ],
    ids=repr,
)
def test_null_blank_and_zero_are_no_id(record: Record) -> None:
    assert read_id(record, "id") is None


@pytest.mark.parametrize(
    "value",
    [
        *(True, False, -1, -3, 10**18, 10**400),
        *(1.5, 0.5, -1.0, 1e18, float("nan"), float("inf")),
        *map(Decimal, ("1001.5", "1e18", "1e999999", "1e-999999", "NaN", "sNaN")),
        *(
            "017",
            "007",
            "00",
            "-0",
            "1_000",
            "+17",
            "17.",
            ".0",
            "17.5",
            "1,001",
            "1e3",
        ),
        *("\u0661\u0667", "\uff11\uff12", "\uff10", "\u00a017", "17\u2003"),
        *("abc", "0x11", "17.0.0", "9" * 19, "1" + "0" * 5000, "17\x00"),
        *([17], [], {"id": 17}, {}),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_unreadable_id_is_rejected(value: object) -> None:
    with pytest.raises(RecordRejectedError) as caught:
        read_id({"id": value}, "id")

    assert caught.value.code is RejectCode.UNREADABLE_ID


@given(number=st.integers(1, 10**18 - 1))
def test_id_is_read_from_text_and_number(number: int) -> None:
    forms = (number, str(number), f"{number}.00", Decimal(number))

    assert {read_id({"id": form}, "id") for form in forms} == {number}


@given(value=JSON)
def test_any_value_is_an_id_no_id_or_rejected(value: object) -> None:
    with suppress(RecordRejectedError):  # Anything else that is raised fails the test.
        number = read_id({"id": value}, "id")

        assert number is None or 0 < number < 10**18


# Rejected values.

TEXT_FIELDS = {
    "email": 250,
    "first_name": 100,
    "last_name": 100,
    "company": 255,
    "phone": 50,
    "tax_exempt_category": 255,
}


@pytest.mark.parametrize(("name", "longest"), TEXT_FIELDS.items())
def test_long_text_is_rejected_not_cut(name: str, longest: int) -> None:
    end = "@example.com" if name == "email" else ""
    entry = {"from": "x", "to": name}
    text = "x" * (longest - len(end)) + end

    error = rejection({"x": "x" + text}, entry)

    assert fields_of({"x": text}, entry) == {name: text}
    assert error.code is RejectCode.TOO_LONG
    assert str(longest) in error.reason


def test_notes_have_no_limit() -> None:
    text = "x" * 100_000

    assert fields_of({"x": text}, {"from": "x", "to": "notes"}) == {"notes": text}


def test_long_attribute_value_is_rejected() -> None:
    entry = {"from": "x", "to": "Tier"}

    fits = attributes_of({"x": "\u00e9" * 255}, entry)
    with pytest.raises(RecordRejectedError) as caught:
        attributes_of({"x": "\u00e9" * 256}, entry)

    assert fits == {"Tier": "\u00e9" * 255}
    assert caught.value.code is RejectCode.TOO_LONG


@pytest.mark.parametrize(
    "email", ["m1@example.com ", "\tm1@example.com\r\n", "\u00a0m1@example.com"]
)
def test_blanks_around_an_email_are_removed(email: str) -> None:
    record = {"email": email}

    assert fields_of(record, {"from": "email", "to": "email"}) == {
        "email": "m1@example.com"
    }


@pytest.mark.parametrize(
    "email",
    ["ada", "@example.com", "ada@", "ada @example.com", "a@b@c", "a,b@example.com"],
)
def test_invalid_email_is_rejected(email: str) -> None:
    error = rejection({"x": email}, {"from": "x", "to": "email"})

    assert error.code is RejectCode.INVALID_EMAIL


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
def test_value_that_the_field_rejects_has_a_code(
    name: str, value: object, code: RejectCode
) -> None:
    assert rejection({"x": value}, {"from": "x", "to": name}).code is code


@pytest.mark.parametrize(("kind", "value"), [("number", "many"), ("date", "soon")])
def test_attribute_accepts_only_its_type(kind: str, value: str) -> None:
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

    assert all(len(each.value or "") <= 255 for each in desired.attributes.values())


@given(words=st.text(min_size=8, alphabet=st.characters(min_codepoint=0xE000)))
def test_reason_never_quotes_the_value(words: str) -> None:
    entries = [
        ({"from": "x", "to": "email"}, words),
        ({"from": "x", "to": "company"}, words * 40),
        ({"from": "x", "to": "customer_group_id"}, words),
        ({"from": "x", "to": "form_fields"}, [{words: words}]),
        ({"from": "x", "to": "company"}, {words: words}),
    ]

    reasons = [rejection({"x": value}, entry).reason for entry, value in entries]

    assert not any(words in reason for reason in reasons)


@pytest.mark.parametrize(
    ("record", "entry", "source", "problem"),
    [
        ({"x": "gold"}, {"from": "x", "to": GROUP}, "x", "it is not an integer"),
        ({}, {"value": "gold", "to": GROUP}, "the constant", "it is not an integer"),
        ({"tier": {"a": 1}}, GROUPS, "tier", "an object has no text form"),
    ],
)
def test_reason_names_source_field_and_problem(
    record: Record, entry: Entry, source: str, problem: str
) -> None:
    error = rejection(record, entry)

    assert error.code is RejectCode.WRONG_TYPE
    assert error.reason == f"{source} cannot be written to {GROUP}: {problem}"
