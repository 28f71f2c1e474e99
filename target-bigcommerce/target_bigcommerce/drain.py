"""One drain: look up, plan, and write what differs.

Also holds the attribute definitions, which are read once per run and created where the
store lacks them.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .api.writes import AMBIGUOUS, FOUND, MAX_ATTRIBUTES
from .batch import Batch, look_up
from .errors import (
    AttributeConflictError,
    RecordRejectedError,
    RejectCode,
    to_reject,
)
from .fields import REQUIRED_TO_CREATE
from .plan import (
    Change,
    Definitions,
    plan_fields,
    plan_values,
    to_creation,
    to_creation_changes,
    to_inline_values,
    to_update,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from singer_kit.errors import PluginError

    from .api.client import StoreApi
    from .api.models import AttributeDefinition, StoredValue, WriteResult
    from .api.reads import Refused
    from .batch import CustomerWrite
    from .exits import ClearGuard, SeenMembers
    from .files import ChangeLog
    from .plan import ValuePlan
    from .summary import RunStats

VALUES_PER_CLEAR = 100

logger = logging.getLogger("target-bigcommerce")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """The settings of one stream that its drains need.

    Args:
        stream: the stream's name, which is the audience's slug.
        types: type of every attribute to write, by name.
        audience: name of the attribute that holds the slug.
        includes: the `include` values for looking up customers.
        may_create: whether customers that are not found are created.
    """

    stream: str
    types: Mapping[str, str]
    audience: str
    includes: Sequence[str]
    may_create: bool


class AttributeRegistry:
    """The store's attribute definitions by name, cached for the run."""

    def __init__(self, store: StoreApi) -> None:
        self._store = store
        self._known: dict[str, AttributeDefinition] | None = None
        self._names: dict[str, None] = {}  # Those that streams write, in order.
        self.created: list[str] = []

    def check(self, types: Mapping[str, str]) -> None:
        """Check that each attribute exists with its type, or can be created.

        Raises:
            AttributeConflictError: when one has another type, or the store has too many
                attributes.
        """
        known = self._definitions()
        self._names |= dict.fromkeys(types)
        for name, mapped in types.items():
            if name in known and known[name].type != mapped:
                raise AttributeConflictError(
                    f"The store's attribute {name!r} has the type {known[name].type},"
                    f" but is mapped as {mapped}. BigCommerce cannot change a type:"
                    f" map it as {known[name].type}, or map to another name."
                )
        missing = [name for name in types if name not in known]
        if len(known) + len(missing) > MAX_ATTRIBUTES:
            raise AttributeConflictError(
                f"The store has {len(known)} of at most {MAX_ATTRIBUTES} attributes:"
                f" there is no room for {', '.join(map(repr, missing))}. Delete some in"
                " the store, or map to existing ones."
            )

    @property
    def ids(self) -> dict[str, int]:
        """The ids of the attributes that this run writes, by name."""
        known = self._known or {}
        return {name: known[name].id for name in self._names if name in known}

    def known_ids(self, names: Iterable[str]) -> list[int]:
        """Return the ids of the named attributes that exist in the store."""
        known = self._definitions()
        return [known[name].id for name in names if name in known]

    def ensure(
        self, types: Mapping[str, str], *, audience: str, slug: str
    ) -> Definitions:
        """Return the definitions of a stream; create those that the store lacks.

        Args:
            types: type of every attribute, by name.
            audience: name of the attribute that holds the slug.
            slug: the slug.
        """
        known = self._definitions()
        for name, mapped in types.items():
            if name not in known:
                known[name] = self._store.create_attribute(name, mapped)
                self.created.append(name)
        ids = {name: known[name].id for name in types}
        return Definitions(ids=ids, types=types, audience=audience, slug=slug)

    def check_still_there(self, names: Iterable[str]) -> None:
        """Check that the store still has the named attributes.

        Raises:
            AttributeConflictError: when one was deleted during this run.
        """
        known = self._definitions()
        present = {each.id for each in self._store.attributes()}
        for name in names:
            if name in known and known[name].id not in present:
                raise AttributeConflictError(
                    f"The attribute {name!r} was deleted from the store during this"
                    " run. Run again to create it."
                )

    def _definitions(self) -> dict[str, AttributeDefinition]:
        if self._known is None:
            found = sorted(self._store.attributes(), key=lambda each: -each.id)
            # Names should be unique; if not, the lowest id is used.
            self._known = {each.name: each for each in found}
        return self._known


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """What all drains of a run write to.

    Args:
        store: the BigCommerce store.
        guard: limits how many audience values are cleared.
        changes: logs every value written.
        stats: counts every value written.
        attributes: the store's attribute definitions.
    """

    store: StoreApi
    guard: ClearGuard
    changes: ChangeLog
    stats: RunStats
    attributes: AttributeRegistry = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", AttributeRegistry(self.store))

    def log_changes(
        self, stream: str, customer_id: int | None, changes: Sequence[Change]
    ) -> None:
        """Log and count the values written for one customer."""
        for change in changes:
            self.stats.changes[change.name] += 1
        self.changes.add(stream, customer_id, changes)


