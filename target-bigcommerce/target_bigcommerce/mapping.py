"""From a record to what it wants of its BigCommerce customer. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from .errors import RecordRejectedError, RejectCode
from .records.fields import CUSTOMER_FIELDS, LONGEST_ATTRIBUTE_VALUE
from .records.rendering import WrongTypeError, to_attribute_text, to_kind, to_text
from .records.wanted import Want, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .records.entries import Entry
    from .records.fields import CustomerField

ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
ABSENT: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMapping:
    """How the records of a stream become customers."""

    id_field: str
    standard: Sequence[Entry]
    attributes: Sequence[Entry]
    clears_nulls: bool

    @property
    def sources(self) -> list[str]:
        """Every record field that is read, but for the id."""
        entries = (*self.standard, *self.attributes)
        return [entry.source for entry in entries if entry.source]


def dig(record: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - any JSON
    """Follow a dotted path into nested objects; ABSENT where it leads nowhere.

    A key that has dots itself is taken whole first, as Lytics' maps have such keys.
    """
    if path in record:
        return record[path]
    for at, letter in enumerate(path):
        if letter == ".":
            inner = record.get(path[:at])
            found = dig(inner, path[at + 1 :]) if isinstance(inner, dict) else ABSENT
            if found is not ABSENT:
                return found
    return ABSENT


def read_id(record: Mapping[str, Any], id_field: str) -> int | None:
    """Read the customer's id; None where it is absent, null or blank.

    Raises:
        RecordRejectedError: when there is something, and it is no id.
    """
    value = dig(record, id_field)
    text = value.strip() if isinstance(value, str) else value
    if text is ABSENT or text is None or text == "":
        return None
    # A boolean is an integer to Python, and int() reads "1_000" and other digits.
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if isinstance(text, str) and ID.fullmatch(text):
        return int(text)
    raise RecordRejectedError(
        RejectCode.UNREADABLE_ID, f"{id_field} holds no customer id"
    )


def to_wanted(record: Mapping[str, Any], mapping: RecordMapping) -> Wanted:
    """Map a record of a member.

    Raises:
        RecordRejectedError: for the first thing in it that cannot be written.
    """
    customer_id = read_id(record, mapping.id_field)
    fields: dict[str, Want] = {}
    for entry in mapping.standard:
        value = value_of(record, entry)
        want = to_field_want(value, entry, clears_nulls=mapping.clears_nulls)
        if want is not None:
            fields[entry.to] = want
    attributes: dict[str, Want] = {}
    for entry in mapping.attributes:
        value = value_of(record, entry)
        want = to_attribute_want(value, entry, clears_nulls=mapping.clears_nulls)
        if want is not None:
            attributes[entry.to] = want
    return Wanted(
        customer_id=customer_id,
        email=fields["email"].value.lower() if "email" in fields else None,
        fields=fields,
        attributes=attributes,
    )


def to_field_want(
    value: Any,  # noqa: ANN401 - any JSON
    entry: Entry,
    *,
    clears_nulls: bool,
) -> Want | None:
    """Say what a value wants of a customer's field; None if it wants nothing.

    Raises:
        RecordRejectedError: when the field does not take it.
    """
    field = CUSTOMER_FIELDS[entry.to]
    if value is None and clears_nulls and field.clears:
        return Want(value=None, if_empty=entry.if_empty)
    if _says_nothing(value):
        return None
    try:
        rendered = to_kind(value, field.kind)
    except WrongTypeError as wrong:
        raise _wrong_type(entry, str(wrong)) from None
    if rendered == "":
        return None
    _admit(rendered, entry, field)
    return Want(value=rendered, if_empty=entry.if_empty)


def to_attribute_want(
    value: Any,  # noqa: ANN401 - any JSON
    entry: Entry,
    *,
    clears_nulls: bool,
) -> Want | None:
    """Say what a value wants of an attribute; None if it wants nothing.

    Raises:
        RecordRejectedError: when an attribute of the entry's type does not take it.
    """
    if value is None and clears_nulls:
        return Want(value=None, if_empty=entry.if_empty)
    if _says_nothing(value):
        return None
    try:
        text = to_attribute_text(value, entry.type)
    except WrongTypeError as wrong:
        raise _wrong_type(entry, str(wrong)) from None
    if len(text) > LONGEST_ATTRIBUTE_VALUE:
        raise _too_long(entry, len(text), LONGEST_ATTRIBUTE_VALUE)
    return Want(value=text, if_empty=entry.if_empty) if text else None


def value_of(record: Mapping[str, Any], entry: Entry) -> Any:  # noqa: ANN401 - any JSON
    """Find an entry's value, translated; ABSENT where the record has none.

    Raises:
        RecordRejectedError: when it has no text to translate.
    """
    value = entry.constant if entry.source is None else dig(record, entry.source)
    if entry.table is None or value is ABSENT or value is None:
        return value
    try:
        key = to_text(value)
    except WrongTypeError as wrong:
        raise _wrong_type(entry, str(wrong)) from None
    if key in entry.table:
        return entry.table[key]
    return entry.default if entry.has_default else ABSENT


def _says_nothing(value: Any) -> bool:  # noqa: ANN401 - any JSON
    # An empty text or list is no order to empty: only an explicit null can be one.
    return value is ABSENT or value is None or value in ("", [])


def _admit(rendered: Any, entry: Entry, field: CustomerField) -> None:  # noqa: ANN401 - any JSON
    if _VALIDATORS[field.name].is_valid(rendered):
        return
    longest = field.longest
    if isinstance(rendered, str) and longest and len(rendered) > longest:
        raise _too_long(entry, len(rendered), longest)
    if field.name == "email":
        reason = f"{_from(entry)} is mapped to email and is no address"
        raise RecordRejectedError(RejectCode.INVALID_EMAIL, reason)
    reason = f"{_from(entry)} is mapped to {entry.to}, which does not take such a value"
    raise RecordRejectedError(RejectCode.INVALID_VALUE, reason)


def _wrong_type(entry: Entry, why: str) -> RecordRejectedError:
    reason = f"{_from(entry)} cannot be written to {entry.to}: {why}"
    return RecordRejectedError(RejectCode.WRONG_TYPE, reason)


def _too_long(entry: Entry, length: int, longest: int) -> RecordRejectedError:
    reason = (
        f"{_from(entry)} has {length} characters, {entry.to} takes {longest} at most"
    )
    return RecordRejectedError(RejectCode.TOO_LONG, reason)


def _from(entry: Entry) -> str:
    return "a constant" if entry.source is None else entry.source


_VALIDATORS = {
    name: jsonschema_rs.validator_for(field.schema)
    for name, field in CUSTOMER_FIELDS.items()
}
