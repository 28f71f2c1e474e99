"""A value is coerced to its field's type or rejected; nothing is guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.strategies import JSON
from target_bigcommerce.errors import RejectCode
from target_bigcommerce.fields import (
    CUSTOMER_FIELDS,
    CoercionError,
    CustomerField,
    to_boolean,
    to_integer,
    to_integers,
    to_plain_json,
    to_store_credit,
    to_text,
)

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
def test_any_value_is_coerced_to_the_fields_type_or_rejected(
    value: Any,  # noqa: ANN401 - any JSON
    field: CustomerField,
) -> None:
    try:
        coerced = field.coerce(value)
    except CoercionError:
        return

    assert isinstance(coerced, TYPES.get(field.coerces_to, object))


@pytest.mark.parametrize(("name", "conversion"), CONVERSIONS.items())
def test_every_conversion_is_of_a_field(name: str, conversion: object) -> None:
    assert conversion in {field.convert for field in FIELDS}, name


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
def test_a_value_is_converted_to_its_type(
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
def test_a_value_of_another_type_is_not_guessed(kind: str, value: object) -> None:
    with pytest.raises(CoercionError) as caught:
        CONVERSIONS[kind](value)

    assert caught.value.code is RejectCode.WRONG_TYPE