class Drain:
    """Writes the batches of one stream.

    Each step skips the customers that an earlier step rejected. A failed drain can be
    repeated from the start, because it looks up before it writes.

    Raises:
        AttributeConflictError: when an attribute has another type or cannot be created.
    """

    def __init__(self, plan: StreamPlan, destination: Destination) -> None:
        self._plan = plan
        self._destination = destination
        self._store = destination.store
        self._attributes = destination.attributes
        self._attributes.check(plan.types)

    def write(self, batch: Batch) -> list[CustomerWrite]:
        """Write a batch; return the result for each of its customers.

        Raises:
            PluginError: when the run must stop.
        """
        return [one for write in self._write(batch) for one in self._retry(write)]

    def _retry(self, write: CustomerWrite) -> list[CustomerWrite]:
        """Write a rejected customer's records one by one; reject only the bad ones."""
        is_by_store = write.rejected is not None and write.rejected.status is not None
        if not is_by_store or len(write.records) == 1:
            return [write]
        batches = [Batch.of(record) for record in write.records]
        return [one for batch in batches for one in self._write(batch)]

    def _write(self, batch: Batch) -> list[CustomerWrite]:
        writes, values = look_up(
            batch,
            self._store,
            include=self._plan.includes,
            attribute_ids=self._known_ids(),
        )
        for write in writes:
            write.rejected = write.rejected or self._reject_missing(write)
        self._update([write for write in writes if write.takes_values])
        if self._plan.may_create:
            self._create([write for write in writes if write.is_new])
        self._write_values([write for write in writes if write.takes_values], values)
        return writes

    # Customers.

    def _reject_missing(self, write: CustomerWrite) -> RecordRejectedError | None:
        if write.row is not None:
            return None
        if write.customer_id is not None:
            reason = "the store has no customer with this id"
            return RecordRejectedError(RejectCode.UNKNOWN_CUSTOMER, reason)
        fields = write.desired.fields
        missing = [name for name in REQUIRED_TO_CREATE if name not in fields]
        if self._plan.may_create and missing:
            reason = f"a new customer also needs {', '.join(missing)}"
            return RecordRejectedError(RejectCode.INCOMPLETE_CUSTOMER, reason)
        return None

    def _update(self, writes: Iterable[CustomerWrite]) -> None:
        planned = [
            (write, changes)
            for write in writes
            if (changes := plan_fields(write.desired, write.found))
        ]
        if not planned:
            return
        rows = [to_update(write.found["id"], changes) for write, changes in planned]
        written = self._store.update_customers(rows)
        for at, (write, changes) in enumerate(planned):
            if at in written.rejected:
                write.rejected = to_reject(written.rejected[at])
            elif at in written.done:
                self._log(write, changes)
        _raise(written.error)

    def _create(self, writes: Sequence[CustomerWrite]) -> None:
        if not writes:
            return
        definitions = self._definitions()
        rows = [to_creation(write.desired, definitions) for write in writes]
        written = self._store.create_customers(rows)
        self._check_attributes(written)
        existing = []
        for at, details in written.rejected.items():
            writes[at].rejected = to_reject(details)
        for at, customer in sorted(written.done.items()):
            write, row = writes[at], rows[at]
            if matches := customer.get(AMBIGUOUS):
                write.reject_as_ambiguous(matches)
                continue
            write.created(customer)
            if customer.get(FOUND):
                # It existed, or the response to its POST was lost: compare it.
                existing.append(write)
                continue
            write.inline = to_inline_values(customer["id"], row)
            self._log(write, to_creation_changes(row, definitions))
        _raise(written.error)
        self._update(existing)

    # Attribute values.

    def _write_values(
        self, writes: Sequence[CustomerWrite], looked_up: Sequence[StoredValue]
    ) -> None:
        if not writes or self._clears_nothing(writes):
            return
        stored = self._stored(writes, looked_up)
        definitions = self._definitions()
        plans = [
            (write, plan_values(number, write.desired, stored[number], definitions))
            for write in writes
            if not write.rejected
            for number in [write.found["id"]]
        ]
        self._upsert(plans)
        plans = [(write, plan) for write, plan in plans if not write.rejected]
        self._delete([(w, *each) for w, plan in plans for each in plan.deletes])
        clears = [(w, *each) for w, plan in plans for each in plan.clears]
        if clears:
            self._admit_clears(len(clears), definitions.audience_id)
            self._delete(clears)
            for write, _, _ in clears:
                write.is_cleared = not write.rejected
                self._destination.stats.values_cleared += write.is_cleared

    def _clears_nothing(self, writes: Sequence[CustomerWrite]) -> bool:
        # Do not create the audience attribute only to clear it.
        is_all_exits = not any(write.desired.has_member_record for write in writes)
        return is_all_exits and not self._attributes.known_ids([self._plan.audience])

    def _stored(
        self, writes: Sequence[CustomerWrite], looked_up: Sequence[StoredValue]
    ) -> Mapping[int, list[StoredValue]]:
        """Group the stored values by customer; read those not looked up yet."""
        stored: dict[int, list[StoredValue]] = defaultdict(list)
        known = self._known_ids()
        unread = [write.found["id"] for write in writes if write.lacks_values]
        refused: Refused = {}
        more = self._store.values(unread, known, refused) if unread and known else []
        for write in writes:
            write.reject_refused(refused)
        for value in (*looked_up, *more):
            stored[value.customer_id].append(value)
        for write in writes:
            stored[write.found["id"]] += write.inline
        return stored

    def _upsert(self, plans: Sequence[tuple[CustomerWrite, ValuePlan]]) -> None:
        planned = [(write, *each) for write, plan in plans for each in plan.upserts]
        if not planned:
            return
        written = self._store.upsert_values([value for _, value, _ in planned])
        self._check_attributes(written)
        for at, (write, _, change) in enumerate(planned):
            if at in written.rejected:
                write.rejected = to_reject(written.rejected[at])
            elif at in written.done:
                self._log(write, [change])
        _raise(written.error)

    def _check_attributes(self, written: WriteResult) -> None:
        # The store also rejects rows of a deleted attribute, with an error that may not
        # say so. No record may be rejected for that.
        if written.rejected:
            self._attributes.check_still_there(self._plan.types)

    def _delete(
        self, planned: Sequence[tuple[CustomerWrite, StoredValue, Change]]
    ) -> None:
        if not planned:
            return
        written = self._store.delete_values([value.id for _, value, _ in planned])
        for at, (write, _, change) in enumerate(planned):
            if at in written.rejected:
                write.rejected = to_reject(written.rejected[at])
            elif at in written.done:
                self._log(write, [change])
        _raise(written.error)

    def _known_ids(self) -> list[int]:
        return self._attributes.known_ids(self._plan.types)

    def _definitions(self) -> Definitions:
        return self._attributes.ensure(
            self._plan.types, audience=self._plan.audience, slug=self._plan.stream
        )

    def _log(self, write: CustomerWrite, changes: Sequence[Change]) -> None:
        write.is_changed = True
        self._destination.log_changes(self._plan.stream, write.customer_id, changes)

    # Exits.

    def clear_unseen(self, seen: SeenMembers) -> None:
        """Delete the audience's value of every customer not seen under a version.

        Everything buffered must have been written.

        Raises:
            TooManyClearsError: when there are too many; nothing is deleted.
        """
        stream, attribute = self._plan.stream, self._plan.audience
        if seen.incomplete_reason:
            logger.warning(
                "%s: no value of %s is cleared. To clear all of them, delete this"
                " attribute in BigCommerce.",
                seen.incomplete_reason,
                attribute,
            )
            return
        for number in self._attributes.known_ids([attribute]):
            # Keep the values of other audiences.
            left = [
                value
                for value in self._store.values_of(number)
                if value.value == stream and value.customer_id not in seen.customers
            ]
            self._admit_clears(len(left), number)
            self._clear(left)
            logger.info(
                "Cleared %s of %d customers who left %s.", attribute, len(left), stream
            )

    def _clear(self, values: Sequence[StoredValue]) -> None:
        name = self._plan.audience
        for at in range(0, len(values), VALUES_PER_CLEAR):
            part = values[at : at + VALUES_PER_CLEAR]
            written = self._store.delete_values([value.id for value in part])
            self._destination.stats.values_cleared += len(written.done)
            self._destination.stats.cleared_by_version += len(written.done)
            for done in sorted(written.done):
                change = Change(name=name, is_attribute=True, old=part[done].value)
                self._destination.log_changes(
                    self._plan.stream, part[done].customer_id, [change]
                )
            if written.rejected:
                logger.warning(
                    "BigCommerce did not delete %d values of %s (%s).",
                    len(written.rejected),
                    name,
                    ", ".join(
                        sorted({str(d.status) for d in written.rejected.values()})
                    ),
                )
            _raise(written.error)

    def _admit_clears(self, count: int, attribute_id: int) -> None:
        self._destination.guard.admit(
            count,
            attribute=self._plan.audience,
            total=lambda: self._store.count_values(attribute_id),
        )


def _raise(error: PluginError | None) -> None:
    if error is not None:
        raise error
