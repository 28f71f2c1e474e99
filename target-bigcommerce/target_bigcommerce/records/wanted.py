"""What a record wants of its customer, and how two records of one customer merge."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .comparing import is_empty, joined_form_fields

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One value wanted.

    Args:
        value: in the form in which BigCommerce takes it; None to empty what is there.
        if_empty: never over what the store has.
    """

    value: Any
    if_empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Everything that a record, or several merged, wants of one customer.

    Args:
        customer_id: None where the record has no id.
        email: what to match by, where there is no id; lower case.
        fields: by the customer field's name.
        attributes: by the attribute's name.
        is_member: False for a record that tells of an exit.
        was_member: whether an earlier one of merged records was a member's.
    """

    customer_id: int | None
    email: str | None = None
    fields: Mapping[str, Want] = field(default_factory=dict)
    attributes: Mapping[str, Want] = field(default_factory=dict)
    is_member: bool = True
    was_member: bool = False

    @property
    def tells_of_member(self) -> bool:
        """Whether any of the records was a member's."""
        return self.is_member or self.was_member


def merge(earlier: Wanted, later: Wanted) -> Wanted:
    """Merge as if the two were written one after the other."""
    return replace(
        later,
        email=later.email or earlier.email,
        fields=_merge(earlier.fields, later.fields),
        attributes=_merge(earlier.attributes, later.attributes),
        was_member=earlier.tells_of_member or later.was_member,
    )


def _merge(earlier: Mapping[str, Want], later: Mapping[str, Want]) -> dict[str, Want]:
    merged = dict(earlier)
    for name, want in later.items():
        merged[name] = _after(name, merged[name], want) if name in merged else want
    return merged


def _after(name: str, earlier: Want, later: Want) -> Want:
    """Tell what is left to want of a field or attribute that two records want."""
    if not later.if_empty:
        is_list = name == "form_fields" and isinstance(later.value, list)
        return _joined(earlier, later) if is_list else later
    if not is_empty(name, earlier.value):
        return earlier
    # The earlier one emptied it for the later, or could not do anything at all.
    return later if earlier.if_empty else replace(later, if_empty=False)


def _joined(earlier: Want, later: Want) -> Want:
    return replace(later, value=joined_form_fields(earlier.value, later.value))
