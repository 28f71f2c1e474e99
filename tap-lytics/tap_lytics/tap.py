"""The tap plugin: reads settings, catalog and state, and runs one or more syncs."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from contextlib import ExitStack, closing, nullcontext
from copy import deepcopy
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from singer_sdk import Tap
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.singerlib import Catalog
from typing_extensions import override

from singer_kit.errors import ConfigError, OutputError, ShutdownRequestedError
from singer_kit.plugin import SingerPlugin
from singer_kit.shutdown import ShutdownSignal, call_interruptibly
from singer_kit.stream_maps import (
    checked_stream_maps,
    definitions_for,
    map_definitions,
    names_in,
    unknown_field_warnings,
    unknown_stream_warnings,
)
from singer_kit.text import decode_text

from .catalog import (
    annotate,
    clean_catalog,
    complete_entry,
    discover,
    list_slugs,
    read_entries,
    select_entries,
)
from .ledger import open_ledger
from .output import LineWriter
from .records import DELETED_AT, KEY
from .settings import DECLARED, Settings, settings_errors, settings_warnings
from .state import known_ids, read_bookmarks, start_pass
from .streams import AudienceStream, add_exit_property, selected_streams
from .sync import build_run, utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import IO

    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from singer_kit.errors import PluginError
    from singer_kit.http import HttpSender

    from .catalog import AudienceEntry
    from .ledger import Ledger
    from .sync import RunContext

GC_THRESHOLD = 100_000  # Objects: about twenty pages of members.


class TapLytics(SingerPlugin, Tap):
    """Singer tap for the members of Lytics audiences.

    Args:
        catalog: the Singer catalog; without one, the audiences are discovered.
        shutdown: set by the signal handlers.
        sender: makes HTTP requests; see `build_run`.
        clock: this machine's clock; see `build_run`.
        kwargs: the arguments of the SDK's `Tap`.
    """

    name = "tap-lytics"
    package_name = "tap-lytics"
    # A copy, because the SDK adds its own settings to it.
    config_jsonschema: ClassVar[dict[str, Any]] = deepcopy(DECLARED)
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    dynamic_catalog = True  # Makes the SDK validate the settings for --discover, too.
    message_writer_class = LineWriter
    stdout_hint = "It carries the records: pipe it to a target, or into a file."

    def __init__(
        self,
        *,
        catalog: Mapping[str, Any] | Catalog | None = None,
        shutdown: ShutdownSignal | None = None,
        sender: HttpSender | None = None,
        clock: Callable[[], datetime] = utc_now,
        **kwargs: Any,  # noqa: ANN401 - the SDK's
    ) -> None:
        self.shutdown = shutdown or ShutdownSignal()
        self._sender = sender
        self._clock = clock
        self._resources = ExitStack()
        content = catalog.to_dict() if isinstance(catalog, Catalog) else catalog
        self._input_entries: tuple[AudienceEntry, ...] | None = None
        if content is not None:
            content, warnings = clean_catalog(content)
            for line in warnings:
                self.logger.warning("%s", line)
            self._input_entries = read_entries(content)
        self._known_ids = known_ids(kwargs.get("state"))  # The SDK reads it later.
        super().__init__(catalog=content, **kwargs)

    # Settings.

    @classmethod
    @override
    def settings_errors(cls, config: Mapping[str, Any]) -> Iterable[str]:
        return settings_errors(config, cls.env_prefix())

    @classmethod
    @override
    def settings_warnings(cls, config: Mapping[str, Any]) -> Iterable[str]:
        return settings_warnings(config, datetime.now(UTC))

    @cached_property
    def _run_context(self) -> RunContext:
        run = build_run(
            Settings.from_config(self.config),
            shutdown=self.shutdown,
            sender=self._sender,
            clock=self._clock,
        )
        self._resources.callback(run.client.close)
        return run

    # State and catalog.

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state({"bookmarks": read_bookmarks(state)})

    @override
    def setup_mapper(self) -> None:
        settings = self._run_context.settings
        if self.input_catalog is not None and settings.reports_exits_by_record:
            add_exit_property(self.input_catalog)
        streams = self._audience_streams  # Calls Lytics, whose errors are its own.
        with checked_stream_maps() if self.config.get("stream_maps") else nullcontext():
            super(Tap, self).setup_mapper()
            for each in streams:
                # The SDK would register a deselected stream without its fields.
                schema = each.sent_schema
                self.mapper.register_raw_stream_schema(each.name, schema, [KEY])
        if settings.reports_exits_by_record:
            for output_map in (m for each in streams for m in each.output_maps):
                output_map.add_mark_to_schema()

    @property
    @override
    def catalog_dict(self) -> dict[str, Any]:
        return annotate(super().catalog_dict, self._entries)

    @override
    def discover_streams(self) -> Sequence[AudienceStream]:
        run = self._run_context
        return [
            AudienceStream(self, entry, run, open_ledger=lambda: self._ledger)
            for entry in self._entries
        ]

    @cached_property
    def _entries(self) -> tuple[AudienceEntry, ...]:
        client, names = self._run_context.client, self._run_context.settings.audiences
        if self._input_entries is None:
            return discover(client, self.shutdown, names, known_ids=self._known_ids)
        entries = select_entries(self._input_entries, names)
        required = self._run_context.settings.require_fields
        if all(entry.is_complete(required) for entry in entries):
            return entries
        fields = call_interruptibly(client.fields, self.shutdown)
        return tuple(complete_entry(entry, fields) for entry in entries)

    @property
    def _audience_streams(self) -> list[AudienceStream]:
        return cast("list[AudienceStream]", list(self.streams.values()))

    @cached_property
    def _ledger(self) -> Ledger | None:
        path = self._run_context.settings.ledger_path
        if path is None:
            return None
        _create_folder(path)
        parts = self.state.get("bookmarks", {}).values()
        is_known = any(part.get("ledger_id") for part in parts)
        ledger = open_ledger(path, is_known=is_known)
        self._resources.callback(ledger.close)
        return ledger

    # Runs.

    def run(self) -> None:
        """Sync every audience once, or repeatedly until a signal arrives."""
        self._require_audiences()
        self._check_selection()
        # Records hold no reference cycles, so frequent collections only cost time.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        with closing(self):
            self._run()

    def close(self) -> None:
        """Close the ledger and the connections."""
        self._resources.close()

    def _run(self) -> None:
        interval = self._run_context.settings.poll_interval_seconds
        while True:
            started_at = time.monotonic()
            # The SDK writes this state first, if it is not empty.
            start_pass(self.state.get("bookmarks", {}), selected_streams(self))
            self.sync_all()
            if self.shutdown.is_set or not interval:
                return
            gc.collect()  # Errors of failed requests form cycles with their frames.
            rest = interval - (time.monotonic() - started_at)
            try:
                self.shutdown.wait(max(rest, 0))
            except ShutdownRequestedError:
                return

    def _require_audiences(self) -> None:
        if not self._run_context.settings.audiences:
            audiences = call_interruptibly(
                self._run_context.client.audiences, self.shutdown
            )
            raise ConfigError(
                "Set audiences to those to export. The account has"
                f" {list_slugs(audiences)}."
            )

    def _check_selection(self) -> None:
        """Check what the catalog selects, and what the stream maps make of it."""
        streams = [each for each in self._audience_streams if each.selected]
        if not streams:
            raise ConfigError(
                "No stream is selected, so nothing would be exported. Select one: with"
                " select in Meltano, else with selected true in the catalog's metadata"
                " of the stream (the one with an empty breadcrumb)."
            )
        for each in streams:
            each.prepare()
            if each.is_empty:
                raise ConfigError(
                    f"No field of stream {each.name} is selected, so its records would"
                    " hold only the key. Select fields, or deselect the stream."
                )
        for each in self._audience_streams:
            if not each.selected and self._run_context.settings.audiences:
                self.logger.warning(
                    "Audience %s is not exported: audiences names it, but the catalog"
                    " deselects its stream.",
                    each.name,
                )
        self._check_stream_maps(streams)

    def _check_stream_maps(self, streams: Sequence[AudienceStream]) -> None:
        maps = self.config.get("stream_maps") or {}
        for line in self._stream_map_warnings(streams, maps):
            self.logger.warning("%s", line)
        for each in streams:
            _require_selected_sources(each, maps)
        if all(each.is_removed for stream in streams for each in stream.output_maps):
            raise ConfigError(
                "stream_maps removes every stream, so nothing would be exported."
                " Correct it; __else__ null removes the streams that it does not name."
            )
        if self._run_context.settings.reports_exits_by_record:
            _require_marks(streams)

    def _stream_map_warnings(
        self, streams: Sequence[AudienceStream], maps: Mapping[str, Any]
    ) -> Iterator[str]:
        known = {entry.slug for entry in self._input_entries or ()} | set(self.streams)
        yield from unknown_stream_warnings(maps, known)
        sources = {each.source for each in map_definitions(maps)}
        for name in sorted((sources & known) - {each.name for each in streams}):
            yield (
                f"stream_maps has an entry for stream {name}, which is not exported, so"
                " it has no effect."
            )
        for each in streams:
            yield from unknown_field_warnings(maps, each.name, each.field_names)

    # The command line.

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as the SDK itself does
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        super(Tap, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        try:
            tap = cls(
                config=config.config if config else {},
                state=_read_json(state, "--state") or {},
                catalog=_read_json(catalog, "--catalog"),
                parse_env_config=bool(config and config.parse_env),
            )
            tap.run()
        except ShutdownRequestedError:  # A sync that has started handles it itself.
            cls.logger.info("Stopped by a signal before any member was read.")

    @classmethod
    @override
    def after_error(cls, error: PluginError) -> None:
        if isinstance(error, OutputError) and sys.stdout is not None:
            # The interpreter flushes stdout at exit and would report the error again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _create_folder(path: str) -> None:
    """Create the folder of the ledger if it is missing, private to its owner."""
    folder = Path(path).absolute().parent
    if folder.exists():
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this is not a possible path"
        raise ConfigError(
            f"The folder of ledger_path cannot be created: {why}. Name a file in a"
            " folder that this user may write to."
        ) from None


def _require_selected_sources(
    stream: AudienceStream, stream_maps: Mapping[str, Any]
) -> None:
    """Refuse maps that use a deselected field, which would fail on every record."""
    hidden = set(stream.deselected_fields)
    for each in filter(None, definitions_for(stream_maps, stream.name)):
        for target, expression in each.expressions.items():
            for name in sorted(hidden & names_in(expression)):
                raise ConfigError(
                    f"stream_maps uses field {name} for {target} of stream"
                    f" {stream.name}, but the catalog deselects it. Select it, and"
                    f' remove it in stream_maps ("{name}": null) if it is not to be'
                    " sent."
                )


def _require_marks(streams: Iterable[AudienceStream]) -> None:
    for stream in streams:
        kept = [each for each in stream.output_maps if not each.is_removed]
        if kept and all(each.drops_exits for each in kept):
            raise ConfigError(
                f"stream_maps removes {DELETED_AT} from stream {stream.name}, but"
                " emit_exits is true: members who left would look like members. Keep"
                " the field, or set emit_exits to false."
            )


def _read_json(file: IO[str] | None, option: str) -> dict[str, Any] | None:
    if file is None:
        return None
    with file:
        text = decode_text(file.buffer.read(), f"The file given with {option}")  # type: ignore[attr-defined]  # of click.File
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ConfigError(f"The file given with {option} does not hold a JSON object.")
    return content
