"""From what is wanted and what was found to the rows to write. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .api.models import AttributeValue, StoredValue
from .records.comparing import is_field_settled, is_value_settled, joined_form_fields
from .records.fields import CUSTOMER_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .api.models import Row
    from .records.wanted import Want, Wanted

MAX_INLINE_ATTRIBUTES = 10  # BigCommerce takes no more in a row that creates.


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One value that a call will make differ.

    Args:
        name: of the customer field, or of the attribute.
        is_attribute: which of the two.
        old: what the store has; None for nothing.
        new: what it will have; None for nothing.
    """

    name: str
    is_attribute: bool = False
    old: Any = None
    new: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """The attributes that a stream writes.

    Args:
        ids: every attribute's id, by its name.
        types: the mapped attributes' types, by name.
        audience: the name of the attribute that holds the audience's slug.
        slug: that slug.
    """

    ids: Mapping[str, int]
    types: Mapping[str, str]
    audience: str
    slug: str

    @property
    def audience_id(self) -> int:
        """The id of the attribute that holds the slug."""
        return self.ids[self.audience]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePlan:
    """What to do with the attribute values of one customer, each with its change.

    Args:
        upserts: values to write.
        deletes: values to delete, as a null asks for it.
        clears: values of the audience to delete, as the member left.
    """

    upserts: list[tuple[AttributeValue, Change]] = field(default_factory=list)
    deletes: list[tuple[StoredValue, Change]] = field(default_factory=list)
    clears: list[tuple[StoredValue, Change]] = field(default_factory=list)


def plan_fields(wanted: Wanted, row: Row) -> list[Change]:
    """List the customer fields that differ, each with its new value."""
    changes = []
    for name, want in wanted.fields.items():
        if CUSTOMER_FIELDS[name].creates_only:
            continue
        old: Any = row.get(name)
        new: Any = "" if want.value is None else want.value
        if name == "form_fields":
            new = joined_form_fields(old, new)
        if not is_field_settled(name, want, old, new):
            changes.append(Change(name=name, old=old, new=new))
    return changes


def to_update(customer_id: int, changes: Iterable[Change]) -> Row:
    """Make the row of a PUT: the id and what differs."""
    return {"id": customer_id, **{change.name: change.new for change in changes}}


def to_creation(wanted: Wanted, definitions: Definitions) -> Row:
    """Make the row of a POST, with as many attributes inline as it may have."""
    row = {name: w.value for name, w in wanted.fields.items() if w.value is not None}
    values = [(definitions.audience_id, definitions.slug)]
    values += [
        (definitions.ids[name], want.value)
        for name, want in wanted.attributes.items()
        if want.value is not None
    ]
    inline = [
        {"attribute_id": number, "attribute_value": value}
        for number, value in values[:MAX_INLINE_ATTRIBUTES]
    ]
    return {**row, "attributes": inline}


def to_inline_values(customer_id: int, row: Row) -> list[StoredValue]:
    """Say which values a row of a POST brought with it."""
    return [
        StoredValue(
            id=0,
            attribute_id=each["attribute_id"],
            customer_id=customer_id,
            value=each["attribute_value"],
        )
        for each in row.get("attributes", ())
    ]


def to_creation_changes(row: Row, definitions: Definitions) -> list[Change]:
    """List what a row of a POST brings into the store."""
    names = {number: name for name, number in definitions.ids.items()}
    return [
        Change(name=name, new=value)
        for name, value in row.items()
        if name != "attributes"
    ] + [
        Change(
            name=names[each["attribute_id"]],
            is_attribute=True,
            new=each["attribute_value"],
        )
        for each in row["attributes"]
    ]


def plan_values(
    customer_id: int,
    wanted: Wanted,
    found: Iterable[StoredValue],
    definitions: Definitions,
) -> ValuePlan:
    """Plan what differs of one customer's attribute values."""
    stored = {value.attribute_id: value for value in found}
    planner = _Planner(customer_id, stored, definitions)
    for name, want in wanted.attributes.items():
        planner.add(name, want)
    if wanted.is_member:
        planner.add_slug()
    else:
        planner.clear_slug(was_member=wanted.was_member)
    return planner.plan


class _Planner:
    def __init__(
        self,
        customer_id: int,
        stored: Mapping[int, StoredValue],
        definitions: Definitions,
    ) -> None:
        self.plan = ValuePlan()
        self._customer_id = customer_id
        self._stored = stored
        self._definitions = definitions

    def add(self, name: str, want: Want) -> None:
        old = self._old(name)
        if want.value is not None:
            attribute_type = self._definitions.types[name]
            if not is_value_settled(want, old.value if old else None, attribute_type):
                self._upsert(name, want.value, old)
        elif old is not None and not want.if_empty:
            self.plan.deletes.append((old, _change(name, old, None)))

    def add_slug(self) -> None:
        audience, slug = self._definitions.audience, self._definitions.slug
        old = self._old(audience)
        if old is None or old.value != slug:
            self._upsert(audience, slug, old)

    def clear_slug(self, *, was_member: bool) -> None:
        audience = self._definitions.audience
        old = self._old(audience)
        if old is None:
            return
        # Another's value in the attribute is not ours to delete, unless a record that
        # was merged with the exit would have replaced it by the slug.
        if was_member or old.value == self._definitions.slug:
            self.plan.clears.append((old, _change(audience, old, None)))

    def _old(self, name: str) -> StoredValue | None:
        return self._stored.get(self._definitions.ids[name])

    def _upsert(self, name: str, value: str, old: StoredValue | None) -> None:
        row = AttributeValue(
            customer_id=self._customer_id,
            attribute_id=self._definitions.ids[name],
            value=value,
        )
        self.plan.upserts.append((row, _change(name, old, value)))


def _change(name: str, old: StoredValue | None, new: str | None) -> Change:
    return Change(name=name, is_attribute=True, old=old.value if old else None, new=new)
