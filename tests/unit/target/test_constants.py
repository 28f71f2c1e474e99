"""A constant in the mapping that could never be written is a settings error."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.target_settings import validate
from target_bigcommerce.errors import RecordRejectedError
from target_bigcommerce.mapping import map_record
from target_bigcommerce.settings import Settings

NEEDED = {"store_hash": "abc123", "access_token": "t0ken", "id_field": "id"}
FIELDS, ATTRIBUTES = "map_standard_fields", "map_custom_attributes"
LONG = "x" * 256
Row = dict[str, Any]


def config(name: str, *rows: Row) -> dict[str, Any]:
    return {**NEEDED, "map_standard_fields": [], name: deepcopy([*rows])}


def errors_of(name: str, *rows: Row) -> list[str]:
    return validate(config(name, *rows))


@pytest.mark.parametrize(
    ("name", "row", "place", "reason"),
    [
        (
            FIELDS,
            {"value": "gold", "to": "customer_group_id"},
            '"value"',
            "is not an integer",
        ),
        (
            FIELDS,
            {"value": LONG, "to": "company"},
            '"value"',
            "has 256 characters, the limit is 255",
        ),
        (
            FIELDS,
            {"value": "jane", "to": "email"},
            '"value"',
            "is not an email address",
        ),
        (
            FIELDS,
            {"value": -1, "to": "customer_group_id"},
            '"value"',
            "does not accept",
        ),
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
            '"values" no. 2',
            "is not an integer",
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
            "is not a number",
        ),
        (
            ATTRIBUTES,
            {"from": "t", "to": "d", "type": "date", "values": {"a": "soon"}},
            '"values" no. 1',
            "is not an ISO 8601 date",
        ),
        (ATTRIBUTES, {"value": LONG, "to": "t"}, '"value"', "256 characters"),
    ],
)
def test_a_value_that_can_never_be_written_is_named_by_its_place(
    name: str, row: Row, place: str, reason: str
) -> None:
    [line] = errors_of(name, {"from": "a", "to": "phone"}, row)

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
def test_a_value_that_fits_or_is_empty_is_accepted(name: str, row: Row) -> None:
    assert errors_of(name, row) == []


@given(
    value=st.none() | st.booleans() | st.integers() | st.text() | st.just([LONG]),
    to=st.sampled_from(["company", "customer_group_id", "email", "channel_ids"]),
)
def test_a_constant_that_passes_rejects_no_record(value: object, to: str) -> None:
    given_config = config(FIELDS, {"value": value, "to": to})

    found = validate(given_config)

    mapping = Settings.from_config(given_config).record_mapping
    if found:
        with pytest.raises(RecordRejectedError):
            map_record({"id": 1}, mapping)
    else:
        map_record({"id": 1}, mapping)
