"""Compares the desired customer with the stored one and plans the writes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .api.models import AttributeValue, StoredValue
from .fields import ATTRIBUTE_TYPES, CUSTOMER_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .api.models import Row
    from .fields import ValueRules
    from .mapping import DesiredCustomer, DesiredValue

Action = Literal["update", "create", "delete", "clear"]

MAX_INLINE_ATTRIBUTES = 10  # BigCommerce's limit per row of a POST.


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a stored value.

    Args:
        name: the customer field or attribute.
        is_attribute: whether it is an attribute.
        old: the stored value; None if there is none.
        new: the new value; None if it is deleted.
    """

    name: str
    is_attribute: bool = False
    old: Any = None
    new: Any = None


@dataclass(slots=True, kw_only=True)
class RecordedChange:
    """A change with all that the history and `changes_path` hold about it.

    Args:
        at: when it was planned, in seconds since 1970.
        stream: the stream.
        action: what the call does; only `clear` counts for the guard.
        change: the change.
        customer: the customer's id; None until a new customer is created.
        email: the email of a new customer.
        id: its id in the history; None without a history.
        run: the run that made it.
        stored: the new value in the form in which the store returned it, if that is
            another one; otherwise empty.
    """

    at: float
    stream: str
    action: Action
    change: Change
    customer: int | None = None
    email: str | None = None
    id: int | None = None
    run: int = 0
    stored: list[Any] = field(default_factory=list)


class ClearedValues(NamedTuple):
    """The values of an attribute cleared in the last 24 hours.

    Args:
        confirmed: number of values that the store deleted.
        pending: number of values about to be deleted, or perhaps deleted.
    """

    confirmed: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        """The number of all."""
        return self.confirmed + self.pending


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """The definitions of the attributes that a stream writes.

    Args:
        ids: attribute ids by name.
        types: attribute types by name.
        audience: name of the attribute that holds the audience's slug.
        slug: the slug.
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
    """The attribute values to write for one customer, each with its change.

    Args:
        upserts: values to write.
        deletes: values to delete because of a null.
    """

    upserts: list[tuple[AttributeValue, Change]] = field(default_factory=list)
    deletes: list[tuple[StoredValue, Change]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Number of values to write or delete."""
        return len(self.upserts) + len(self.deletes)


def needs_write(rules: ValueRules, stored: Any, new: Any, *, if_empty: bool) -> bool:  # noqa: ANN401 - any JSON
    """Whether a new value must replace the stored one."""
    if if_empty and not rules.is_empty(stored):
        return False
    return not rules.is_same(stored, new)


def other_form(change: Change, row: Row, types: Mapping[str, str]) -> list[Any]:
    """Return the value of a row that a call returned, if it is not the one sent.

    Args:
        change: what the call wrote.
        row: the row that it returned.
        types: attribute types by name.

    Returns:
        The value, or an empty list if the row lacks it, or has the new or the old one.
    """
    value = row.get("attribute_value" if change.is_attribute else change.name)
    if value is None or change.new is None:
        return []
    rules: ValueRules = CUSTOMER_FIELDS.get(change.name, ATTRIBUTE_TYPES["string"])
    if change.is_attribute:
        rules = ATTRIBUTE_TYPES[types.get(change.name, "string")]
    if rules.is_same(value, change.new):
        return []
    is_old = change.old is not None and rules.is_same(value, change.old)
    return [] if is_old else [value]


def plan_fields(desired: DesiredCustomer, row: Row) -> list[Change]:
    """List the customer fields that must change, each with its new value."""
    changes = []
    for name, value in desired.fields.items():
        rules = CUSTOMER_FIELDS[name]
        if rules.is_creation_only:
            continue
        old = row.get(name)
        new = rules.merge(old, "" if value.value is None else value.value)
        if needs_write(rules, old, new, if_empty=value.if_empty):
            changes.append(Change(name=name, old=old, new=new))
    return changes


def to_update(customer_id: int, changes: Iterable[Change]) -> Row:
    """Build the row of a PUT: the id and the fields that change."""
    return {"id": customer_id, **{change.name: change.new for change in changes}}


def to_creation(desired: DesiredCustomer, definitions: Definitions) -> Row:
    """Build the row of a POST, with at most 10 attribute values."""
    row = {
        name: value.value
        for name, value in desired.fields.items()
        if value.value is not None
    }
    values = [(definitions.audience_id, definitions.slug)]
    values += [
        (definitions.ids[name], value.value)
        for name, value in desired.attributes.items()
        if value.value is not None
    ]
    inline = [
        {"attribute_id": number, "attribute_value": value}
        for number, value in values[:MAX_INLINE_ATTRIBUTES]
    ]
    return {**row, "attributes": inline}


def to_inline_values(customer_id: int, row: Row) -> list[StoredValue]:
    """List the attribute values that a row of a POST created."""
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
    """List the values that a row of a POST creates."""
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
    desired: DesiredCustomer,
    found: Iterable[StoredValue],
    definitions: Definitions,
    *,
    is_member: bool = True,
) -> ValuePlan:
    """Plan the attribute values of one customer that must change.

    Args:
        customer_id: the customer.
        desired: the values to write.
        found: the stored values.
        definitions: the attributes.
        is_member: whether the customer still is in the audience. One who left again is
            not given the slug only to have it deleted.
    """
    stored = {value.attribute_id: value for value in found}
    planner = _ValuePlanner(customer_id, stored, definitions)
    for name, value in desired.attributes.items():
        planner.add(name, value)
    planner.add_slug(is_member=is_member)
    return planner.plan


class _ValuePlanner:
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

    def add(self, name: str, desired: DesiredValue) -> None:
        old = self._old(name)
        if desired.value is not None:
            rules = ATTRIBUTE_TYPES[self._definitions.types[name]]
            stored, new = old.value if old else None, desired.value
            if needs_write(rules, stored, new, if_empty=desired.if_empty):
                self._upsert(name, new, old)
        elif old is not None and not desired.if_empty:
            self.plan.deletes.append((old, _change(name, old, None)))

    def add_slug(self, *, is_member: bool) -> None:
        audience, slug = self._definitions.audience, self._definitions.slug
        old = self._old(audience)
        if is_member if old is None else old.value != slug:
            self._upsert(audience, slug, old)

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
