"""A path leads to a value in a record, however it is nested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.mapping import ABSENT, read_path

if TYPE_CHECKING:
    from support.mapping import Record


@pytest.mark.parametrize(
    ("record", "path", "value"),
    [
        ({"a": 1}, "a", 1),
        ({"a": {"b": {"c": 1}}}, "a.b.c", 1),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"a": {"b.c": 1}}, "a.b.c", 1),
        ({"a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": {}, "a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": None}, "a", None),
        ({"a": {"b": None}}, "a.b", None),
        ({"a": 1}, "b", ABSENT),
        ({"a": 1}, "a.b", ABSENT),
        ({"a": [1]}, "a.0", ABSENT),
        ({}, "a.b", ABSENT),
    ],
)
def test_a_dotted_path_leads_into_nested_values(
    record: Record, path: str, value: object
) -> None:
    assert read_path(record, path) == value


@given(keys=st.lists(st.text(min_size=1), min_size=1, max_size=4), value=st.integers())
def test_whatever_dots_the_keys_have_the_value_is_found(
    keys: list[str], value: int
) -> None:
    record: Any = value
    for key in reversed(keys):
        record = {key: record}

    assert read_path(record, ".".join(keys)) == value
