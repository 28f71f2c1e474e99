"""Mapping entries: from the configuration's objects to typed ones."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from .fields import CUSTOMER_FIELDS, LONGEST_ATTRIBUTE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

AttributeType = Literal["string", "number", "date"]
ATTRIBUTE_TYPES = ("string", "number", "date")
WRITES = ("always", "if_empty")
STANDARD_KEYS = frozenset({"from", "value", "to", "values", "default", "write"})
ATTRIBUTE_KEYS = STANDARD_KEYS | {"type"}
READ_ONLY = frozenset(
    {"id", "attributes", "registration_ip_address", "date_created", "date_modified"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Where one value comes from and where it goes.

    Args:
        source: a dotted path into the record; None for a constant.
        constant: the value, where there is no path.
        to: a customer field or an attribute's name.
        type: the attribute's type; `string` for a customer field.
        table: translates values, by their text; None for no translation.
        default: what a value not in the table becomes.
        has_default: whether there is one; without, such a value is left alone.
        if_empty: whether it is never written over what the store has.
    """

    source: str | None
    constant: Any
    to: str
    type: AttributeType
    table: Mapping[str, Any] | None
    default: Any
    has_default: bool
    if_empty: bool


def to_entries(rows: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """Read entries that `entry_complaints` found nothing wrong with."""
    return tuple(
        Entry(
            source=row.get("from"),
            constant=row.get("value"),
            to=row["to"],
            type=cast("AttributeType", row.get("type", "string")),
            table=row.get("values"),
            default=row.get("default"),
            has_default="default" in row,
            if_empty=row.get("write") == "if_empty",
        )
        for row in rows
    )


def standard_complaints(rows: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Say what is wrong with `map_standard_fields`."""
    name = "map_standard_fields"
    if not isinstance(rows, list):
        yield _no_list(name)
        return
    for at, row in enumerate(rows):
        found = list(_complaints(f"{name}[{at}]", row, STANDARD_KEYS))
        yield from found or _unknown_field(f"{name}[{at}]", row["to"])
    yield from _repeats(name, rows)


def attribute_complaints(rows: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Say what is wrong with `map_custom_attributes`."""
    name = "map_custom_attributes"
    if not isinstance(rows, list):
        yield _no_list(name)
        return
    for at, row in enumerate(rows):
        place = f"{name}[{at}]"
        found = list(_complaints(place, row, ATTRIBUTE_KEYS))
        yield from found
        if not found and len(row["to"]) > LONGEST_ATTRIBUTE_NAME:
            yield f"{place}: an attribute's name has at most 255 characters."
        if not found and row.get("type", "string") not in ATTRIBUTE_TYPES:
            yield f"{place}: type must be string, number or date."
    yield from _repeats(name, rows)


def _no_list(name: str) -> str:
    return (
        f"{name} must be a list of entries such as"
        ' [{"from": "email", "to": "email"}]. If it was set by parts'
        f" ({name}.… in Meltano), set the whole list as JSON instead."
    )


def _complaints(place: str, row: Any, keys: frozenset[str]) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if not isinstance(row, dict):
        yield f'{place} must be an object such as {{"from": "email", "to": "email"}}.'
        return
    if row.keys() - keys:
        yield f"{place} has an unknown key; an entry has {', '.join(sorted(keys))}."
        return
    yield from _key_complaints(place, row)
    yield from _option_complaints(place, row)


def _key_complaints(place: str, row: Mapping[str, Any]) -> Iterator[str]:
    if ("from" in row) == ("value" in row):
        yield f'{place} needs either "from" (a record field) or "value" (a constant).'
    for key in ("from", "to"):
        if key in row and not _is_text(row[key]):
            yield f'{place}: "{key}" must be a text that is not empty.'
    if "to" not in row:
        yield f'{place} needs "to", where the value goes.'


def _option_complaints(place: str, row: Mapping[str, Any]) -> Iterator[str]:
    if "values" in row and not isinstance(row["values"], dict):
        yield f'{place}: "values" must be an object such as {{"gold": 7}}.'
    if "default" in row and "values" not in row:
        yield f'{place}: "default" stands beside "values" only.'
    if row.get("write", "always") not in WRITES:
        yield f'{place}: "write" must be always or if_empty.'


def _is_text(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, str) and bool(value.strip())


def _unknown_field(place: str, to: str) -> Iterator[str]:
    if to in CUSTOMER_FIELDS:
        return
    if to in READ_ONLY:
        yield f"{place}: {to} cannot be written through a mapping."
        return
    near = difflib.get_close_matches(to, CUSTOMER_FIELDS, n=1)
    meant = f" Is {near[0]} meant?" if near else ""
    yield (
        f"{place}: BigCommerce has no customer field {to!r}.{meant}"
        f" There are: {', '.join(CUSTOMER_FIELDS)}."
    )


def _repeats(name: str, rows: Sequence[Any]) -> Iterator[str]:
    targets = [row.get("to") for row in rows if isinstance(row, dict)]
    counts = Counter(to for to in targets if isinstance(to, str))
    for to, count in counts.items():
        if count > 1:
            yield f"{name} has {count} entries onto {to!r}; one is possible."
