"""One stream's records: validated, mapped, buffered, drained, counted by outcome."""

from __future__ import annotations

import difflib
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from singer_sdk.sinks import Sink
from typing_extensions import override

from singer_kit.errors import StreamMapError
from singer_kit.stream_maps import apply_stream_map, passes_unchanged

from .batch import Batch, BufferedRecord
from .drain import Drain, StreamPlan
from .errors import InputError, RecordRejectedError, RejectCode
from .fields import MAX_ATTRIBUTE_NAME_LENGTH, MAX_ATTRIBUTE_VALUE_LENGTH
from .mapping import (
    DELETED_AT,
    METADATA,
    DesiredCustomer,
    heads_of,
    map_record,
    read_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from singer_sdk.mapper import StreamMap
    from singer_sdk.target_base import Target

    from .batch import CustomerWrite
    from .exits import SeenMembers
    from .run import RunContext
    from .settings import Settings

RECORDS_PER_CUSTOMER = 10  # Average in a full batch; bounds its memory.
Record = dict[str, Any]

logger = logging.getLogger("target-bigcommerce")


class CustomerSink(Sink):
    """The records of one stream under one SCHEMA.

    Args:
        target: the plugin, as the SDK passes it.
        stream_name: the stream, which is the audience's slug.
        schema: JSON Schema of the records after the stream maps.
        key_properties: fields that identify a member.
        run: the context that all streams share.

    Raises:
        InputError: when the stream lacks `id_field`, or another stream or the mapping
            writes its audience attribute.
        AttributeConflictError: when an attribute has another type or cannot be
            created.
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
        self._schema.check_id_field(
            self._settings.id_field, on_missing_id=self._settings.on_missing_id
        )
        self._schema.warn_about_missing(self._mapping.sources)
        paths = (self._settings.id_field, *self._mapping.sources)
        self._kept = frozenset((*paths, *self.key_properties, DELETED_AT))
        self._dotted = [path for path in paths if "." in path]
        plan = _plan_stream(stream_name, run.settings)
        run.claim_attribute(plan.audience, stream_name)
        self._drain = Drain(plan, run.destination)
        self._batch = Batch()

    @override
    def get_validator(self) -> None:
        return None  # StreamSchema validates, so that a bad record is rejected.

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
        """Apply the stream map to a RECORD message and add the record, if any."""
        try:
            record = apply_stream_map(stream_map, message["record"])
        except StreamMapError as error:
            reason = (
                f"an expression in stream_maps failed on it ({error.kind}). {error.fix}"
            )
            self._reject_unmapped(stream_map, message, reason)
            return
        if record is not None:
            self.add_record(record, message)

    def add_replayed(self, stream_map: StreamMap, message: Mapping[str, Any]) -> None:
        """Add a RECORD message of a rejects file, to which the maps were applied."""
        reject = message["reject"]
        code = reject.get("code") if isinstance(reject, dict) else None
        if code == RejectCode.FAILED_MAP:
            reason = "it lacks the values of the stream map that failed; sync it again"
            self._reject_unmapped(stream_map, message, reason)
        else:
            self.add_message(stream_map, message)

    def add_record(self, record: Record, message: Mapping[str, Any]) -> None:
        """Buffer a record for the next drain, or reject or skip it now.

        Args:
            record: the record after the stream maps.
            message: the RECORD message that it was made from.
        """
        message = self._to_message(message, self._to_reject(record))
        for name in METADATA:
            record.pop(name, None)
        self.record_counter_metric.increment()
        self._run.stats.read += 1
        try:
            if message["record"].get(DELETED_AT) is None:
                self._add_member(record, message)
            else:
                self._add_exit(record, message)
        except RecordRejectedError as why:
            self._run.reject(message, why, customer=self._known_id(record))

    @override
    def process_record(self, record: Record, context: dict[str, Any]) -> None:
        self.add_record(record, {"stream": self.stream_name, "record": record})

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        result = self._drain.write(self._batch)
        self._batch = Batch()
        for write in result.writes:
            self._count(write)
        if result.error is not None:
            raise result.error

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
            desired = map_record(record, self._mapping)
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

    def _add_exit(self, record: Record, message: Mapping[str, Any]) -> None:
        self._run.has_exits = True
        customer_id = read_id(record, self._settings.id_field)
        if customer_id is None:
            self._run.stats.count("skipped")
        elif not self._run.clears_exits:
            self._run.stats.count("kept")
        else:
            desired = DesiredCustomer(customer_id=customer_id, is_member=False)
            self._buffer(desired, record, message)

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
        self._batch.add(
            BufferedRecord(
                order=self._run.stats.read,
                desired=desired,
                message=message,
                member=self._schema.member_key(record),
            )
        )
        self._run.buffered(self.stream_name, self._batch.customers)

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
            is_unknown = why.code is RejectCode.UNKNOWN_CUSTOMER
            if is_unknown and not record.desired.is_member:
                self._run.stats.count("unchanged")  # There was nothing to clear.
            else:
                self._run.reject(record.message, why, customer=write.customer_id)

    def _count_seen(self, write: CustomerWrite) -> None:
        """Mark a customer that was matched or created as seen under the version."""
        for record in write.records:
            version = record.message.get("version")
            if version is None or not record.desired.is_member:
                continue
            seen = self._run.versions.members(self.stream_name, version)
            if write.customer_id:
                seen.customers.add(write.customer_id)
            elif write.matches:
                seen.customers.update(write.matches)
            elif write.rejected and write.rejected.status is not None:
                seen.unidentified += 1  # The store refused to look up its email.


class StreamSchema:
    """The SCHEMA of one stream, to validate records and check the settings.

    Raises:
        InputError: when it is not a valid JSON Schema.
    """

    def __init__(
        self, stream: str, schema: Mapping[str, Any], keys: Sequence[str]
    ) -> None:
        self._stream = stream
        self._properties: Mapping[str, Any] = schema.get("properties") or {}
        # A tap with an unknown schema declares no properties.
        self._is_open = not self._properties or bool(
            schema.get("additionalProperties") or schema.get("patternProperties")
        )
        self._keys = keys
        try:
            # Offline: a $ref must not trigger a request.
            self._validator = jsonschema_rs.validator_for(
                dict(schema),
                validate_formats=False,
                offline=True,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except ValueError:
            raise InputError(
                f"The SCHEMA of stream {stream} is not a valid JSON Schema."
            ) from None

    def member_key(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the record's key values as texts."""
        return tuple(str(record.get(key)) for key in self._keys)

    def validate(self, record: Mapping[str, Any]) -> None:
        """Check that a record has its keys and matches the schema.

        Raises:
            RecordRejectedError: when it does not.
        """
        for key in self._keys:
            if key not in record:
                reason = f"the record lacks its key {key}"
                raise RecordRejectedError(RejectCode.MISSING_KEY, reason)
        if self._validator.is_valid(record):
            return
        error = next(self._validator.iter_errors(record))
        # The validator's message quotes the value.
        path = ".".join(str(step) for step in error.instance_path) or "the record"
        reason = f"{path} does not match the stream's schema"
        raise RecordRejectedError(RejectCode.INVALID_RECORD, reason)

    def check_id_field(self, id_field: str, *, on_missing_id: str) -> None:
        """Warn if the SCHEMA does not declare the id field.

        Raises:
            InputError: when every record would be skipped; suggests similar fields.
        """
        if self._has(id_field):
            return
        close = self._similar(id_field, cutoff=0.4)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        problem = f"Stream {self._stream} has no field {id_field!r}, named by id_field"
        if on_missing_id == "skip" and not self._is_open:
            raise InputError(
                f"{problem}.{hint} If the stream is not of customers, deselect it in"
                f" the tap, or leave it out with stream_maps: {{{self._stream}: null}}."
            )
        logger.warning(
            "%s, in its SCHEMA. on_missing_id (%s) applies to records without it.%s",
            problem,
            on_missing_id,
            hint,
        )

    def warn_about_missing(self, sources: Iterable[str]) -> None:
        """Warn about mapped fields that the stream does not have."""
        paths = [] if self._is_open else list(sources)
        missing = [path for path in paths if not self._has(path)]
        if missing:
            similar = ((path, self._similar(path)) for path in missing)
            logger.warning(
                "Stream %s has no field %s, named in the mapping: nothing is written"
                " for it.",
                self._stream,
                ", ".join(
                    f"{path} (did you mean {close[0]}?)" if close else path
                    for path, close in similar
                ),
            )
        for path in set(paths).difference(missing):
            if head := self._list_in(path):
                logger.warning(
                    "%s is a list in stream %s, so the path %s of the mapping leads"
                    " nowhere, and nothing is written for it. Define a field in"
                    " stream_maps that picks an item of the list, and name that field.",
                    head,
                    self._stream,
                    path,
                )

    def _similar(self, path: str, *, cutoff: float = 0.6) -> list[str]:
        """Return the three fields with the most similar names."""
        names = {name.lower(): name for name in self._properties}
        close = difflib.get_close_matches(path.lower(), names, n=3, cutoff=cutoff)
        return [names[each] for each in close]

    def _list_in(self, path: str) -> str | None:
        """Return the part of a path that the SCHEMA declares as a list, if any."""
        heads = (path[:at] for at, letter in enumerate(path) if letter == ".")
        for head in heads:
            declared = self._properties.get(head)
            kinds = declared.get("type") if isinstance(declared, dict) else None
            if "array" in ([kinds] if isinstance(kinds, str) else kinds or []):
                return head
        return None

    def _has(self, path: str) -> bool:
        steps = path.split(".")
        heads = (".".join(steps[:count]) for count in range(1, len(steps) + 1))
        return any(head in self._properties for head in heads)


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
