"""A value becomes what its field takes, or is of the wrong type; nothing is guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from any_json import JSON
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.records.fields import CUSTOMER_FIELDS
from target_bigcommerce.records.rendering import WrongTypeError, to_kind

KINDS = sorted({field.kind for field in CUSTOMER_FIELDS.values()})


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
