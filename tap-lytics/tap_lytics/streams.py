"""A stream: the members of one audience."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.singerlib import Schema
from singer_sdk.singerlib.catalog import Metadata
from typing_extensions import override

from .errors import InterruptedByUserError, SettingsError
from .ledger_roster import LedgerRoster
from .ledger_trouble import telling_of_trouble
from .lookout import Lookout
from .members import Contradictions, Shape
from .outlet import LineWriter, StreamOutlet
from .passes import AudiencePasses
from .reader import Reader, Surroundings
from .roster import Overlap
from .schema import DELETED_AT, KEY, TIME, stream_schema
from .state import Place, formers
from .stream_maps import mapped

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from singer_sdk import Tap, metrics
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.singerlib import Catalog, MetadataMapping

    from .catalog import Entry
    from .roster import Roster

AUTOMATIC = Metadata.InclusionType.AUTOMATIC


def tell_exits(catalog: Catalog) -> None:
    """Give a catalog the property that tells exits, whatever was selected in it."""
    for entry in catalog.values():
        properties = entry.schema.properties or {}
        properties.setdefault(DELETED_AT, Schema.from_dict(TIME.schema))
        entry.schema.properties = properties
        entry.metadata[("properties", DELETED_AT)].inclusion = AUTOMATIC


class AudienceStream(Stream):
    """The members of one audience; named by its slug."""

    # The record's values are made to fit its schema by this tap.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(self, tap: Tap, entry: Entry, around: Surroundings) -> None:
        self._entry = entry
        self._around = around
        self._with_exits = around.settings.records_exits
        self._counter: metrics.Counter | None = None
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
    @override
    def emit_activate_version_messages(self) -> bool:
        return False  # The SDK would write them before the records.

    @override
    def get_record_counter(self, **kwargs: Any) -> metrics.Counter:
        self._counter = super().get_record_counter(**kwargs)
        return self._counter

    @override
    def log(
        self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any
    ) -> None:
        if level < logging.ERROR:  # The SDK's only one announces an error that follows.
            super().log(message, *args, level=level, **kwargs)

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        if self.ABORT_AT_RECORD_COUNT is not None:
            yield from self._tried_records()
        elif not self._around.interrupt.is_set:
            self._pass()

    def _pass(self) -> None:
        place = Place.read(self.name, self.stream_state)
        try:
            with telling_of_trouble(self._around.settings.ledger_path or ""):
                self._passes.run(place)
        except InterruptedByUserError:
            self.logger.info("Stopped by a signal, behind the last page written.")
        finally:
            self._tell_of_contradictions()

    def _tried_records(self) -> Iterator[Record]:
        """Read as many as a test of the tap wants; sends and keeps nothing else."""
        self._lookout.look(None)
        for batch in self._reader.whole():
            for member in batch.members:
                for way in self.stream_maps:
                    mapped(way, dict(member.record))  # The SDK would quote a failure.
                yield member.record

    def _keep(self, place: Place) -> None:
        place.write(self.stream_state)
        self._tap.state_writer.write_state(self.tap_state)

    def _count(self, records: int) -> None:
        if self._counter:
            self._counter.increment(records)

    @cached_property
    def _passes(self) -> AudiencePasses:
        writer = self._tap.message_writer
        if not isinstance(writer, LineWriter):
            raise TypeError("The tap writes through its own LineWriter only.")
        return AudiencePasses(
            self._reader,
            around=self._around,
            lookout=self._lookout,
            outlet=StreamOutlet(
                writer, self.stream_maps, keep=self._keep, count=self._count
            ),
            roster=self._roster,
            logger=self.logger,
        )

    @cached_property
    def _roster(self) -> Roster:
        settings = self._around.settings
        if settings.ledger_path is None:
            return Overlap(settings.overlap, is_repeated=settings.repeats_passes)
        return LedgerRoster(
            self._around.ledger(), slug=self.name, shape=self._shape, settings=settings
        )

    @cached_property
    def _lookout(self) -> Lookout:
        return Lookout(
            self._around.client,
            self._around.interrupt,
            slug=self.name,
            audience_id=self._entry.audience_id,
            formers=formers(self.tap_state.get("bookmarks", {}), self._tap.streams),
        )

    @cached_property
    def _reader(self) -> Reader:
        return Reader(
            self._around, slug=self.name, shape=self._shape, logger=self.logger
        )

    @cached_property
    def _shape(self) -> Shape:
        fields = {field.name: field for field in self._entry.fields}
        names = self._around.settings.require_fields
        missing = [name for name in names if name not in fields]
        if missing:
            raise SettingsError(
                f"require_fields names {', '.join(missing)}, which the account has not:"
                " nobody would be sent. Correct the name or take it out."
            )
        return Shape(
            [f for f in fields.values() if self.mask[("properties", f.name)]],
            identities=self._entry.identities,
            contradictions=self._contradictions,
            with_exits=self._with_exits,
            required=[fields[name] for name in names],
        )

    @cached_property
    def _contradictions(self) -> Contradictions:
        return Contradictions(tell=self._tell_of_contradiction)

    def _tell_of_contradiction(self, name: str, lytics_type: str, came: str) -> None:
        self.logger.warning(
            "The field %s is of the Lytics type %s, but a member has a value (%s) that"
            " contradicts it. Such values are left out of the records and counted.",
            name,
            lytics_type,
            came,
        )

    def _tell_of_contradictions(self) -> None:
        counts: Counter[str] = self._contradictions.counts
        if counts:
            listed = ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()))
            self.logger.warning("Values left out as contradicting: %s.", listed)
            counts.clear()
