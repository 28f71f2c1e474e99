"""Buffered records, grouped by customer and looked up in the store.

Records of the same customer become one write, whether they name it by id or by email.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Self

from .api.writes import AMBIGUOUS, FOUND, email_of
from .errors import RecordRejectedError, RejectCode, to_reject
from .mapping import DesiredCustomer, merge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .api.client import StoreApi
    from .api.models import Row, StoredValue
    from .api.reads import Refused
    from .errors import ErrorDetails
    from .summary import Outcome

MAX_LISTED = 10  # Customers in a reason.

Key = int | str  # A customer's id or, without one, the email to match.


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferedRecord:
    """A record that waits for the next drain.

    Args:
        order: position among all records of the run.
        desired: the values to write.
        message: the RECORD message as the rejects file holds it.
        member: values of the stream's keys, which identify the member.
    """

    order: int
    desired: DesiredCustomer
    message: Mapping[str, Any]
    member: Any = None


class Batch:
    """Buffered records by customer."""

    def __init__(self) -> None:
        self.by_key: dict[Key, list[BufferedRecord]] = {}
        self.records = 0
        self.needs_rows = False  # Whether the customers' fields are needed.

    @classmethod
    def of(cls, record: BufferedRecord) -> Self:
        """Create a batch with one record."""
        batch = cls()
        batch.add(record)
        return batch

    def add(self, record: BufferedRecord) -> None:
        """Add a record that has a customer id or an email to match."""
        desired = record.desired
        key = desired.email if desired.customer_id is None else desired.customer_id
        if key is None:
            raise ValueError("a buffered record needs an id or an email")
        self.by_key.setdefault(key, []).append(record)
        self.records += 1
        self.needs_rows |= desired.customer_id is None or bool(desired.fields)

    @property
    def customers(self) -> int:
        """Number of customers."""
        return len(self.by_key)


@dataclass(slots=True, kw_only=True)
class CustomerWrite:
    """One customer in a drain.

    Args:
        records: its records, in input order.
        desired: their merged values.
        customer_id: None until the customer is matched or created.
        row: the customer as found or created; None if there is none yet.
        is_changed: whether a value was written.
        is_created: whether this drain created or matched it by a POST.
        open_rows: number of rows to write for it whose outcome is not known yet.
        is_settled: whether everything was written that it needs.
        rejected: why nothing more is written for it.
        inline: attribute values that its POST contained.
        matches: ids of the customers that have its email, if there are several.
    """

    records: list[BufferedRecord]
    desired: DesiredCustomer
    customer_id: int | None = None
    row: Row | None = None
    is_changed: bool = False
    is_created: bool = False
    open_rows: int = 0
    is_settled: bool = False
    rejected: RecordRejectedError | None = None
    inline: list[StoredValue] = field(default_factory=list)
    matches: Sequence[int] = ()

    @classmethod
    def merged(
        cls,
        records: Iterable[BufferedRecord],
        customer_id: int | None = None,
        row: Row | None = None,
    ) -> Self:
        """Merge a customer's records in input order."""
        ordered = sorted(records, key=lambda record: record.order)
        desired = reduce(merge, (record.desired for record in ordered))
        return cls(records=ordered, desired=desired, customer_id=customer_id, row=row)

    @property
    def found(self) -> Row:
        """The customer that was found or created.

        Raises:
            ValueError: when there is none.
        """
        if self.row is None:
            raise ValueError("the customer was not found")
        return self.row

    @property
    def has_outcome(self) -> bool:
        """Whether its records have an outcome; otherwise the next run reads them."""
        return self.is_settled or self.rejected is not None

    @property
    def is_new(self) -> bool:
        """Whether it is to be created."""
        return self.row is None and self.customer_id is None and not self.rejected

    @property
    def is_writable(self) -> bool:
        """Whether more can be written for it."""
        return self.row is not None and not self.rejected and not self.open_rows

    @property
    def lacks_values(self) -> bool:
        """Whether its attribute values still have to be read: it was found by email."""
        has_id = any(each.desired.customer_id is not None for each in self.records)
        return not has_id and not self.inline

    def reject(self, details: ErrorDetails) -> None:
        """Reject it with the store's error for one of its rows."""
        self.open_rows -= 1
        self.rejected = to_reject(details)

    def reject_refused(self, refused: Refused) -> None:
        """Reject it if the store refuses to look up its id or its email."""
        details = refused.get(str(self.customer_id or self.desired.email))
        if details is not None:
            self.rejected = to_reject(details)

    def reject_as_ambiguous(self, matches: Sequence[int]) -> None:
        """Reject it because several customers have its email."""
        self.matches = matches
        listed = ", ".join(str(number) for number in matches[:MAX_LISTED])
        reason = f"{len(matches)} customers of the store have its email: {listed}"
        self.rejected = RecordRejectedError(RejectCode.AMBIGUOUS_EMAIL, reason)

    def created(self, row: Row) -> None:
        """Set the customer that a POST returned or that was found after it."""
        if matches := row.get(AMBIGUOUS):
            self.reject_as_ambiguous(matches)
        else:
            self.row, self.customer_id, self.is_created = row, row["id"], True

    def confirm(self, row: Row) -> None:
        """Note that the store has one of its rows."""
        self.open_rows -= 1
        self.is_changed |= FOUND not in row

    @property
    def outcome(self) -> Outcome:
        """The outcome of its last record."""
        if self.is_created:
            return "created"
        return "updated" if self.is_changed else "unchanged"


