"""The stream of one audience's members, adapted to the SDK's record loop.

`_sync_records` is a private name of the SDK, overridden because `Stream.sync` is final
and there is no public hook with which a stream writes records in batches, and its own
STATE.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import Schema
from singer_sdk.singerlib.catalog import Metadata
from typing_extensions import override

from singer_kit.errors import ConfigError, ShutdownRequestedError
from singer_kit.stream_maps import definitions_for

from .ledger import ledger_errors
from .output import OutputMap, StreamOutput
from .overrides import ANNOTATIONS, OverrideError, overridden_type
from .records import (
    DELETED_AT,
    KEY,
    TIME,
    MismatchCounter,
    RecordBuilder,
    stream_schema,
)
from .state import StreamState, absent_streams, add_streams
from .sync import build_sync

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context
    from singer_sdk.metrics import Counter
    from singer_sdk.singerlib import Catalog, MetadataMapping

    from .catalog import AudienceEntry
    from .ledger import Ledger
    from .output import LineWriter
    from .records import Field, FieldType, Record
    from .sync import AudienceSync, RunContext

AUTOMATIC = Metadata.InclusionType.AUTOMATIC


def add_exit_property(catalog: Catalog) -> None:
    """Add `_sdc_deleted_at` to every stream of a catalog, whatever was selected."""
    for entry in catalog.values():
        properties = entry.schema.properties or {}
        properties.setdefault(DELETED_AT, Schema.from_dict(TIME.schema))
        entry.schema.properties = properties
        entry.metadata[("properties", DELETED_AT)].inclusion = AUTOMATIC


def selected_streams(tap: Tap) -> list[str]:
    """List the streams that a pass syncs."""
    return [name for name, stream in tap.streams.items() if stream.selected]


class AudienceStream(Stream):
    """The members of one audience, named by its slug.

    Args:
        tap: the tap.
        entry: the audience and its fields.
        run: what the run shares.
        open_ledger: opens the ledger of the run, once; None without ledger_path.
    """

    # The values already fit the schema.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(
        self,
        tap: Tap,
        entry: AudienceEntry,
        run: RunContext,
        *,
        open_ledger: Callable[[], Ledger | None],
    ) -> None:
        self._plugin = tap
        self._entry = entry
        self._run = run
        self._open_ledger = open_ledger
        self._with_exits = run.settings.reports_exits_by_record
        self._counter: Counter | None = None
        schema = stream_schema(entry.fields, with_exits=self._with_exits)
        super().__init__(tap, schema=schema, name=entry.slug)
        self.primary_keys = [KEY]

    @property
    @override
    def metadata(self) -> MetadataMapping:
        metadata = super().metadata
        for name in (KEY, DELETED_AT) if self._with_exits else (KEY,):
            metadata[("properties", name)].inclusion = AUTOMATIC
        return metadata

    @property
    def field_names(self) -> list[str]:
        """All fields of the stream, whether selected or not."""
        return list(self._whole_schema["properties"])

    @property
    def deselected_fields(self) -> list[str]:
        """The fields that the catalog deselects."""
        return [n for n in self.field_names if not self.mask["properties", n]]

    @property
    def is_empty(self) -> bool:
        """Whether no field of the members is selected."""
        own = {KEY, DELETED_AT, *self.deselected_fields}
        return own.issuperset(self.field_names)

    @property
    def sent_schema(self) -> dict[str, Any]:
        """The schema of the selected fields; of all if the stream is deselected."""
        hidden = self.deselected_fields if self.selected else []
        properties = self._whole_schema["properties"].items()
        sent = {name: schema for name, schema in properties if name not in hidden}
        return {"type": "object", "properties": sent}

    @property
    def output_maps(self) -> list[OutputMap]:
        """The stream's maps."""
        found = definitions_for(self.config.get("stream_maps") or {}, self.name)
        pairs = zip(self.stream_maps, found, strict=True)
        fields = self.sent_schema["properties"]
        return [OutputMap(own, given, fields=fields) for own, given in pairs]

    def prepare(self) -> None:
        """Check what the catalog and the settings say about the stream.

        Raises:
            ConfigError: for an unusable type or required field.
        """
        _ = self._builder

    @property
    def _whole_schema(self) -> dict[str, Any]:
        catalog = self._plugin.input_catalog
        entry = catalog.get_stream(self.name) if catalog else None
        return entry.schema.to_dict() if entry else self.schema

    @property
    @override
    def emit_activate_version_messages(self) -> bool:
        return False  # The SDK would write them before the records.

    @override
    def log(
        self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any
    ) -> None:
        if message.startswith("Beginning sync"):
            # It also names a mode, which is not the one of this sync.
            message, args = "Reading audience %s.", (self.name,)
        # The SDK's only error line announces an error that is logged anyway.
        if level < logging.ERROR:
            super().log(message, *args, level=level, **kwargs)

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        """Read members, sending and saving nothing: the SDK's `--test` writes them."""
        maps = self.output_maps
        for record in self._sync.sample():
            for each in maps:
                each.apply(record)  # The SDK's own error would quote the expression.
            yield record

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        """Run the sync that is due, which writes its records and states itself.

        Only `--test` uses the SDK's loop, record by record from `get_records`.
        """
        if self._is_test:
            yield from super()._sync_records(context, write_messages=write_messages)
            return
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            counter.with_context({})
            timer.with_context({})
            self._counter = counter
            if not self._run.shutdown.is_set:
                self._run_sync()
        self.finalize_state_progress_markers()  # Writes the state, as the SDK's does.

    @property
    def _is_test(self) -> bool:
        return self.ABORT_AT_RECORD_COUNT is not None

    def _run_sync(self) -> None:
        bookmarks = self.tap_state.setdefault("bookmarks", {})
        add_streams(bookmarks, selected_streams(self._plugin))
        state = StreamState.read(self.name, self.stream_state)
        try:
            path = self._run.settings.ledger_path
            with nullcontext() if path is None else ledger_errors(path):
                self._sync.run(state)
        except ShutdownRequestedError:
            self.logger.info("Stopped by a signal after the last page written.")
        finally:
            self._log_mismatches()

    def _write_state(self, state: StreamState) -> None:
        state.write(self.stream_state)
        self._plugin.state_writer.write_state(self.tap_state)

    def _count(self, records: int) -> None:
        if self._counter:
            self._counter.increment(records)

    @cached_property
    def _sync(self) -> AudienceSync:
        return build_sync(
            self._run,
            slug=self.name,
            audience_id=self._entry.audience_id,
            builder=self._builder,
            ledger=None if self._is_test else self._open_ledger(),
            absent_streams=absent_streams(
                self.tap_state.get("bookmarks", {}), self._plugin.streams
            ),
            output=StreamOutput(
                cast("LineWriter", self._plugin.message_writer),
                self.output_maps,
                write_state=self._write_state,
                count=self._count,
            ),
            logger=self.logger,
            shape=self._shape,
        )

    @property
    def _shape(self) -> dict[str, Any]:
        """What the records depend on, beside the settings and the profiles."""
        schemas = self.sent_schema["properties"]
        for name in (KEY, DELETED_AT):
            schemas.pop(name, None)
        maps = definitions_for(self.config.get("stream_maps") or {}, self.name)
        flattening = {k: v for k, v in self.config.items() if "flattening" in k}
        return {
            "selection": sorted(schemas),
            "schema": {
                name: {k: v for k, v in schema.items() if k not in ANNOTATIONS}
                for name, schema in schemas.items()
            },
            "stream_maps": [
                [asdict(each) if each else None for each in maps],
                self.config.get("stream_map_config"),
                flattening,
            ],
        }

    @cached_property
    def _builder(self) -> RecordBuilder:
        entry = self._entry
        fields = {field.name: field for field in (*entry.absent, *entry.fields)}
        names = self._run.settings.require_fields
        missing = [name for name in names if name not in fields]
        if missing:
            raise ConfigError(
                f"require_fields names {', '.join(missing)}, which the Lytics account"
                " does not have, so no member would be sent. Correct or remove it."
            )
        selected = [f for f in entry.fields if self.mask[("properties", f.name)]]
        return RecordBuilder(
            selected,
            identities=entry.identities or (),
            mismatches=self._mismatches,
            with_exits=self._with_exits,
            required=[fields[name] for name in names],
            overrides=self._overrides(selected),
        )

    def _overrides(self, fields: Iterable[Field]) -> dict[str, FieldType]:
        found = {}
        for field in fields:
            try:
                own = overridden_type(field)
            except OverrideError as error:
                raise ConfigError(
                    f"Field {field.name} of stream {self.name} cannot be sent as the"
                    f" catalog says: it has {error}. Correct or deselect it."
                ) from None
            if own:
                found[field.name] = own
        return found

    @cached_property
    def _mismatches(self) -> MismatchCounter:
        return MismatchCounter(report=self._log_mismatch)

    def _log_mismatch(self, name: str, described: str, python_type: str) -> None:
        self.logger.warning(
            "Field %s has %s, but a member has a value that does not fit it (%s). Such"
            " values are omitted from the records and counted.",
            name,
            described,
            python_type,
        )

    def _log_mismatches(self) -> None:
        counts = self._mismatches.counts
        if counts:
            listed = ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()))
            self.logger.warning("Values omitted because of their type: %s.", listed)
            counts.clear()
