"""What a mapping of a few entries makes of a record."""

from __future__ import annotations

from typing import Any

import pytest

from target_bigcommerce.errors import RecordRejectedError
from target_bigcommerce.mapping import RecordMapping, to_wanted
from target_bigcommerce.records.entries import to_entries

Entry = dict[str, Any]
Record = dict[str, Any]


def mapping(
    *standard: Entry, attributes: tuple[Entry, ...] = (), clears_nulls: bool = False
) -> RecordMapping:
    """Map these entries."""
    return RecordMapping(
        id_field="id",
        standard=to_entries(standard),
        attributes=to_entries(attributes),
        clears_nulls=clears_nulls,
    )


def fields_of(
    record: Record, *standard: Entry, clears_nulls: bool = False
) -> dict[str, Any]:
    """Give the fields that a record wants."""
    wanted = to_wanted(record, mapping(*standard, clears_nulls=clears_nulls))
    return {name: want.value for name, want in wanted.fields.items()}


def attributes_of(
    record: Record, *entries: Entry, clears_nulls: bool = False
) -> dict[str, Any]:
    """Give the attribute values that a record wants."""
    wanted = to_wanted(record, mapping(attributes=entries, clears_nulls=clears_nulls))
    return {name: want.value for name, want in wanted.attributes.items()}


def rejection(record: Record, *standard: Entry) -> RecordRejectedError:
    """Say why a record is rejected."""
    with pytest.raises(RecordRejectedError) as caught:
        to_wanted(record, mapping(*standard))
    return caught.value
