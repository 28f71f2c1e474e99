"""Lists of ids and addresses, cut into calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.lists import chunks
from target_bigcommerce.api.wire import Call, quoted

words = st.text(min_size=1, max_size=60)


@given(st.lists(words), st.integers(1, 100), st.integers(600, 2000))
def test_parts_are_neither_too_many_nor_too_long_and_lose_nothing(
    values: list[str], most: int, room: int
) -> None:
    parts = chunks(values, most, room)

    assert [value for part in parts for value in part] == values
    assert all(1 <= len(part) <= most for part in parts)
    lengths = [len(",".join(map(quoted, part))) for part in parts]
    assert all(n <= room for n, part in zip(lengths, parts, strict=True) if part[1:])


def test_a_value_too_long_for_any_call_goes_alone() -> None:
    assert chunks(["a", "b" * 3000, "c"], 100, 1900) == [["a"], ["b" * 3000], ["c"]]


def test_lists_stay_legible_and_all_else_is_encoded() -> None:
    call = Call(
        method="GET",
        path="/customers",
        query={"id:in": "1,2,3", "email:in": "o'brien+x@example.com,é&=@example.com"},
    )

    assert call.target == (
        "/customers?id:in=1,2,3"
        "&email:in=o%27brien%2Bx@example.com,%C3%A9%26%3D@example.com"
    )
