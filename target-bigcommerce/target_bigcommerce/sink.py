"""One stream's records: mapped, buffered, drained, and each counted with one outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.sinks import Sink
from typing_extensions import override

from .batch import Batch, BufferedRecord
from .drain import Drain, StreamPlan
from .errors import InputError
from .mapping import read_id, to_wanted
from .records.codes import Code, RejectedError
from .records.fields import LONGEST_ATTRIBUTE_NAME, LONGEST_ATTRIBUTE_VALUE
from .records.stream_maps import mapped
from .records.stream_schema import StreamSchema
from .records.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.mapper import StreamMap
    from singer_sdk.target_base import Target

    from .batch import CustomerWrite
    from .exits import SeenMembers
    from .run import RunContext
    from .settings import Settings

RECORDS_PER_CUSTOMER = 10  # On average in a batch; more would only take memory.
DELETED_AT = "_sdc_deleted_at"
METADATA = (
    "_sdc_extracted_at",
    "_sdc_received_at",
    "_sdc_batched_at",
    DELETED_AT,
    "_sdc_sequence",
    "_sdc_table_version",
    "_sdc_sync_started_at",
)

Record = dict[str, Any]


class CustomerSink(Sink):
    """The records of one stream under one SCHEMA.

    Args:
        target: the SDK's plugin.
        stream_name: the stream, which is the audience's slug.
        schema: of the records after the stream maps.
        key_properties: identify a member.
        run: what all streams share.

    Raises:
        InputError: when the stream lacks `id_field`, or its attribute is not its own.
        AttributeConflictError: when an attribute cannot be as it is mapped.
    """

    def __init__(
        self,
        target: Target,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
        *,
        run: RunContext,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        self._run = run
        self._settings = run.settings
        self._mapping = run.settings.record_mapping
        self._schema = StreamSchema(stream_name, self.schema, self.key_properties)
        self._schema.look_for(
            self._settings.id_field, on_missing_id=self._settings.on_missing_id
        )
        self._schema.warn_of_missing(self._mapping.sources)
        plan = _plan_stream(stream_name, run.settings)
        run.claim_attribute(plan.audience, stream_name)
        self._drain = Drain(plan, run.destination)
        self._batch = Batch()

    @override
    def get_validator(self) -> None:
        return None  # Records are validated here, and rejected instead of raised.

    @property
    @override
    def current_size(self) -> int:
        return self._batch.records

    @property
    @override
    def is_full(self) -> bool:
        return (
            self._batch.customers >= self._run.max_customers(self.stream_name)
            or self._batch.records
            >= RECORDS_PER_CUSTOMER * self._settings.batch_size_rows
        )

    def add_message(self, stream_map: StreamMap, message: Mapping[str, Any]) -> None:
        """Take a RECORD message, unless the stream map filters it out."""
        try:
            record = mapped(stream_map, message["record"])
        except RejectedError as why:
            self._run.stats.read += 1
            if seen := self._seen(message):
                seen.unidentified += 1
            self._run.reject(message, why)
            return
        if record is not None:
            self.add_record(record, message)

    def add_record(self, record: Record, message: Mapping[str, Any]) -> None:
        """Buffer a mapped record for the next drain, or reject or skip it at once."""
        for name in METADATA:
            record.pop(name, None)
        self.record_counter_metric.increment()
        self._run.stats.read += 1
        try:
            if message["record"].get(DELETED_AT) is None:
                self._add_member(record, message)
            else:
                self._add_exit(record, message)
        except RejectedError as why:
            self._run.reject(message, why)

    @override
    def process_record(self, record: Record, context: dict[str, Any]) -> None:
        self.add_record(record, {"stream": self.stream_name, "record": record})

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        writes = self._drain.write(self._batch)
        self._batch = Batch()
        for write in writes:
            self._count(write)

    @override
    def activate_version(self, new_version: int) -> None:
        members = self._run.versions.members(self.stream_name, new_version)
        self._drain.clear_unseen(members)

    # Records.

    def _add_member(self, record: Record, message: Mapping[str, Any]) -> None:
        seen = self._seen(message)
        customer_id = self._read_id(record, seen)
        if customer_id is None and self._settings.on_missing_id == "skip":
            self._run.stats.count("skipped")
            return
        try:
            self._schema.validate(record)
            desired = to_wanted(record, self._mapping)
        except RejectedError:
            if seen and customer_id is None:
                seen.unidentified += 1  # It is not known whom it would have matched.
            raise
        if customer_id is not None or desired.email is not None:
            self._buffer(desired, record, message)
        elif self._settings.on_missing_id == "create":
            reason = "a new customer needs email, and this record has none"
            raise RejectedError(Code.INCOMPLETE_CUSTOMER, reason)
        else:
            self._run.stats.count("skipped")

    def _add_exit(self, record: Record, message: Mapping[str, Any]) -> None:
        self._run.has_exits = True
        customer_id = read_id(record, self._settings.id_field)
        if customer_id is None:
            self._run.stats.count("skipped")
        elif not self._run.clears_exits:
            self._run.stats.count("kept")
        else:
            desired = Wanted(customer_id=customer_id, is_member=False)
            self._buffer(desired, record, message)

    def _seen(self, message: Mapping[str, Any]) -> SeenMembers | None:
        return self._run.versions.add_record(self.stream_name, message.get("version"))

    def _read_id(self, record: Record, seen: SeenMembers | None) -> int | None:
        """Read the id; a customer counts as seen even if the record is rejected."""
        try:
            customer_id = read_id(record, self._settings.id_field)
        except RejectedError:
            if seen:
                seen.unidentified += 1
            raise
        if seen and customer_id is not None:
            seen.customers.add(customer_id)
        return customer_id

    def _buffer(
        self, desired: Wanted, record: Record, message: Mapping[str, Any]
    ) -> None:
        self._batch.add(
            BufferedRecord(
                order=self._run.stats.read,
                desired=desired,
                message=message,
                member=self._schema.member(record),
            )
        )
        self._run.buffered(self.stream_name, self._batch.customers)

    # Outcomes.

    def _count(self, write: CustomerWrite) -> None:
        """Give each of a customer's records one outcome."""
        stats = self._run.stats
        stats.shared_ids += len({record.member for record in write.records}) - 1
        if write.customer_id is not None and (write.is_changed or write.is_created):
            stats.count_customer(write.customer_id)
        if write.rejected:
            self._reject(write, write.rejected)
        elif write.row is None:
            for _ in write.records:  # No customer has this email; none is created.
                stats.count("skipped")
        else:
            for _ in write.records[:-1]:
                stats.count("merged")
            stats.count(write.outcome)
        self._count_seen(write)

    def _reject(self, write: CustomerWrite, why: RejectedError) -> None:
        for record in write.records:
            if record.desired.is_member:
                self._run.reject(record.message, why)
            else:
                self._run.stats.count("unchanged")  # There was nothing to clear.

    def _count_seen(self, write: CustomerWrite) -> None:
        """Count a customer that was matched or created as seen under the version."""
        for record in write.records:
            version = record.message.get("version")
            if version is not None and write.customer_id and record.desired.is_member:
                seen = self._run.versions.members(self.stream_name, version)
                seen.customers.add(write.customer_id)


