"""Maps a record to the desired customer, and merges records of one customer. Pure.

`fields` decides what a field or attribute accepts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .errors import RecordRejectedError, RejectCode
from .fields import (
    ATTRIBUTE_TYPES,
    CUSTOMER_FIELDS,
    CoercionError,
    is_no_value,
    to_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .fields import ValueRules

# "1001.0" is what spreadsheets and pandas write for 1001.
CUSTOMER_ID = re.compile(r"\s*([1-9]\d{0,17})(\.0+)?\s*", re.ASCII)
NO_CUSTOMER = re.compile(r"\s*(0(\.0+)?)?\s*", re.ASCII)  # Guest orders have id 0.
MAX_ID = 10**18
NO_ID = "not an id"
ABSENT: Any = object()
DELETED_AT = "_sdc_deleted_at"
# Fields that the SDK adds to records. They are not written.
METADATA = (
    "_sdc_extracted_at",
    "_sdc_received_at",
    "_sdc_batched_at",
    DELETED_AT,
    "_sdc_sequence",
    "_sdc_table_version",
    "_sdc_sync_started_at",
)


# Desired values.


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredValue:
    """One value to write.

    Args:
        value: in the form that BigCommerce accepts; None to empty the field or delete
            the attribute value.
        if_empty: whether it is written only if the store has no value.
    """

    value: Any
    if_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredCustomer:
    """What one or several merged records write to a customer.

    Args:
        customer_id: None if the record has no id.
        email: matches a customer if there is no id; in lower case.
        fields: values by customer field.
        attributes: values by attribute name.
    """

    customer_id: int | None
    email: str | None = None
    fields: Mapping[str, DesiredValue] = field(default_factory=dict)
    attributes: Mapping[str, DesiredValue] = field(default_factory=dict)


def merge(earlier: DesiredCustomer, later: DesiredCustomer) -> DesiredCustomer:
    """Merge two records into one write with the effect of both in order."""
    return replace(
        later,
        email=later.email or earlier.email,
        fields=_merge_all(earlier.fields, later.fields, CUSTOMER_FIELDS.__getitem__),
        attributes=_merge_all(
            # All attribute types merge the same way.
            earlier.attributes,
            later.attributes,
            lambda _name: ATTRIBUTE_TYPES["string"],
        ),
    )


def _merge_all(
    earlier: Mapping[str, DesiredValue],
    later: Mapping[str, DesiredValue],
    rules_of: Callable[[str], ValueRules],
) -> dict[str, DesiredValue]:
    merged = dict(earlier)
    for name, value in later.items():
        known = merged.get(name)
        merged[name] = _merge(known, value, rules_of(name)) if known else value
    return merged


def _merge(
    earlier: DesiredValue, later: DesiredValue, rules: ValueRules
) -> DesiredValue:
    if not later.if_empty:
        return DesiredValue(value=rules.merge(earlier.value, later.value))
    if not rules.is_empty(earlier.value):
        return earlier
    # Either the earlier one empties the field, so that the later one fills it, or it
    # has no effect at all.
    return later if earlier.if_empty else replace(later, if_empty=False)


# The mapping.


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingEntry:
    """Where one value comes from and where it goes.

    Args:
        source: a dotted path into the record; None for a constant.
        constant: the value, if there is no path.
        to: the customer field's or attribute's name.
        rules: what that field, or the attribute's type, accepts.
        table: translates values, by their text; None for no translation.
        default: what a value that is not in the table becomes.
        has_default: whether there is one; without it, such a value is not written.
        if_empty: whether the value is never written over an existing one.
    """

    source: str | None
    constant: Any
    to: str
    rules: ValueRules
    table: Mapping[str, Any] | None
    default: Any
    has_default: bool
    if_empty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMapping:
    """How the records of a stream become customers.

    Args:
        id_field: dotted path of the customer id.
        standard: entries for customer fields.
        attributes: entries for attributes.
        clears_nulls: whether an explicit null empties its field or attribute.
    """

    id_field: str
    standard: Sequence[MappingEntry]
    attributes: Sequence[MappingEntry]
    clears_nulls: bool

    @property
    def sources(self) -> list[str]:
        """The record fields that entries read, without the id field."""
        entries = (*self.standard, *self.attributes)
        return [entry.source for entry in entries if entry.source]


def field_entries(rows: Iterable[Mapping[str, Any]]) -> tuple[MappingEntry, ...]:
    """Convert valid entries of `map_standard_fields`."""
    return tuple(_to_entry(row, CUSTOMER_FIELDS[row["to"]]) for row in rows)


def attribute_entries(rows: Iterable[Mapping[str, Any]]) -> tuple[MappingEntry, ...]:
    """Convert valid entries of `map_custom_attributes`."""
    return tuple(
        _to_entry(row, ATTRIBUTE_TYPES[row.get("type", "string")]) for row in rows
    )


def _to_entry(row: Mapping[str, Any], rules: ValueRules) -> MappingEntry:
    return MappingEntry(
        source=row.get("from"),
        constant=row.get("value"),
        to=row["to"],
        rules=rules,
        table=row.get("values"),
        default=row.get("default"),
        has_default="default" in row,
        if_empty=row.get("write") == "if_empty",
    )


# Mapping a record.


def map_record(record: Mapping[str, Any], mapping: RecordMapping) -> DesiredCustomer:
    """Map a member's record.

    Raises:
        RecordRejectedError: for the first value that cannot be written.
    """
    customer_id = read_id(record, mapping.id_field)
    fields = _map_values(record, mapping.standard, mapping)
    return DesiredCustomer(
        customer_id=customer_id,
        email=fields["email"].value.lower() if "email" in fields else None,
        fields=fields,
        attributes=_map_values(record, mapping.attributes, mapping),
    )


def read_id(record: Mapping[str, Any], id_field: str) -> int | None:
    """Read the customer id: a whole number from 1, or a text such as 1001 or 1001.0.

    Returns:
        None if it is absent, null, blank or 0, which means no customer.

    Raises:
        RecordRejectedError: when the value is anything else.
    """
    value = read_path(record, id_field)
    if value is ABSENT or value is None:
        return None
    text = _to_id_text(value)
    if NO_CUSTOMER.fullmatch(text):
        return None
    if match := CUSTOMER_ID.fullmatch(text):
        return int(match[1])
    reason = f"{id_field} is not a customer id"
    raise RecordRejectedError(RejectCode.UNREADABLE_ID, reason)


def _to_id_text(value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return value if value.strip() else ""
    # A boolean is an int in Python.
    is_number = isinstance(value, (int, float, Decimal)) and type(value) is not bool
    if not is_number or (isinstance(value, Decimal) and value.is_nan()):
        return NO_ID
    # Compare before converting: int() of 1e999999 would exhaust memory.
    if 0 <= value < MAX_ID and value == int(value):
        return str(int(value))
    return NO_ID


def read_path(record: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - any JSON
    """Follow a dotted path into nested objects; ABSENT if there is no such field.

    Keys that contain dots take precedence: Lytics' map fields have such keys.
    """
    if path in record:
        return record[path]
    for at, letter in enumerate(path):
        if letter == ".":
            inner = record.get(path[:at])
            rest = path[at + 1 :]
            found = read_path(inner, rest) if isinstance(inner, dict) else ABSENT
            if found is not ABSENT:
                return found
    return ABSENT


def heads_of(record: Mapping[str, Any], path: str) -> list[str]:
    """List the top-level fields from which `read_path` reads."""
    if path in record:
        return [path]
    ends = (at for at, letter in enumerate(path) if letter == ".")
    return [path[:at] for at in ends if path[:at] in record]


def read_value(record: Mapping[str, Any], entry: MappingEntry) -> Any:  # noqa: ANN401 - any JSON
    """Read an entry's value and translate it; ABSENT if there is none.

    Raises:
        RecordRejectedError: when it cannot be converted to a key of the table.
    """
    value = entry.constant if entry.source is None else read_path(record, entry.source)
    if value is not ABSENT and value is not None and is_no_value(value):
        return ABSENT
    if entry.table is None or value is ABSENT or value is None:
        return value
    try:
        key = to_text(value)
    except CoercionError as error:
        raise _to_reject(entry, error) from None
    if key in entry.table:
        return entry.table[key]
    return entry.default if entry.has_default else ABSENT


def to_desired_value(
    value: Any,  # noqa: ANN401 - any JSON
    entry: MappingEntry,
    *,
    clears_nulls: bool,
) -> DesiredValue | None:
    """Coerce an entry's value; None if there is nothing to write.

    Raises:
        RecordRejectedError: when the field or attribute does not accept it.
    """
    if value is None and clears_nulls and entry.rules.can_be_emptied:
        return DesiredValue(value=None, if_empty=entry.if_empty)
    # Only an explicit null clears a field; an empty text or list does not.
    if value is ABSENT or value is None or is_no_value(value):
        return None
    try:
        coerced = entry.rules.coerce(value)
    except CoercionError as error:
        raise _to_reject(entry, error) from None
    return (
        None if coerced == "" else DesiredValue(value=coerced, if_empty=entry.if_empty)
    )


def _map_values(
    record: Mapping[str, Any], entries: Iterable[MappingEntry], mapping: RecordMapping
) -> dict[str, DesiredValue]:
    values: dict[str, DesiredValue] = {}
    for entry in entries:
        value = read_value(record, entry)
        desired = to_desired_value(value, entry, clears_nulls=mapping.clears_nulls)
        if desired is not None:
            values[entry.to] = desired
    return values


def _to_reject(entry: MappingEntry, error: CoercionError) -> RecordRejectedError:
    source = "the constant" if entry.source is None else entry.source
    reason = f"{source} cannot be written to {entry.to}: {error}"
    return RecordRejectedError(error.code, reason)
