"""Whole numbers, whatever form they come in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.numbers import whole


@given(st.integers(0, 10**18 - 1))
def test_a_number_is_read_from_itself_and_from_its_text(number: int) -> None:
    assert whole(number) == whole(str(number)) == number


@given(st.integers(-(2**52), 2**52))
def test_a_number_with_a_fraction_of_nothing_is_whole(number: int) -> None:
    assert whole(float(number)) == number


TEXTS = ("", " 1", "1.0", "-1", "1e3", "٣", "9" * 19)
FRACTIONS = (1.5, 2.0**53, float("inf"), float("nan"))


@pytest.mark.parametrize("value", [None, True, False, [1], {}, *TEXTS, *FRACTIONS])
def test_what_is_no_whole_number_is_none(value: object) -> None:
    assert whole(value) is None
