"""Values become what BigCommerce takes, or are refused; nothing is guessed."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.records.entries import ATTRIBUTE_TYPES, AttributeType
from target_bigcommerce.records.fields import CUSTOMER_FIELDS
from target_bigcommerce.records.rendering import (
    WrongTypeError,
    is_date,
    to_attribute_text,
    to_kind,
    to_text,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.floats()
    | st.text(max_size=20)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
KINDS = sorted({field.kind for field in CUSTOMER_FIELDS.values()})


@given(value=JSON, attribute_type=st.sampled_from(ATTRIBUTE_TYPES))
def test_any_value_becomes_a_text_or_is_of_the_wrong_type(
    value: Any,  # noqa: ANN401 - any JSON
    attribute_type: AttributeType,
) -> None:
    try:
        text = to_attribute_text(value, attribute_type)
    except WrongTypeError:
        return

    assert isinstance(text, str)


@given(value=JSON, kind=st.sampled_from(KINDS))
def test_any_value_becomes_what_a_field_takes_or_is_of_the_wrong_type(
    value: Any,  # noqa: ANN401 - any JSON
    kind: Any,  # noqa: ANN401 - a kind
) -> None:
    try:
        rendered = to_kind(value, kind)
    except WrongTypeError:
        return

    expected = {
        "text": str,
        "integer": int,
        "boolean": bool,
        "integers": list,
        "credit": list,
    }
    assert isinstance(rendered, expected.get(kind, object))


@given(text=st.text(max_size=255))
def test_a_text_arrives_as_it_left(text: str) -> None:
    assert to_text(text) == text
    assert to_kind(text, "text") == text
    assert to_attribute_text(text, "string") == text


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_a_decimal_arrives_exactly(number: Decimal) -> None:
    text = to_text(number)

    assert Decimal(text) == number
    assert "E" not in text.upper()


@given(number=st.integers(min_value=-(10**300), max_value=10**300))
def test_an_integer_arrives_exactly(number: int) -> None:
    assert to_text(number) == str(number)


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_a_number_rendered_twice_stays_the_same(number: Decimal) -> None:
    once = to_attribute_text(number, "number")

    assert to_attribute_text(once, "number") == once


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
        (datetime(2026, 3, 1, 8, tzinfo=timezone.utc), "2026-03-01T08:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (time(8, 30), "08:30:00"),
    ],
)
def test_a_value_has_one_text(value: object, text: str) -> None:
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
def test_what_has_no_plain_text_is_of_the_wrong_type(value: object) -> None:
    with pytest.raises(WrongTypeError):
        to_text(value)


def test_lists_without_a_bottom_are_of_the_wrong_type() -> None:
    value: list[object] = []
    for _ in range(10_000):
        value = [value]

    with pytest.raises(WrongTypeError):
        to_text(value)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", "12"),
        (" 1.50 ", "1.5"),
        ("-.5", "-0.5"),
        ("5.", "5"),
        ("+1e2", "100"),
        (True, None),
        ("1_000", None),
        ("\u0661\u0662", None),
        ("NaN", None),
        ("Infinity", None),
        ("sNaN", None),
        ("1,5", None),
        ("twelve", None),
        ("", None),
        ("1e999999999999999999999", None),
    ],
)
def test_a_number_attribute_takes_plain_numbers_only(
    text: object, number: str | None
) -> None:
    if number is not None:
        assert to_attribute_text(text, "number") == number
        return

    with pytest.raises(WrongTypeError):
        to_attribute_text(text, "number")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("2026-03-01", True),
        ("2024-02-29", True),
        ("2026-03-01T08:00", True),
        ("2026-03-01T08:00:59Z", True),
        ("2026-03-01 08:00:00.123456789+01:00", True),
        ("2026-03-01T08:00:00-0730", True),
        ("2026-02-29", False),
        ("2026-13-01", False),
        ("2026-03-01T24:00:00Z", False),
        ("2026-03-01T08:60:00Z", False),
        ("2026-03-01T08:00:60Z", False),
        ("2026-03-01T08:00:00+25:00", False),
        ("2026-03-01T08:00:00+01:99", False),
        ("01.03.2026", False),
        ("2026-3-1", False),
        ("\u0662\u0660\u0662\u0666-03-01", False),
        ("2026-03-01T08:00:00Z ", False),
        ("", False),
    ],
)
def test_a_date_is_an_iso_8601_date_that_the_calendar_has(
    text: str, *, is_one: bool
) -> None:
    assert is_date(text) is is_one


@given(moment=st.datetimes(timezones=st.sampled_from([None, timezone.utc])))
def test_every_moment_in_iso_form_is_a_date(moment: datetime) -> None:
    assert is_date(moment.isoformat())


@pytest.mark.parametrize(
    ("kind", "value", "rendered"),
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
def test_a_value_becomes_what_its_field_takes(
    kind: Any,  # noqa: ANN401 - a kind
    value: object,
    rendered: object,
) -> None:
    made = to_kind(value, kind)

    assert made == rendered
    assert type(made) is type(rendered)


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
def test_a_value_of_another_kind_is_not_guessed_at(
    kind: Any,  # noqa: ANN401 - a kind
    value: object,
) -> None:
    with pytest.raises(WrongTypeError):
        to_kind(value, kind)
