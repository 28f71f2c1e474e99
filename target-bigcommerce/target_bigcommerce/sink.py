"""One stream's records: validated, mapped, buffered, drained, counted by outcome."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_sdk.sinks import Sink
from typing_extensions import override

from singer_kit.errors import StreamMapError
from singer_kit.stream_maps import (
    apply_stream_map,
    apply_to_exit,
    passes_unchanged,
)

from .batch import Batch, BufferedRecord
from .drain import Drain, StreamPlan
from .errors import InputError, RecordRejectedError, RejectCode, to_reject
from .exits import BufferedExit, is_mark
from .fields import MAX_ATTRIBUTE_NAME_LENGTH, MAX_ATTRIBUTE_VALUE_LENGTH
from .mapping import (
    DELETED_AT,
    METADATA,
    DesiredCustomer,
    heads_of,
    map_record,
    read_id,
)
from .stream_schema import StreamSchema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.mapper import StreamMap
    from singer_sdk.target_base import Target

    from singer_kit.stream_maps import MapDefinition

    from .batch import CustomerWrite
    from .drain import ClearResult
    from .exits import SeenMembers
    from .run import RunContext
    from .settings import Settings

RECORDS_PER_CUSTOMER = 10  # Average in a full batch; bounds its memory.
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordMap:
    """One stream map of a stream, for records of members and of those who left.

    Args:
        stream_map: the map.
        definition: its entry in `stream_maps`; None without one.
    """

    stream_map: StreamMap
    definition: MapDefinition | None = None

    @property
    def stream(self) -> str:
        """The stream that it makes."""
        return self.stream_map.stream_alias

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of the records that it makes."""
        return self.stream_map.transformed_schema

    @property
    def keys(self) -> Sequence[str] | None:
        """The key properties of these records."""
        return self.stream_map.transformed_key_properties

    @property
    def can_mark(self) -> bool:
        """Whether a record that it makes can be that of a member who left."""
        raw = self.stream_map.raw_schema["properties"]
        return DELETED_AT in self.schema["properties"] or (
            self._keeps_mark and DELETED_AT in raw
        )

    @property
    def _keeps_mark(self) -> bool:
        return self.definition is not None and self.definition.keeps_mark

    def apply(self, record: Record) -> Record | None:
        """Map a record; None if the map filters it out.

        Raises:
            StreamMapError: when an expression fails on a member's record.
        """
        mark = record.get(DELETED_AT)
        if not is_mark(mark):
            return apply_stream_map(self.stream_map, record)
        mapped = apply_to_exit(self.stream_map, record)
        if mapped is not None and self._keeps_mark:
            mapped[DELETED_AT] = mark
        return mapped


