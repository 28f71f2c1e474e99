"""What stands in the mapping itself and never fits is refused at the start."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.complaints import complaints
from target_bigcommerce.declared import DECLARED
from target_bigcommerce.errors import RecordRejectedError
from target_bigcommerce.mapping import to_wanted
from target_bigcommerce.settings import Settings

NEEDED = {"store_hash": "abc123", "access_token": "t0ken", "id_field": "id"}
FIELDS, ATTRIBUTES = "map_standard_fields", "map_custom_attributes"
LONG = "x" * 256
Row = dict[str, Any]


def config(name: str, *rows: Row) -> dict[str, Any]:
    return {**NEEDED, "map_standard_fields": [], name: deepcopy([*rows])}


def complain(name: str, *rows: Row) -> list[str]:
    return complaints(config(name, *rows), DECLARED)


@pytest.mark.parametrize(
    ("name", "row", "place", "reason"),
    [
        (
            FIELDS,
            {"value": "gold", "to": "customer_group_id"},
            '"value"',
            "no whole number",
        ),
        (
            FIELDS,
            {"value": LONG, "to": "company"},
            '"value"',
            "has 256 characters, company takes 255",
        ),
        (FIELDS, {"value": "jane", "to": "email"}, '"value"', "is no address"),
        (FIELDS, {"value": -1, "to": "customer_group_id"}, '"value"', "does not take"),
        (FIELDS, {"value": {"a": 1}, "to": "notes"}, '"value"', "no text form"),
        (
            FIELDS,
            {"value": {"a": 1}, "to": "notes", "values": {"a": "b"}},
            '"value"',
            "no text form",
        ),
        (
            FIELDS,
            {"from": "t", "to": "customer_group_id", "values": {"a": 1, "b": "x"}},
            'no. 2 of "values"',
            "no whole number",
        ),
        (
            FIELDS,
            {"from": "t", "to": "company", "values": {"a": "b"}, "default": LONG},
            '"default"',
            "256 characters",
        ),
        (
            ATTRIBUTES,
            {"value": "many", "to": "n", "type": "number"},
            '"value"',
            "no number",
        ),
        (
            ATTRIBUTES,
            {"from": "t", "to": "d", "type": "date", "values": {"a": "soon"}},
            'no. 1 of "values"',
            "no ISO 8601 date",
        ),
        (ATTRIBUTES, {"value": LONG, "to": "t"}, '"value"', "256 characters"),
    ],
)
def test_a_value_that_can_never_be_written_is_named_by_its_place(
    name: str, row: Row, place: str, reason: str
) -> None:
    [line] = complain(name, {"from": "a", "to": "phone"}, row)

    assert line.startswith(f"{name}[1], {place}: ")
    assert reason in line
    assert "jane" not in line
    assert LONG not in line


@pytest.mark.parametrize(
    ("name", "row"),
    [
        (FIELDS, {"value": "7", "to": "customer_group_id"}),
        (FIELDS, {"value": None, "to": "company"}),
        (FIELDS, {"value": "", "to": "email"}),
        (FIELDS, {"value": Decimal("1.5"), "to": "store_credit_amounts"}),
        (FIELDS, {"value": "a", "to": "customer_group_id", "values": {"a": 7}}),
        (FIELDS, {"from": "t", "to": "company", "values": {"a": None, "b": ""}}),
        (ATTRIBUTES, {"value": "1e3", "to": "n", "type": "number"}),
        (ATTRIBUTES, {"value": ["A", "B"], "to": "countries"}),
    ],
    ids=str,
)
def test_a_value_that_fits_or_says_nothing_is_taken(name: str, row: Row) -> None:
    assert complain(name, row) == []


@given(
    value=st.none() | st.booleans() | st.integers() | st.text() | st.just([LONG]),
    to=st.sampled_from(["company", "customer_group_id", "email", "channel_ids"]),
)
def test_a_constant_that_passes_rejects_no_record(value: object, to: str) -> None:
    given_config = config(FIELDS, {"value": value, "to": to})

    found = complaints(given_config, DECLARED)

    mapping = Settings.from_config(given_config).record_mapping
    if found:
        with pytest.raises(RecordRejectedError):
            to_wanted({"id": 1}, mapping)
    else:
        to_wanted({"id": 1}, mapping)
