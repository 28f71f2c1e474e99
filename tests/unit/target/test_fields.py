"""A value is coerced to its field's type, compared and merged."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.strategies import JSON
from target_bigcommerce.errors import RejectCode
from target_bigcommerce.fields import (
    ATTRIBUTE_TYPES,
    CUSTOMER_FIELDS,
    AttributeType,
    CoercionError,
    CustomerField,
    ValueRules,
    has_fields,
    to_boolean,
    to_integer,
    to_integers,
    to_plain_json,
    to_store_credit,
    to_text,
)
from target_bigcommerce.plan import needs_write

# Coercion.

CONVERSIONS = {
    "text": to_text,
    "integer": to_integer,
    "boolean": to_boolean,
    "integers": to_integers,
    "credit": to_store_credit,
    "json": to_plain_json,
}
FIELDS = [*CUSTOMER_FIELDS.values()]
TYPES = {
    "text": str,
    "integer": int,
    "true or false": bool,
    "list of integers": list,
    "an amount, or BigCommerce's list with one": list,
}


@given(value=JSON, field=st.sampled_from(FIELDS))
def test_any_value_is_coerced_or_rejected(
    value: Any,  # noqa: ANN401 - any JSON
    field: CustomerField,
) -> None:
    try:
        coerced = field.coerce(value)
    except CoercionError:
        return

    assert isinstance(coerced, TYPES.get(field.coerces_to, object))


def test_every_conversion_is_used_by_a_field() -> None:
    assert set(CONVERSIONS.values()) <= {field.convert for field in FIELDS}


@pytest.mark.parametrize(
    ("kind", "value", "coerced"),
    [
        ("integer", "7", 7),
        ("integer", " 7 ", 7),
        ("integer", -8, -8),
        ("integer", Decimal("7.0"), 7),
        ("integers", [1, "2"], [1, 2]),
        ("integers", "3", [3]),
        ("boolean", True, True),
        ("boolean", "T", True),
        ("boolean", " yes ", True),
        ("boolean", 1, True),
        ("boolean", "f", False),
        ("boolean", 0, False),
        ("credit", "12.50", [{"amount": 12.5}]),
        ("credit", Decimal(7), [{"amount": 7}]),
        ("credit", [{"amount": Decimal("1.5")}], [{"amount": 1.5}]),
        ("json", {"a": [Decimal("1.5"), Decimal(2)]}, {"a": [1.5, 2]}),
    ],
)
def test_value_is_converted_to_its_type(
    kind: str, value: object, coerced: object
) -> None:
    made: object = CONVERSIONS[kind](value)

    assert made == coerced
    assert type(made) is type(coerced)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", True),
        ("integer", [7]),
        ("integer", "1_000"),
        ("integer", "\u0667"),
        ("integer", "7.5"),
        ("integer", "9" * 19),
        ("integer", None),
        ("integers", [1, None]),
        ("integers", [[1]]),
        ("boolean", "maybe"),
        ("boolean", 2),
        ("credit", True),
        ("credit", "1_0"),
        ("credit", "much"),
        ("text", {"a": 1}),
    ],
)
def test_value_of_another_type_is_rejected(kind: str, value: object) -> None:
    with pytest.raises(CoercionError) as caught:
        CONVERSIONS[kind](value)

    assert caught.value.code is RejectCode.WRONG_TYPE


# Text.

NUMBER = ATTRIBUTE_TYPES["number"]


@given(value=JSON, attribute_type=st.sampled_from([*ATTRIBUTE_TYPES.values()]))
def test_any_value_is_coerced_to_text_or_rejected(
    value: Any,  # noqa: ANN401 - any JSON
    attribute_type: AttributeType,
) -> None:
    try:
        text = attribute_type.coerce(value)
    except CoercionError:
        return

    assert isinstance(text, str)
    assert len(text) <= 255


@given(text=st.text(max_size=255))
def test_text_is_unchanged(text: str) -> None:
    assert to_text(text) == text
    assert CUSTOMER_FIELDS["notes"].coerce(text) == text
    assert ATTRIBUTE_TYPES["string"].coerce(text) == text


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_decimal_is_exact(number: Decimal) -> None:
    text = to_text(number)

    assert Decimal(text) == number
    assert "E" not in text.upper()


@given(number=st.integers(min_value=-(10**300), max_value=10**300))
def test_integer_is_exact(number: int) -> None:
    assert to_text(number) == str(number)


@given(
    number=st.decimals(
        min_value=-(10**200), max_value=10**200, allow_nan=False, places=6
    )
)
def test_coercing_twice_changes_nothing(number: Decimal) -> None:
    once = NUMBER.coerce(number)

    assert NUMBER.coerce(once) == once


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (Decimal("0.10"), "0.1"),
        (Decimal(100), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.0"), "0"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        (["a", "b"], "a,b"),
        (["a", None, 1, True], "a,1,true"),
        ([], ""),
        (datetime(2026, 3, 1, 8, tzinfo=UTC), "2026-03-01T08:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (time(8, 30), "08:30:00"),
    ],
)
def test_value_is_converted_to_text(value: object, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": 1},
        [{"a": 1}],
        Decimal("NaN"),
        Decimal("Infinity"),
        float("inf"),
        Decimal("1E+401"),
        Decimal("1E-401"),
        10**401,
    ],
)
def test_value_without_text_form_is_rejected(value: object) -> None:
    with pytest.raises(CoercionError):
        to_text(value)


def test_deeply_nested_list_is_rejected() -> None:
    value: list[object] = []
    for _ in range(10_000):
        value = [value]

    with pytest.raises(CoercionError):
        to_text(value)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", "12"),
        (" 1.50 ", "1.5"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("+1e2", "100"),
    ],
)
def test_number_attribute_accepts_plain_numbers(text: str, number: str) -> None:
    assert NUMBER.coerce(text) == number


@pytest.mark.parametrize(
    "value",
    [
        True,
        "1_000",
        "\u0661\u0662",
        "NaN",
        "Infinity",
        "sNaN",
        "1,5",
        "twelve",
        "",
        "1e999999999999999999999",
    ],
)
def test_number_attribute_rejects_other_values(value: object) -> None:
    with pytest.raises(CoercionError):
        NUMBER.coerce(value)


# Dates.

DATE = ATTRIBUTE_TYPES["date"]


@pytest.mark.guarantee("real-world-input")
@pytest.mark.parametrize(
    ("text", "sent"),
    [
        # RFC 3339, and its parts: unchanged.
        ("2026-03-01", "2026-03-01"),
        ("2024-02-29", "2024-02-29"),
        ("2026-03-01T08:00", "2026-03-01T08:00"),
        ("2026-03-01T08:00:59Z", "2026-03-01T08:00:59Z"),
        ("2026-03-01T08:00:00.123456789+01:00", "2026-03-01T08:00:00.123456789+01:00"),
        # PostgreSQL.
        ("2026-11-24 10:00:00", "2026-11-24T10:00:00"),
        ("2026-11-24 10:00:00.5+01", "2026-11-24T10:00:00.500000+01:00"),
        ("2026-11-24 10:00:00-07:30", "2026-11-24T10:00:00-07:30"),
        ("1890-01-01 00:00:00+00:53:28", "1889-12-31T23:06:32Z"),
        # BigQuery and Snowflake.
        ("2026-11-24 10:00:00 UTC", "2026-11-24T10:00:00Z"),
        ("2026-11-24 10:00:00.123456 UTC", "2026-11-24T10:00:00.123456Z"),
        ("2026-11-24 10:00:00+00", "2026-11-24T10:00:00Z"),
        ("2026-11-24 10:00:00.000 -0800", "2026-11-24T10:00:00-08:00"),
        # Other forms of ISO 8601.
        ("20261124", "2026-11-24"),
        ("20261124T100000Z", "2026-11-24T10:00:00Z"),
        ("20261124T1000+0100", "2026-11-24T10:00:00+01:00"),
        ("2026-W48-2", "2026-11-24"),
        ("2026W482T10", "2026-11-24T10:00:00"),
        ("2026-328", "2026-11-24"),
        ("2026-11-24t10:00:00z", "2026-11-24T10:00:00Z"),
        ("2026-11-24T10:00:00,25Z", "2026-11-24T10:00:00.250000Z"),
        ("2026-11-24T10:30.5Z", "2026-11-24T10:30:30Z"),
        ("2026-11-24T24:00:00Z", "2026-11-25T00:00:00Z"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00Z"),
        # Not a form of ISO 8601, but clear.
        (" 2026-11-24\r\n", "2026-11-24"),
        # Zero dates of Go, .NET and MySQL: no value.
        ("0001-01-01T00:00:00Z", ""),
        ("0001-01-01T00:00:00", ""),
        ("0001-01-01 00:00:00+00", ""),
        ("0001-01-01", ""),
        ("0000-00-00 00:00:00", ""),
        ("0000-00-00", ""),
    ],
)
def test_date_is_sent_as_iso_8601(text: str, sent: str) -> None:
    assert DATE.coerce(text) == sent


@pytest.mark.guarantee("real-world-input")
@pytest.mark.parametrize(
    "value",
    [
        "2026-02-29",
        "2026-13-01",
        "2026-366",
        "2026-W54-1",
        "2026-11",
        "2026",
        "2026-03-01T24:00:01Z",
        "2026-03-01T25:00:00Z",
        "2026-03-01T08:60:00Z",
        "2026-03-01T08:00:61Z",
        "2026-03-01T08:00:00+25:00",
        "2026-03-01T08:00:00+01:99",
        "2026-03-01x08:00:00",
        "9999-12-31T24:00:00Z",
        "2026-03-01 08:00:00 America/New_York",
        "01.03.2026",
        "01/02/2026",
        "2026/03/01",
        "12312026",
        "2026-3-1",
        "Mar 1 2026",
        "infinity",
        "0044-03-15 BC",
        "10:00:00",
        "P1D",
        "\u0662\u0660\u0662\u0666-03-01",
        20261124,
        1764000000,
        Decimal("1764000000.5"),
        True,
        ["2026-03-01", "2026-03-02"],
    ],
    ids=repr,
)
def test_unclear_date_is_rejected(value: object) -> None:
    with pytest.raises(CoercionError):
        DATE.coerce(value)


@given(
    at=st.datetimes(
        min_value=datetime(1000, 1, 1),  # noqa: DTZ001 - the zone is another argument
        timezones=st.sampled_from(
            [None, UTC, timezone(timedelta(hours=-7, minutes=-30))]
        ),
    ),
    form=st.sampled_from(
        ["{0:%Y-%m-%dT%H:%M:%S.%f%z}", "{0:%Y%m%dT%H%M%S.%f%z}", "{0}", "{0:%G-W%V-%u}"]
    ),
)
def test_any_form_of_a_date_is_the_same_value(at: datetime, form: str) -> None:
    text = form.format(at)

    sent = DATE.coerce(text)

    read = datetime.fromisoformat(sent)
    expected = at.date() if form.endswith("%u}") else at
    assert (read if isinstance(expected, datetime) else read.date()) == expected
    assert DATE.is_same(text, sent)


# Comparison.


@pytest.mark.guarantee("writes-only-differences")
@pytest.mark.parametrize(
    ("name", "old", "new", "is_same"),
    [
        ("company", "Ltd", "Ltd", True),
        ("company", "Ltd", "LTD", False),
        ("company", "Ltd", "", False),
        ("company", "", "", True),
        ("company", None, "", True),
        ("company", None, "Ltd", False),
        ("email", "Ada@Example.com", "ada@example.COM", True),
        ("email", "ada@example.com", "eve@example.com", False),
        ("email", "strasse@example.com", "straße@example.com", False),
        ("email", None, "ada@example.com", False),
        ("customer_group_id", 0, 0, True),
        ("customer_group_id", 7, 0, False),
        ("channel_ids", [1, 2], [2, 1], True),
        ("channel_ids", None, [1], False),
        ("store_credit_amounts", [{"amount": 5.0}], [{"amount": 5}], True),
        ("store_credit_amounts", [{"amount": 5}], [{"amount": 6}], False),
        ("form_fields", [{"name": "a", "value": "x", "customer_id": 1}], [], True),
        ("form_fields", [], [{"name": "a", "value": "x"}], False),
        ("form_fields", None, [{"name": "a", "value": "x"}], False),
    ],
)
def test_field_is_written_only_if_it_differs(
    name: str, old: object, new: object, *, is_same: bool
) -> None:
    rules = CUSTOMER_FIELDS[name]

    assert needs_write(rules, old, new, if_empty=False) is not is_same
    assert has_fields({name: old}, {"id": 1, name: new}) is is_same


@pytest.mark.parametrize(
    ("name", "old", "is_empty"),
    [
        ("company", "", True),
        ("company", None, True),
        ("company", "x", False),
        ("customer_group_id", 0, True),
        ("customer_group_id", 7, False),
        ("store_credit_amounts", [{"amount": 0}], True),
        ("store_credit_amounts", [{"amount": 1}], False),
        ("form_fields", [], True),
        ("accepts_product_review_abandoned_cart_emails", False, False),
    ],
)
def test_empty_depends_on_the_field(name: str, old: object, *, is_empty: bool) -> None:
    assert CUSTOMER_FIELDS[name].is_empty(old) is is_empty


@pytest.mark.parametrize(("old", "writes"), [("", True), (None, True), ("2", False)])
@pytest.mark.parametrize(
    "rules", [CUSTOMER_FIELDS["company"], *ATTRIBUTE_TYPES.values()]
)
def test_if_empty_writes_only_if_empty(
    rules: ValueRules, old: str | None, *, writes: bool
) -> None:
    assert needs_write(rules, old, "1", if_empty=True) is writes


@pytest.mark.parametrize(
    ("one", "other", "attribute_type", "is_same"),
    [
        ("1", "1.0", "number", True),
        ("1e2", "100", "number", True),
        ("1", "2", "number", False),
        ("one", "1", "number", False),
        ("sNaN", "1", "number", False),
        ("1", "1.0", "string", False),
        ("2026-03-01", "2026-03-01T00:00:00Z", "date", True),
        ("2026-03-01T01:00:00+01:00", "2026-03-01T00:00:00Z", "date", True),
        ("2026-03-01", "2026-03-02", "date", False),
        ("soon", "2026-03-02", "date", False),
        ("soon", "soon", "date", True),
    ],
)
def test_attribute_values_are_compared_by_type(
    one: str, other: str, attribute_type: str, *, is_same: bool
) -> None:
    rules = ATTRIBUTE_TYPES[attribute_type]

    assert rules.is_same(one, other) is is_same
    assert rules.is_same(other, one) is is_same


@given(one=st.text(), other=st.text(), kind=st.sampled_from([*ATTRIBUTE_TYPES]))
def test_any_two_texts_can_be_compared(one: str, other: str, kind: str) -> None:
    assert ATTRIBUTE_TYPES[kind].is_same(one, other) or one != other


@pytest.mark.parametrize("kind", ATTRIBUTE_TYPES)
def test_absent_value_differs_from_a_new_one(kind: str) -> None:
    assert not ATTRIBUTE_TYPES[kind].is_same(None, "1")
    assert not ATTRIBUTE_TYPES[kind].is_same("", "1")


NAMED = st.dictionaries(
    st.sampled_from("pqr"), st.none() | st.text() | st.integers(), max_size=3
)


@given(old=NAMED, new=NAMED)
def test_stored_form_fields_are_kept(old: dict[str, Any], new: dict[str, Any]) -> None:
    rows = [[{"name": n, "value": v} for n, v in each.items()] for each in (old, new)]

    merged = CUSTOMER_FIELDS["form_fields"].merge(*rows)

    stored = {name: value for name, value in old.items() if value is not None}
    added = {name: value for name, value in new.items() if value is not None}
    assert {row["name"]: row["value"] for row in merged} == {**stored, **added}
