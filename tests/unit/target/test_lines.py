"""Lines are the same however the bytes were cut, and each is read digit for digit."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.reader import InvalidMessageError, LineBuffer, read_message


@given(st.binary(), st.lists(st.integers(0, 200)))
def test_any_split_into_chunks_gives_the_same_lines(
    data: bytes, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    lines, found = LineBuffer(), []

    for start, end in pairwise(places):
        found += lines.feed(data[start:end])

    assert [*found, lines.rest()] == data.split(b"\n")
    assert lines.pending == len(lines.rest())


@pytest.mark.parametrize(
    "number",
    ["0.1", "12345678901234567890.5", "1E+400", "123456789012345678901234567890"],
)
def test_numbers_arrive_digit_for_digit(number: str) -> None:
    message = read_message('{"type":"RECORD","v":' + number + "}")

    assert Decimal(message["v"]) == Decimal(number)


@given(st.binary())
def test_any_bytes_are_a_message_or_one_clear_error(line: bytes) -> None:
    try:
        message = read_message(line)
    except InvalidMessageError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is right
    else:
        assert isinstance(message["type"], str)
