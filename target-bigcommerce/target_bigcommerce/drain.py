"""One drain: look up, plan, and write what differs.

Also holds the attribute definitions, which are read once per run and created where the
store lacks them.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from singer_kit.errors import PluginError
from singer_kit.logs import counted

from .api.models import WriteResult
from .api.writes import AMBIGUOUS, FOUND, MAX_ATTRIBUTES, email_of
from .batch import Batch, look_up
from .errors import (
    AttributeConflictError,
    EndpointFailedError,
    RecordRejectedError,
    RejectCode,
)
from .fields import REQUIRED_TO_CREATE
from .plan import (
    Change,
    Definitions,
    other_form,
    plan_fields,
    plan_values,
    to_creation,
    to_creation_changes,
    to_inline_values,
    to_update,
)

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from .api.client import StoreApi
    from .api.models import AttributeDefinition, StoredValue
    from .api.reads import Refused
    from .batch import BufferedRecord, CustomerWrite
    from .errors import ErrorDetails
    from .exits import BufferedExit, ClearGuard, SeenMembers
    from .plan import Action, RecordedChange, ValuePlan
    from .recording import ChangeRecorder
    from .summary import RunStats

VALUES_PER_CLEAR = 100
CLIENT_ERRORS = range(400, 500)  # The row was not written.

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


def _folded(name: str) -> str:
    """Return a name without what people confuse: case and blanks."""
    return " ".join(name.casefold().split())


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
        known = self.definitions()
        self._names |= dict.fromkeys(types)
        for name, mapped in types.items():
            if name in known and known[name].type != mapped:
                raise AttributeConflictError(
                    f"The store's attribute {name!r} has the type {known[name].type},"
                    f" but is mapped as {mapped}. BigCommerce cannot change a type:"
                    f" map it as {known[name].type}, or map to another name."
                )
        missing = [name for name in types if name not in known]
        similar = {_folded(name): name for name in known}
        for name in missing:
            if found := similar.get(_folded(name)):
                raise AttributeConflictError(
                    f"The store's attribute {found!r} differs from {name!r} only in"
                    " upper and lower case or in blanks, so a second one is not"
                    f" created. Write {found!r} in map_custom_attributes,"
                    " audience_attribute or job_id."
                )
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
        known = self.definitions()
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
        known = self.definitions()
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
        known = self.definitions()
        present = {each.id for each in self._store.attributes()}
        for name in names:
            if name in known and known[name].id not in present:
                raise AttributeConflictError(
                    f"The attribute {name!r} was deleted from the store during this"
                    " run. Run again to create it."
                )

    def definitions(self) -> dict[str, AttributeDefinition]:
        """Return the store's attribute definitions by name."""
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
        recorder: records every value written.
        stats: the run's statistics.
        attributes: the store's attribute definitions.
    """

    store: StoreApi
    guard: ClearGuard
    recorder: ChangeRecorder
    stats: RunStats
    attributes: AttributeRegistry = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", AttributeRegistry(self.store))

    def resolve_ended_runs(self) -> None:
        """Find out what runs that were killed have written."""
        self.recorder.resolve_ended_runs(self.store, self.attributes.definitions)

    def record(
        self, recorded: Sequence[Sequence[RecordedChange]], written: WriteResult
    ) -> None:
        """Record the result of a call for the changes of each of its rows."""
        outcomes = _Outcomes()
        for at, changes in enumerate(recorded):
            outcomes.add(changes, written, at)
        self.recorder.settle(outcomes.done, outcomes.dropped)
        self.recorder.resolve(outcomes.unknown, self.store, self.attributes.definitions)


@dataclass(slots=True, kw_only=True)
class DrainResult:
    """The result of a drain.

    Args:
        writes: one per customer, or per record; one without an outcome is not settled.
        error: the error that must end the run.
        is_resolved: whether it is known of every record which customer it concerns.
    """

    writes: list[CustomerWrite] = field(default_factory=list)
    error: PluginError | None = None
    is_resolved: bool = True

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep the error of a failing endpoint for later, so that others are used."""
        try:
            yield
        except EndpointFailedError as error:
            self.error = self.error or error

    def withdraw(
        self, condition: Callable[[CustomerWrite], bool]
    ) -> list[BufferedRecord]:
        """Remove the customers for which a condition holds; return their records."""
        withdrawn = [write for write in self.writes if condition(write)]
        self.writes = [write for write in self.writes if not condition(write)]
        return [record for write in withdrawn for record in write.records]

    def hold(self, batch: Batch) -> tuple[list[BufferedRecord], Batch]:
        """Split off the records with the email of a rejected customer.

        They are written after those records of the customer that come before them.
        """
        emails = {
            email_of(write.row)
            for write in self.writes
            if write.rejected is not None and write.row is not None
        }
        held: list[BufferedRecord] = []
        rest = Batch()
        for email, records in batch.by_key.items():
            for record in records:
                if email in emails:
                    held.append(record)
                else:
                    rest.add(record)
        return held, rest

    def withdraw_customers(
        self, condition: Callable[[CustomerWrite], bool]
    ) -> list[tuple[BufferedRecord, bool]]:
        """Remove all writes of these customers.

        A customer has several writes if records with its email were looked up later.

        Returns:
            Their records in input order, and whether something was written for each.
        """
        found = {write.customer_id for write in self.writes if condition(write)}
        found.discard(None)
        changed = {
            record.order
            for write in self.writes
            for record in write.records
            if write.is_changed
        }
        records = self.withdraw(
            lambda write: condition(write) or write.customer_id in found
        )
        ordered = sorted(records, key=lambda record: record.order)
        return [(record, record.order in changed) for record in ordered]