def _plan_stream(stream: str, settings: Settings) -> StreamPlan:
    attribute = settings.audience_attribute_of(stream)
    _check_lengths(stream, attribute)
    types: dict[str, str] = {entry.to: entry.type for entry in settings.attributes}
    if attribute in types:
        raise InputError(
            f"The audience attribute {attribute!r} of stream {stream} is also mapped in"
            " map_custom_attributes, so both would write it. Set audience_attribute to"
            " another name."
        )
    return StreamPlan(
        stream=stream,
        types={attribute: "string", **types},
        audience=attribute,
        includes=settings.includes,
        may_create=settings.on_missing_id == "create",
    )


def _check_lengths(stream: str, attribute: str) -> None:
    if len(attribute) > LONGEST_ATTRIBUTE_NAME:
        raise InputError(
            f"The audience attribute LyticsAudience_{stream} would have"
            f" {len(attribute)} characters; BigCommerce accepts"
            f" {LONGEST_ATTRIBUTE_NAME}. Set audience_attribute to a shorter name."
        )
    if len(stream) > LONGEST_ATTRIBUTE_VALUE:
        raise InputError(
            f"The stream {stream} has a name of {len(stream)} characters; it is written"
            f" as an attribute value, which has at most {LONGEST_ATTRIBUTE_VALUE}. Use a"
            " shorter name in the tap, or __alias__ in stream_maps."
        )
