"""Whole numbers in every form that JSON allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.responses import whole_number


@given(st.integers(0, 10**18 - 1))
def test_number_is_read_from_a_number_and_from_text(number: int) -> None:
    assert whole_number(number) == whole_number(str(number)) == number


@given(st.integers(-(2**52), 2**52))
def test_float_without_a_fraction_is_whole(number: int) -> None:
    assert whole_number(float(number)) == number


TEXTS = ("", " 1", "1.0", "-1", "1e3", "٣", "9" * 19)
FRACTIONS = (1.5, 2.0**53, float("inf"), float("nan"))


@pytest.mark.parametrize("value", [None, True, False, [1], {}, *TEXTS, *FRACTIONS])
def test_anything_else_is_none(value: object) -> None:
    assert whole_number(value) is None
