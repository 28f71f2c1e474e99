"""Records mapped by a few entries."""

from __future__ import annotations

from typing import Any

import pytest

from target_bigcommerce.errors import RecordRejectedError
from target_bigcommerce.mapping import (
    RecordMapping,
    attribute_entries,
    field_entries,
    map_record,
)

Entry = dict[str, Any]
Record = dict[str, Any]


def mapping(
    *standard: Entry, attributes: tuple[Entry, ...] = (), clears_nulls: bool = False
) -> RecordMapping:
    """Build a mapping of these entries."""
    return RecordMapping(
        id_field="id",
        standard=field_entries(standard),
        attributes=attribute_entries(attributes),
        clears_nulls=clears_nulls,
    )


def fields_of(
    record: Record, *standard: Entry, clears_nulls: bool = False
) -> dict[str, Any]:
    """Map a record and return its field values."""
    desired = map_record(record, mapping(*standard, clears_nulls=clears_nulls))
    return {name: value.value for name, value in desired.fields.items()}


def attributes_of(
    record: Record, *entries: Entry, clears_nulls: bool = False
) -> dict[str, Any]:
    """Map a record and return its attribute values."""
    made = mapping(attributes=entries, clears_nulls=clears_nulls)
    desired = map_record(record, made)
    return {name: value.value for name, value in desired.attributes.items()}


def rejection(record: Record, *standard: Entry) -> RecordRejectedError:
    """Map a record that is rejected and return the error."""
    with pytest.raises(RecordRejectedError) as caught:
        map_record(record, mapping(*standard))
    return caught.value