@dataclass(slots=True, kw_only=True)
class ClearResult:
    """What became of the values of customers who left.

    Args:
        cleared: customers whose value was deleted.
        rejected: customers whose value the store did not delete, with its error.
        unknown: customers whose value may or may not have been deleted.
        refused: customers that the store refused to look up, with its error.
        error: the error that must end the run.
    """

    cleared: set[int] = field(default_factory=set)
    rejected: dict[int, ErrorDetails] = field(default_factory=dict)
    unknown: set[int] = field(default_factory=set)
    refused: Refused = field(default_factory=dict)
    error: PluginError | None = None

    def add(self, values: Sequence[StoredValue], written: WriteResult) -> None:
        """Add the result of deleting values."""
        self.error = written.error
        for at, value in enumerate(values):
            if at in written.rejected:
                self.rejected[value.customer_id] = written.rejected[at]
            elif at in written.done:
                self.cleared.add(value.customer_id)
            else:
                self.unknown.add(value.customer_id)


class Drain:
    """Writes the batches of one stream.

    Customers that exist are written before new ones are created. Each step skips the
    customers that an earlier step rejected or could not write.
    """

    def __init__(self, plan: StreamPlan, destination: Destination) -> None:
        self._plan = plan
        self._destination = destination
        self._store = destination.store
        self._attributes = destination.attributes
        self._is_checked = False
        self._result = DrainResult()
        self._exits: Mapping[int, BufferedExit] = {}

    def check_attributes(self) -> None:
        """Check the attributes, once; a stream without records needs no call.

        Raises:
            AttributeConflictError: when one has another type or cannot be created.
        """
        if not self._is_checked:
            self._attributes.check(self._plan.types)
            self._is_checked = True

    def write(self, batch: Batch, exits: Mapping[int, BufferedExit]) -> DrainResult:
        """Write a batch; the audience's value only of members who have not left since.

        Rows refused because another customer has their email are written once more at
        the end, as that customer may have given it up in the same batch. Then the
        records of a rejected customer are written one by one, so that only the bad ones
        are rejected.

        Args:
            batch: the records.
            exits: exits that wait, by customer.
        """
        self._exits = exits
        result = self._result = DrainResult()
        try:
            again = self._write(batch)
            refused = result.withdraw(_has_taken_email)
            held, again = result.hold(again)
            for record in refused:
                again.add(record)
            while again.records:
                more, again = result.hold(self._write(again))
                held += more
            single = result.withdraw_customers(_may_have_good_records)
            single += [(record, False) for record in held]
            for record, is_changed in sorted(single, key=lambda each: each[0].order):
                self._write(Batch.of(record))
                result.writes[-1].is_changed |= is_changed
        except PluginError as error:
            result.error = result.error or error
            result.is_resolved = False
            # The next run decides what was to be written again.
            result.withdraw(_has_taken_email)
            result.withdraw(_may_have_good_records)
        return result

    def _write(self, batch: Batch) -> Batch:
        """Write a batch; return the records that must be looked up again."""
        looked_up = look_up(
            batch,
            self._store,
            include=self._plan.includes,
            attribute_ids=self._known_ids(),
        )
        writes = looked_up.writes
        self._result.writes += writes
        for write in writes:
            write.rejected = write.rejected or self._reject_missing(write)
            write.is_settled = write.is_new and not self._plan.may_create
        known = [write for write in writes if write.row is not None]
        new = [write for write in writes if write.is_new and self._plan.may_create]
        with self._result.collecting():
            self._update(known)
        self._write_values(known, looked_up.values)
        with self._result.collecting():
            self._create(new)
        self._write_values(new, ())
        return looked_up.deferred

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
        writes = [write for write in writes if write.is_writable]
        plans = self._destination.recorder.without_known_forms(
            [
                (write.found["id"], plan_fields(write.desired, write.found))
                for write in writes
            ]
        )
        planned = [
            (write, changes)
            for write, changes in zip(writes, plans, strict=True)
            if changes
        ]
        for write, _ in planned:
            write.open_rows += 1
        for part in in_email_order(planned):
            rows = [to_update(write.found["id"], changes) for write, changes in part]
            recorded = self._begin("update", part)
            self._settle(recorded, self._store.update_customers(rows))

    def _create(self, writes: Sequence[CustomerWrite]) -> None:
        if not writes:
            return
        definitions = self._definitions()
        rows = [to_creation(write.desired, definitions) for write in writes]
        for write in writes:
            write.open_rows += 1
        recorded = self._begin(
            "create",
            [
                (write, to_creation_changes(row, definitions))
                for write, row in zip(writes, rows, strict=True)
            ],
        )
        written = self._store.create_customers(rows)
        for at, customer in written.done.items():
            writes[at].created(customer)
            if not customer.get(FOUND):
                writes[at].inline = to_inline_values(customer["id"], rows[at])
        with self._result.collecting():
            self._settle(recorded, written, names_attributes=True)
        # These existed, or the responses to their POSTs were lost: compare them.
        found = (at for at in written.done if written.done[at].get(FOUND))
        self._update([writes[at] for at in found])

    # Attribute values.

    def _write_values(
        self, writes: Sequence[CustomerWrite], looked_up: Sequence[StoredValue]
    ) -> None:
        """Write the values of those customers that exist, which settles them."""
        writes = [write for write in writes if write.is_writable]
        with self._result.collecting():
            if writes:
                self._write_planned(writes, looked_up)
            for write in writes:
                write.is_settled = not write.open_rows

    def _write_planned(
        self, writes: Sequence[CustomerWrite], looked_up: Sequence[StoredValue]
    ) -> None:
        stored = self._stored(writes, looked_up)
        definitions = self._definitions()
        plans = [
            (
                write,
                plan_values(
                    number,
                    write.desired,
                    stored[number],
                    definitions,
                    is_member=not self._leaves(number, write),
                ),
            )
            for write in writes
            if not write.rejected
            for number in [write.found["id"]]
        ]
        kept = self._destination.recorder.without_known_forms(
            [
                (write.found["id"], [change for _, change in plan.upserts])
                for write, plan in plans
            ]
        )
        for (write, plan), changes in zip(plans, kept, strict=True):
            plan.upserts[:] = [each for each in plan.upserts if each[1] in changes]
            write.open_rows = plan.rows
        with self._result.collecting():
            self._upsert(plans)
        plans = [(write, plan) for write, plan in plans if not write.rejected]
        with self._result.collecting():
            self._delete([(w, *each) for w, plan in plans for each in plan.deletes])

    def _leaves(self, customer_id: int, write: CustomerWrite) -> bool:
        left = self._exits.get(customer_id)
        return left is not None and left.order > write.records[-1].order

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
        recorded = self._begin("update", [(w, [change]) for w, _, change in planned])
        written = self._store.upsert_values([value for _, value, _ in planned])
        self._settle(recorded, written, names_attributes=True)

    def _delete(
        self, planned: Sequence[tuple[CustomerWrite, StoredValue, Change]]
    ) -> None:
        if not planned:
            return
        recorded = self._begin("delete", [(w, [change]) for w, _, change in planned])
        self._settle(
            recorded,
            self._store.delete_values([value.id for _, value, _ in planned]),
        )

    def _known_ids(self) -> list[int]:
        return self._attributes.known_ids(self._plan.types)

    def _definitions(self) -> Definitions:
        return self._attributes.ensure(
            self._plan.types, audience=self._plan.audience, slug=self._plan.stream
        )

    # Recording.

    def _begin(
        self, action: Action, planned: Sequence[tuple[CustomerWrite, Sequence[Change]]]
    ) -> list[tuple[CustomerWrite, list[RecordedChange]]]:
        """Record changes before the call that writes them."""
        recorded = self._destination.recorder.begin(
            self._plan.stream,
            action,
            [
                (write.customer_id, write.desired.email, changes)
                for write, changes in planned
            ],
        )
        return [
            (write, each) for (write, _), each in zip(planned, recorded, strict=True)
        ]

    def _settle(
        self,
        recorded: Sequence[tuple[CustomerWrite, Sequence[RecordedChange]]],
        written: WriteResult,
        *,
        names_attributes: bool = False,
    ) -> None:
        """Record the result of a call for each of its rows.

        What became of rows without a result stays unknown until the next run.

        Args:
            recorded: the customers and changes of the rows.
            written: the result.
            names_attributes: whether the rows name attributes.

        Raises:
            PluginError: what ended the call early.
            AttributeConflictError: when an attribute was deleted meanwhile.
        """
        for at, (write, changes) in enumerate(recorded):
            row = written.done.get(at, {})
            if at in written.done:
                write.confirm(row)
            for each in changes:
                each.customer = write.customer_id
                each.stored = other_form(each.change, row, self._plan.types)
        self._destination.record([changes for _, changes in recorded], written)
        if names_attributes and written.rejected:
            # The store also rejects rows of a deleted attribute, with an error that may
            # not say so. No record may be rejected for that.
            self._attributes.check_still_there(self._plan.types)
        for at, details in written.rejected.items():
            recorded[at][0].reject(details)
        _raise(written.error)

    # Exits.

    def clear_left(
        self, customers: Collection[int], seen: SeenMembers | None = None
    ) -> ClearResult:
        """Delete the audience's value of members who left, and no other value.

        Everything buffered must have been written.

        Args:
            customers: those that records report as left.
            seen: the members of an activated version; everybody else left as well.
                None without one.

        Raises:
            TooManyClearsError: when there are too many; nothing is deleted.
        """
        stream, attribute = self._plan.stream, self._plan.audience
        others = None if seen is None or self._is_incomplete(seen) else seen.customers
        result = ClearResult()
        for number in self._attributes.known_ids([attribute]):
            values: Iterable[StoredValue]
            if others is not None:
                values = self._store.values_of(number)
            elif customers:
                ids = sorted(customers)
                values = self._store.values(ids, [number], result.refused)
            else:
                values = ()
            left = [
                value
                for value in values
                if value.value == stream  # Keep the values of other audiences.
                and (
                    value.customer_id in customers
                    or (others is not None and value.customer_id not in others)
                )
            ]
            result.add(left, self._clear(left, reported=customers))
        if others is not None:
            self._log_unseen(result, customers)
        return result

    def _is_incomplete(self, seen: SeenMembers) -> bool:
        if seen.incomplete_reason:
            logger.warning(
                "%s: no value of %s is cleared. To clear all of them, run"
                " target-bigcommerce clear-audience --audience %s.",
                seen.incomplete_reason,
                self._plan.audience,
                self._plan.stream,
            )
        return bool(seen.incomplete_reason)

    def _log_unseen(self, result: ClearResult, customers: Collection[int]) -> None:
        """Log what became of members of whom there was no record."""
        kept = [
            each for number, each in result.rejected.items() if number not in customers
        ]
        if kept:
            logger.warning(
                "BigCommerce did not delete %s of %s (%s).",
                counted(len(kept), "value"),
                self._plan.audience,
                ", ".join(sorted({str(each.status) for each in kept})),
            )
        logger.info(
            "Cleared %s of %s who left %s.",
            self._plan.audience,
            counted(len(result.cleared), "customer"),
            self._plan.stream,
        )

    def _clear(
        self,
        values: Sequence[StoredValue],
        *,
        reported: Collection[int],
    ) -> WriteResult:
        """Delete values of the audience attribute if the guard allows all of them.

        Args:
            values: the values.
            reported: customers that records report as left.

        Raises:
            TooManyClearsError: when there are too many; nothing is deleted.
        """
        result = WriteResult()
        if not values:
            return result
        attribute = self._plan.audience
        recorder = self._destination.recorder
        planned = [
            (
                value.customer_id,
                None,
                [Change(name=attribute, is_attribute=True, old=value.value)],
            )
            for value in values
        ]
        with self._destination.guard.admit(
            len(values),
            attribute=attribute,
            total=lambda: self._store.count_values(values[0].attribute_id),
        ):
            recorded = recorder.begin(self._plan.stream, "clear", planned)
        for start in range(0, len(values), VALUES_PER_CLEAR):
            part = slice(start, start + VALUES_PER_CLEAR)
            written = self._store.delete_values([value.id for value in values[part]])
            self._destination.record(recorded[part], written)
            deleted = [values[start + at].customer_id for at in written.done]
            stats = self._destination.stats
            stats.values_cleared += len(deleted)
            stats.cleared_by_version += sum(each not in reported for each in deleted)
            result.done |= {start + at: each for at, each in written.done.items()}
            result.rejected |= {
                start + at: each for at, each in written.rejected.items()
            }
            result.error = written.error
            if result.error is not None:
                break
        return result


