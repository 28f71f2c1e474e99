"""One audience's records: taken, checked, mapped and drained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .batch import Arrival, Batch
from .drain import Drain, StreamPlan
from .errors import InputError, RecordRejectedError, RejectCode
from .fields import MAX_ATTRIBUTE_NAME_LENGTH, MAX_ATTRIBUTE_VALUE_LENGTH
from .mapping import DesiredCustomer, map_record, read_id
from .settling import settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .exits.versions import Seen
    from .run.export import Export
    from .schema import StreamSchema

RECORDS_PER_CUSTOMER = 10  # On average in a batch; more would only take memory.
DELETED_AT = "_sdc_deleted_at"

Record = dict[str, Any]


class Audience:
    """The records of one stream under one SCHEMA.

    Raises:
        InputError: when the stream lacks id_field, or its attribute cannot be its own.
        AttributeConflictError: when an attribute cannot be had as it is mapped.
    """

    def __init__(self, export: Export, stream: str, schema: StreamSchema) -> None:
        self._export = export
        self._settings = export.settings
        self._stream = stream
        self._schema = schema
        self._mapping = export.settings.record_mapping
        schema.check_id_field(
            self._settings.id_field, on_missing_id=self._settings.on_missing_id
        )
        schema.warn_about_missing(self._mapping.sources)
        plan = self._to_plan()
        export.claim(plan.audience, stream)
        export.book.check(plan.types)
        self._drain = Drain(
            plan,
            store=export.store,
            book=export.book,
            note=export.note,
            guard=export.guard,
        )
        self._batch = Batch()

    @property
    def size(self) -> int:
        """Customers waiting."""
        return self._batch.size

    @property
    def waiting(self) -> int:
        """Records waiting."""
        return self._batch.records

    @property
    def is_full(self) -> bool:
        """Whether it is time for a drain."""
        most = RECORDS_PER_CUSTOMER * self._settings.batch_size_rows
        return self.size >= self._export.room(self._stream) or self.waiting >= most

    def take(self, record: Record, message: Mapping[str, Any]) -> None:
        """Take a record: it waits for the drain, or is rejected or skipped at once."""
        self._export.tally.read += 1
        try:
            self._take(record, message)
        except RecordRejectedError as why:
            self._export.reject(message, why)

    def refuse(self, message: Mapping[str, Any], why: RecordRejectedError) -> None:
        """Reject a record whose customer cannot even be read."""
        self._export.tally.read += 1
        seen = self._export.versions.see(self._stream, message.get("version"))
        if seen:
            seen.unreadable += 1
        self._export.reject(message, why)

    def drain(self) -> None:
        """Write what waits.

        Raises:
            BigCommerceError: when that cannot be finished; then nothing is counted.
        """
        works = self._drain.run(self._batch)
        self._batch = Batch()
        settle(self._export, self._stream, works)

    def _take(self, record: Record, message: Mapping[str, Any]) -> None:
        if message["record"].get(DELETED_AT) is not None:
            self._take_exit(record, message)
            return
        seen = self._export.versions.see(self._stream, message.get("version"))
        customer_id = self._see(record, seen)
        if customer_id is None and self._settings.on_missing_id == "skip":
            self._export.tally.settle("skipped")
            return
        try:
            self._schema.validate(record)
            wanted = map_record(record, self._mapping)
        except RecordRejectedError:
            if seen and customer_id is None:
                seen.unreadable += 1  # Whom it would have matched, nobody knows.
            raise
        self._take_wanted(wanted, record, message)

    def _take_wanted(
        self, wanted: DesiredCustomer, record: Record, message: Mapping[str, Any]
    ) -> None:
        if wanted.customer_id is not None or wanted.email is not None:
            self._wait(wanted, record, message)
        elif self._settings.on_missing_id == "create":
            reason = "a new customer needs email, and this record has none"
            raise RecordRejectedError(RejectCode.INCOMPLETE_CUSTOMER, reason)
        else:
            self._export.tally.settle("skipped")

    def _take_exit(self, record: Record, message: Mapping[str, Any]) -> None:
        self._export.has_told_of_exits = True
        customer_id = read_id(record, self._settings.id_field)
        if customer_id is None:
            self._export.tally.settle("skipped")
        elif not self._export.clears_exits:
            self._export.tally.settle("kept")
        else:
            wanted = DesiredCustomer(customer_id=customer_id, is_member=False)
            self._wait(wanted, record, message)

    def _see(self, record: Record, seen: Seen | None) -> int | None:
        """Read the id; whoever comes under a version is seen, also when rejected."""
        try:
            customer_id = read_id(record, self._settings.id_field)
        except RecordRejectedError:
            if seen:
                seen.unreadable += 1
            raise
        if seen and customer_id is not None:
            seen.customers.add(customer_id)
        return customer_id

    def _wait(
        self, wanted: DesiredCustomer, record: Record, message: Mapping[str, Any]
    ) -> None:
        self._batch.add(
            Arrival(
                order=self._export.tally.read,
                wanted=wanted,
                message=message,
                member=self._schema.member_key(record),
            )
        )
        self._export.hold(self._stream, self.size)

    def _to_plan(self) -> StreamPlan:
        attribute = self._settings.audience_attribute_of(self._stream)
        _check_lengths(self._stream, attribute)
        types = self._settings.attribute_types
        if attribute in types:
            raise InputError(
                f"The audience attribute {attribute!r} of stream {self._stream} is also"
                " mapped in map_custom_attributes: two writers of one attribute."
                " Name another in audience_attribute."
            )
        return StreamPlan(
            stream=self._stream,
            types={attribute: "string", **types},
            audience=attribute,
            includes=self._settings.includes,
            may_create=self._settings.on_missing_id == "create",
        )


def _check_lengths(stream: str, attribute: str) -> None:
    if len(attribute) > MAX_ATTRIBUTE_NAME_LENGTH:
        raise InputError(
            f"The audience attribute LyticsAudience_{stream} would have"
            f" {len(attribute)} characters, and BigCommerce takes"
            f" {MAX_ATTRIBUTE_NAME_LENGTH} at most. Name another in audience_attribute."
        )
    if len(stream) > MAX_ATTRIBUTE_VALUE_LENGTH:
        raise InputError(
            f"The stream {stream} has a name of {len(stream)} characters, and an"
            f" attribute's value has {MAX_ATTRIBUTE_VALUE_LENGTH} at most. Give it a"
            " shorter one, in the tap or with __alias__ in stream_maps."
        )
