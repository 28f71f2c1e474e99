"""Lists of ids and addresses, cut into requests."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.models import ApiRequest, encode
from target_bigcommerce.api.reads import chunks

words = st.text(min_size=1, max_size=60)


@given(st.lists(words), st.integers(1, 100), st.integers(600, 2000))
def test_parts_respect_both_limits_and_lose_nothing(
    values: list[str], most: int, room: int
) -> None:
    parts = chunks(values, most, room)

    assert [value for part in parts for value in part] == values
    assert all(1 <= len(part) <= most for part in parts)
    lengths = [len(",".join(map(encode, part))) for part in parts]
    assert all(n <= room for n, part in zip(lengths, parts, strict=True) if part[1:])


def test_too_long_value_is_sent_alone() -> None:
    assert chunks(["a", "b" * 3000, "c"], 100, 1900) == [["a"], ["b" * 3000], ["c"]]


def test_only_lists_stay_readable_in_a_query() -> None:
    request = ApiRequest(
        method="GET",
        path="/customers",
        query={"id:in": "1,2,3", "email:in": "o'brien+x@example.com,é&=@example.com"},
    )

    assert request.target == (
        "/customers?id:in=1,2,3"
        "&email:in=o%27brien%2Bx@example.com,%C3%A9%26%3D@example.com"
    )
