"""The SDK's sink, as thin as can be: one stream's records under one SCHEMA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.sinks import Sink
from typing_extensions import override

from .audience import Audience
from .errors import RecordRejectedError
from .records.stream_maps import mapped
from .schema import StreamSchema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk.mapper import StreamMap

    from .target import TargetBigCommerce

METADATA = (
    "_sdc_extracted_at",
    "_sdc_received_at",
    "_sdc_batched_at",
    "_sdc_deleted_at",
    "_sdc_sequence",
    "_sdc_table_version",
    "_sdc_sync_started_at",
)


class CustomerSink(Sink):
    """Hands the records of a stream to their audience."""

    def __init__(
        self,
        target: TargetBigCommerce,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        stream_schema = StreamSchema(stream_name, self.schema, self.key_properties)
        self.audience = Audience(target.export, stream_name, stream_schema)

    @override
    def get_validator(self) -> None:
        return None  # The audience validates, and rejects instead of raising.

    @property
    @override
    def current_size(self) -> int:
        return self.audience.waiting

    @property
    @override
    def is_full(self) -> bool:
        return self.audience.is_full

    def take(self, stream_map: StreamMap, message: dict[str, Any]) -> None:
        """Take a record, unless the stream's map leaves it out or fails on it."""
        try:
            record = mapped(stream_map, message["record"])
        except RecordRejectedError as why:
            self.audience.refuse(message, why)
            return
        if record is not None:
            self._take(record, message)

    def _take(self, record: dict[str, Any], message: dict[str, Any]) -> None:
        for name in METADATA:
            record.pop(name, None)
        self.record_counter_metric.increment()
        self.audience.take(record, message)

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        self._take(record, {"stream": self.stream_name, "record": record})

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        self.audience.drain()
