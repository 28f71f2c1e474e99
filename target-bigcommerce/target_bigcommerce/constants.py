"""The values that stand in the mapping itself, tried before any record comes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .errors import RecordRejectedError
from .mapping import to_attribute_want, to_field_want, value_of
from .records.entries import to_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .records.entries import Entry
    from .records.wanted import Want

MAPPINGS: dict[str, Callable[..., Want | None]] = {
    "map_standard_fields": to_field_want,
    "map_custom_attributes": to_attribute_want,
}


def constant_complaints(config: Mapping[str, Any]) -> Iterator[str]:
    """Say which values of the mappings could never be written, quoting none."""
    for name, to_want in MAPPINGS.items():
        for at, entry in enumerate(to_entries(config[name])):
            for place, constant in _constants(entry):
                reason = _reason(constant, to_want)
                if reason:
                    yield f"{name}[{at}], {place}: {reason}."


def _constants(entry: Entry) -> Iterator[tuple[str, Entry]]:
    """Give each value that is there as an entry of its own, with where it stands."""
    if entry.source is None:
        yield '"value"', entry
    plain = replace(entry, source=None, table=None)
    for number, value in enumerate((entry.table or {}).values(), start=1):
        yield f'no. {number} of "values"', replace(plain, constant=value)
    if entry.has_default:
        yield '"default"', replace(plain, constant=entry.default)


def _reason(constant: Entry, to_want: Callable[..., Want | None]) -> str:
    try:
        to_want(value_of({}, constant), constant, clears_nulls=False)
    except RecordRejectedError as why:
        return why.reason
    return ""