@dataclass(slots=True, kw_only=True)
class LookedUp:
    """A batch whose customers were looked up.

    Args:
        writes: one write per customer.
        values: the attribute values of customers given by id.
        deferred: records to look up again once the rest is written, because another
            record of the batch changes who has their email.
    """

    writes: list[CustomerWrite]
    values: list[StoredValue]
    deferred: Batch


def look_up(
    batch: Batch,
    store: StoreApi,
    *,
    include: Sequence[str],
    attribute_ids: Sequence[int],
) -> LookedUp:
    """Find a batch's customers by id or email, with calls in parallel.

    If no record has a customer field or is matched by email, the values are read first:
    a customer who has one exists and is not looked up. Such a customer's row has only
    the id.

    Args:
        batch: the buffered records.
        store: where to look them up.
        include: the `include` values for customers.
        attribute_ids: attributes whose values are read for customers given by id.
    """
    ids = [key for key in batch.by_key if isinstance(key, int)]
    emails = [key for key in batch.by_key if isinstance(key, str)]
    rows: dict[int, Row] = {}
    by_email: dict[str, list[Row]] = {}
    values: list[StoredValue] = []
    refused: Refused = {}
    unknown = ids
    if ids and attribute_ids and not batch.needs_rows:
        values = store.values(ids, attribute_ids, refused)
        rows = {value.customer_id: {"id": value.customer_id} for value in values}
        unknown = [n for n in ids if n not in rows and str(n) not in refused]
    tasks: list[Callable[[], object]] = []
    if unknown:
        tasks.append(
            lambda: rows.update(store.customers_by_id(unknown, include, refused))
        )
    if ids and attribute_ids and batch.needs_rows:
        tasks.append(lambda: values.extend(store.values(ids, attribute_ids, refused)))
    if emails:
        tasks.append(
            lambda: by_email.update(store.customers_by_email(emails, include, refused))
        )
    store.run_parallel(tasks)
    grouping = _Grouping(batch, rows, by_email)
    rows |= {row["id"]: row for found in by_email.values() for row in found}
    writes = [
        _to_write(key, records, rows, by_email)
        for key, records in grouping.records.items()
    ]
    for write in writes:
        write.reject_refused(refused)
    return LookedUp(writes=writes, values=values, deferred=grouping.deferred)


def _to_write(
    key: Key,
    records: Iterable[BufferedRecord],
    rows: Mapping[int, Row],
    by_email: Mapping[str, Sequence[Row]],
) -> CustomerWrite:
    if isinstance(key, int):
        return CustomerWrite.merged(records, key, rows.get(key))
    write = CustomerWrite.merged(records)
    if matches := by_email.get(key):
        write.reject_as_ambiguous([row["id"] for row in matches])
    return write


class _Grouping:
    """Groups records that are matched by email with those that have the customer's id.

    Records with an id can change who has an email: they give one up, or take one.

    Args:
        batch: the buffered records.
        rows: the customers found by id.
        by_email: the customers found by email.
    """

    def __init__(
        self,
        batch: Batch,
        rows: Mapping[int, Row],
        by_email: Mapping[str, Sequence[Row]],
    ) -> None:
        self.records: dict[Key, list[BufferedRecord]] = defaultdict(list)
        self.deferred = Batch()
        self._by_email = by_email
        self._takers: dict[str, set[int]] = defaultdict(set)
        self._given_up: dict[int, int] = {}  # Position of the record, by customer.
        for key, records in batch.by_key.items():
            if isinstance(key, int) and key in rows:
                self._note_emails(key, records, email_of(rows[key]))
        for key, records in batch.by_key.items():
            for record in records:
                self._add(key, record)

    def _note_emails(
        self, key: int, records: Sequence[BufferedRecord], stored: str
    ) -> None:
        changes = [
            record
            for record in records
            if record.desired.email and record.desired.email != stored
        ]
        for record in changes:
            self._takers[record.desired.email or ""].add(key)
        if changes:
            self._given_up[key] = changes[0].order

    def _add(self, key: Key, record: BufferedRecord) -> None:
        owner = key if isinstance(key, int) else self._owner(key, record)
        if owner is None:
            self.deferred.add(record)
        else:
            self.records[owner].append(record)

    def _owner(self, email: str, record: BufferedRecord) -> Key | None:
        """Return the key of an email's customer; None if that is still to be seen."""
        found = self._by_email.get(email, ())
        takers = self._takers.get(email, set())
        if len(found) > 1 or not (found or takers):
            return email
        if found:
            owner: int = found[0]["id"]
            is_given_up = record.order > self._given_up.get(owner, record.order)
            return None if is_given_up else owner
        return next(iter(takers)) if len(takers) == 1 else None
