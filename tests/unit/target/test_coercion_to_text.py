"""A value has one text, which says exactly what the value is, or none at all."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.strategies import JSON
from target_bigcommerce.fields import (
    ATTRIBUTE_TYPES,
    CUSTOMER_FIELDS,
    AttributeType,
    CoercionError,
    to_text,
)

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
def test_a_text_arrives_as_it_left(text: str) -> None:
    assert to_text(text) == text
    assert CUSTOMER_FIELDS["notes"].coerce(text) == text
    assert ATTRIBUTE_TYPES["string"].coerce(text) == text


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_a_decimal_arrives_exactly(number: Decimal) -> None:
    text = to_text(number)

    assert Decimal(text) == number
    assert "E" not in text.upper()


@given(number=st.integers(min_value=-(10**300), max_value=10**300))
def test_an_integer_arrives_exactly(number: int) -> None:
    assert to_text(number) == str(number)


@given(
    number=st.decimals(
        min_value=-(10**200), max_value=10**200, allow_nan=False, places=6
    )
)
def test_a_number_coerced_twice_stays_the_same(number: Decimal) -> None:
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
    with pytest.raises(CoercionError):
        to_text(value)


def test_lists_without_a_bottom_are_of_the_wrong_type() -> None:
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
        assert NUMBER.coerce(text) == number
        return

    with pytest.raises(CoercionError):
        NUMBER.coerce(text)