class _Outcomes:
    """Recorded changes by what became of them."""

    def __init__(self) -> None:
        self.done: list[RecordedChange] = []
        self.dropped: list[RecordedChange] = []
        self.unknown: list[RecordedChange] = []

    def add(
        self, changes: Sequence[RecordedChange], written: WriteResult, at: int
    ) -> None:
        """Add the changes of a row; those of a row without a result stay pending."""
        details, row = written.rejected.get(at), written.done.get(at)
        if details is not None:
            # The store may have written a row and failed to say so.
            is_certain = details.status in CLIENT_ERRORS
            (self.dropped if is_certain else self.unknown).extend(changes)
        elif row is not None:
            is_written = not {FOUND, AMBIGUOUS} & row.keys()
            (self.done if is_written else self.unknown).extend(changes)


def _raise(error: PluginError | None) -> None:
    if error is not None:
        raise error


def _has_taken_email(write: CustomerWrite) -> bool:
    why = write.rejected
    return why is not None and why.code is RejectCode.EMAIL_TAKEN


def _may_have_good_records(write: CustomerWrite) -> bool:
    """Whether the store rejected one of several records."""
    is_by_store = write.rejected is not None and write.rejected.status is not None
    return is_by_store and len(write.records) > 1


# The order of updates.


def in_email_order(
    planned: Sequence[tuple[CustomerWrite, list[Change]]],
) -> list[list[tuple[CustomerWrite, list[Change]]]]:
    """Split updates so that an email is given up before another customer takes it.

    Customers that swap their emails stay in the first part; the store refuses them.
    """
    holders = {
        email_of(write.found): at
        for at, (write, changes) in enumerate(planned)
        if any(change.name == "email" for change in changes)
    }
    parts: dict[int, list[tuple[CustomerWrite, list[Change]]]] = defaultdict(list)
    for at in range(len(planned)):
        parts[_depth(at, planned, holders)].append(planned[at])
    return [parts[depth] for depth in sorted(parts)]


def _depth(
    at: int,
    planned: Sequence[tuple[CustomerWrite, list[Change]]],
    holders: Mapping[str, int],
) -> int:
    """Return how many customers must give up their email before this one takes it."""
    seen = [at]
    while True:
        taken = [str(c.new).lower() for c in planned[seen[-1]][1] if c.name == "email"]
        holder = holders.get(taken[0]) if taken else None
        if holder is None:
            return len(seen) - 1
        if holder in seen:
            return 0
        seen.append(holder)
