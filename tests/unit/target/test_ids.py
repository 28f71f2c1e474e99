"""A customer id is read from a record as an integer, or the record is rejected."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.errors import RecordRejectedError, RejectCode
from target_bigcommerce.mapping import read_id


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
    with pytest.raises(RecordRejectedError) as caught:
        read_id({"id": value}, "id")

    assert caught.value.code is RejectCode.UNREADABLE_ID


@given(number=st.integers(1, 10**18 - 1))
def test_every_id_is_read_from_text_and_number_alike(number: int) -> None:
    assert read_id({"id": number}, "id") == read_id({"id": str(number)}, "id") == number


def test_an_id_may_be_nested() -> None:
    assert read_id({"store": {"id": "17"}}, "store.id") == 17