class CustomerSink(Sink):
    """The records of one stream under one SCHEMA.

    Args:
        target: the plugin, as the SDK passes it.
        stream_name: the stream, which is the audience's slug.
        schema: the reduced SCHEMA of the records after the stream maps.
        key_properties: fields that identify a member.
        run: the context that all streams share.

    Raises:
        InputError: when the stream lacks `id_field`, or another stream or the mapping
            writes its audience attribute.

    The first record that may be written, and the first exit, also raise
    AttributeConflictError when an attribute has another type or cannot be created.
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
        # The SDK removes properties from its argument.
        super().__init__(target, stream_name, deepcopy(schema), key_properties)
        self._run = run
        self._settings = run.settings
        self._mapping = run.settings.record_mapping
        self._schema = StreamSchema(stream_name, self.schema, self.key_properties)
        self._schema.check_id_field(
            self._settings.id_field, on_missing_id=self._settings.on_missing_id
        )
        self._schema.warn_about_missing(self._mapping.sources)
        self._paths = (self._settings.id_field, *self._mapping.sources)
        self._schema.watch(self._paths, computed=self._computed_fields())
        self._kept = frozenset((*self._paths, *self.key_properties, DELETED_AT))
        self._dotted = [path for path in self._paths if "." in path]
        plan = _plan_stream(stream_name, run.settings)
        run.claim_attribute(plan.audience, stream_name)
        self._drain = Drain(plan, run.destination)
        self._batch = Batch()
        self._is_resolved = True

    @override
    def get_validator(self) -> None:
        return None  # The mapping validates, so that a bad record is rejected.

    def fits(self, schema: dict[str, Any], keys: Sequence[str] | None) -> bool:
        """Whether another SCHEMA of the stream says the same of what is read."""
        other = StreamSchema(self.stream_name, schema, keys or ())
        return other.relevant_to(self._paths) == self._schema.relevant_to(self._paths)

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

    def add_message(self, record_map: RecordMap, message: Mapping[str, Any]) -> None:
        """Apply the stream map to a RECORD message and add the record, if any."""
        self._run.can_report_exits |= message.get("version") is not None
        try:
            record = record_map.apply(message["record"])
        except StreamMapError as error:
            reason = (
                f"an expression in stream_maps failed on it ({error.kind}). {error.fix}"
            )
            self._reject_unmapped(record_map.stream_map, message, reason)
            return
        if record is not None:
            self.add_record(record, message)

    def add_replayed(self, record_map: RecordMap, message: Mapping[str, Any]) -> None:
        """Add a RECORD message of a rejects file, to which the maps were applied."""
        reject = message["reject"]
        code = reject.get("code") if isinstance(reject, dict) else None
        if code == RejectCode.FAILED_MAP:
            reason = "it lacks the values of the stream map that failed; sync it again"
            self._reject_unmapped(record_map.stream_map, message, reason)
        else:
            self.add_message(record_map, message)

    def add_record(self, record: Record, message: Mapping[str, Any]) -> None:
        """Buffer a record for the next drain, or reject or skip it now.

        Args:
            record: the record after the stream maps.
            message: the RECORD message that it was made from.
        """
        message = self._to_message(message, self._to_reject(record))
        is_exit = is_mark(record.get(DELETED_AT))
        for name in METADATA:
            record.pop(name, None)
        self.record_counter_metric.increment()
        self._run.stats.read += 1
        try:
            if is_exit:
                self._add_exit(record, message)
            else:
                self._add_member(record, message)
        except RecordRejectedError as why:
            self._run.reject(message, why, customer=self._known_id(record))

    @override
    def process_record(self, record: Record, context: dict[str, Any]) -> None:
        self.add_record(record, {"stream": self.stream_name, "record": record})

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        exits = self._run.exits.of(self.stream_name)
        result = self._drain.write(self._batch, exits)
        self._batch = Batch()
        self._is_resolved = result.is_resolved
        for write in result.writes:
            self._count(write)
        if result.error is not None:
            raise result.error

    @override
    def activate_version(self, new_version: int) -> None:
        self._clear(self._run.versions.members(self.stream_name, new_version))

    def clear_exits(self) -> None:
        """Delete the values of the members who left; nothing else may be buffered.

        If the last drain could not find all customers, one of them may be a member.
        """
        if self._is_resolved and self._run.exits.of(self.stream_name):
            self._clear(None)

    def _clear(self, seen: SeenMembers | None) -> None:
        exits = self._run.exits.of(self.stream_name)
        self._drain.check_attributes()
        result = self._drain.clear_left(exits.keys(), seen)
        for customer_id, record in exits.items():
            self._count_exit(customer_id, record, result)
        if result.error is not None:
            raise result.error
        self._run.exits.remove(self.stream_name)

    # Records.

    def _add_member(self, record: Record, message: Mapping[str, Any]) -> None:
        seen = self._seen(message)
        customer_id = self._read_id(record, seen)
        self._cancel_exit(customer_id, order=self._run.stats.read)
        if customer_id is None and self._settings.on_missing_id == "skip":
            self._run.stats.count("skipped")
            return
        try:
            desired = self._map(record)
        except RecordRejectedError:
            if seen and customer_id is None:
                seen.unidentified += 1  # The matching customer stays unknown.
            raise
        if customer_id is not None or desired.email is not None:
            self._buffer(desired, record, message)
        elif self._settings.on_missing_id == "create":
            reason = "a new customer needs email, and this record has none"
            raise RecordRejectedError(RejectCode.INCOMPLETE_CUSTOMER, reason)
        else:
            self._run.stats.count("skipped")

    def _map(self, record: Record) -> DesiredCustomer:
        self._schema.check_keys(record)
        desired = map_record(record, self._mapping)
        for line in self._schema.contradictions(record):
            self.logger.warning("%s", line)
        return desired

    def _add_exit(self, record: Record, message: Mapping[str, Any]) -> None:
        self._run.can_report_exits = True
        customer_id = read_id(record, self._settings.id_field)
        if customer_id is None:
            self._run.stats.count("skipped")
        elif not self._run.clears_exits:
            self._run.stats.count("kept")
        else:
            self._drain.check_attributes()
            waiting = BufferedExit(self._run.stats.read, message)
            if self._run.exits.add(self.stream_name, customer_id, waiting):
                self._run.stats.count("merged")

    def _cancel_exit(self, customer_id: int | None, *, order: int) -> None:
        """Keep the value of a customer of whom a later record is a member's."""
        if customer_id is not None and self._run.exits.cancel(
            self.stream_name, customer_id, order=order
        ):
            self._run.stats.count("merged")

    def _seen(self, message: Mapping[str, Any]) -> SeenMembers | None:
        return self._run.versions.add_record(self.stream_name, message.get("version"))

    def _read_id(self, record: Record, seen: SeenMembers | None) -> int | None:
        """Read the id. Its customer counts as seen, even if the record is rejected."""
        try:
            customer_id = read_id(record, self._settings.id_field)
        except RecordRejectedError:
            if seen:
                seen.unidentified += 1
            raise
        if seen and customer_id is not None:
            seen.customers.add(customer_id)
        return customer_id

    def _buffer(
        self, desired: DesiredCustomer, record: Record, message: Mapping[str, Any]
    ) -> None:
        self._drain.check_attributes()
        self._batch.add(
            BufferedRecord(
                order=self._run.stats.read,
                desired=desired,
                message=message,
                member=self._schema.member_key(record),
            )
        )
        self._run.buffered(self.stream_name, self._batch.customers)

    def _computed_fields(self) -> set[str]:
        """List the fields that some stream map computes."""
        maps = (self.config.get("stream_maps") or {}).values()
        return {name for each in maps if isinstance(each, dict) for name in each}

    # Rejects.

    def _known_id(self, record: Record) -> int | None:
        with suppress(RecordRejectedError):
            return read_id(record, self._settings.id_field)
        return None

    def _to_message(
        self, message: Mapping[str, Any], record: Record
    ) -> Mapping[str, Any]:
        return {**message, "stream": self.stream_name, "record": record}

    def _to_reject(self, record: Record) -> Record:
        """Reduce a record to what the mapping reads; the rest is not kept."""
        names = self._kept
        if self._dotted:
            names = names.union(*(heads_of(record, path) for path in self._dotted))
        return {name: value for name, value in record.items() if name in names}

    def _reject_unmapped(
        self, stream_map: StreamMap, message: Mapping[str, Any], reason: str
    ) -> None:
        """Reject a record that its stream map failed on.

        Only its id and key are kept, and only if the map passes them on unchanged: what
        the map would have removed is not written to a file.
        """
        record = message["record"]
        self._run.stats.read += 1
        if seen := self._seen(message):
            seen.unidentified += 1
        keys = (self._settings.id_field, *(stream_map.raw_key_properties or ()))
        maps = self.config.get("stream_maps") or {}
        kept = {
            key: record[key]
            for key in keys
            if key in record and passes_unchanged(stream_map, key, maps)
        }
        self._run.reject(
            self._to_message(message, kept),
            RecordRejectedError(RejectCode.FAILED_MAP, reason),
            identity=record,
        )

    # Outcomes.

    def _count(self, write: CustomerWrite) -> None:
        """Count a customer, and one outcome for each of its records if it is settled.

        The next run reads the other records again.
        """
        if write.customer_id is not None and (write.is_changed or write.is_created):
            self._run.stats.count_customer(write.customer_id)
        # Its records may have been matched by email.
        self._cancel_exit(write.customer_id, order=write.records[-1].order)
        if write.has_outcome:
            self._count_outcomes(write)
            self._count_seen(write)

    def _count_outcomes(self, write: CustomerWrite) -> None:
        stats = self._run.stats
        stats.shared_ids += len({record.member for record in write.records}) - 1
        if write.rejected:
            self._reject(write, write.rejected)
        elif write.row is None:
            for _ in write.records:  # No customer has this email.
                stats.count("skipped")
        else:
            for _ in write.records[:-1]:
                stats.count("merged")
            stats.count(write.outcome)

    def _reject(self, write: CustomerWrite, why: RecordRejectedError) -> None:
        for record in write.records:
            self._run.reject(record.message, why, customer=write.customer_id)

    def _count_exit(
        self, customer_id: int, record: BufferedExit, result: ClearResult
    ) -> None:
        stats = self._run.stats
        details = result.rejected.get(customer_id)
        details = details or result.refused.get(str(customer_id))
        why = to_reject(details) if details else None
        if why and why.code is not RejectCode.UNKNOWN_CUSTOMER:
            self._run.reject(record.message, why, customer=customer_id)
        elif customer_id in result.cleared:
            stats.count("cleared")
            stats.count_customer(customer_id)
        elif customer_id not in result.unknown:
            stats.count("unchanged")  # There was nothing to clear.

    def _count_seen(self, write: CustomerWrite) -> None:
        """Mark a customer that was matched or created as seen under the version."""
        for record in write.records:
            version = record.message.get("version")
            if version is None:
                continue
            seen = self._run.versions.members(self.stream_name, version)
            if write.customer_id:
                seen.customers.add(write.customer_id)
            elif write.matches:
                seen.customers.update(write.matches)
            elif write.rejected and write.rejected.status is not None:
                seen.unidentified += 1  # The store refused to look up its email.


def _plan_stream(stream: str, settings: Settings) -> StreamPlan:
    attribute = settings.audience_attribute_of(stream)
    _check_lengths(stream, attribute)
    types = settings.attribute_types
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
    if len(attribute) > MAX_ATTRIBUTE_NAME_LENGTH:
        raise InputError(
            f"The audience attribute LyticsAudience_{stream} would have"
            f" {len(attribute)} characters; BigCommerce accepts"
            f" {MAX_ATTRIBUTE_NAME_LENGTH}. Set audience_attribute to a shorter name."
        )
    if len(stream) > MAX_ATTRIBUTE_VALUE_LENGTH:
        raise InputError(
            f"The stream {stream} has a name of {len(stream)} characters; it is written"
            f" as an attribute value, which has at most {MAX_ATTRIBUTE_VALUE_LENGTH}."
            " Use a shorter name in the tap, or __alias__ in stream_maps."
        )
