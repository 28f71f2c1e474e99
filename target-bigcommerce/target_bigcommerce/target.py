"""The Singer target: reads messages, drains the sinks, prints STATE.

Private names of the SDK that are used here, and why:

- `_process_*_message`: called by the SDK's reader; there is no public hook.
- `_ConfigInput`: the type of an argument of `invoke`.

The SDK's `drain_all` is not used: it has no hook for printing STATE after the drain. It
is built on `drain_one`, which is public.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Target, metrics
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.mapper import SameRecordTransform
from typing_extensions import override

from singer_kit.config import read_config_files
from singer_kit.errors import PluginError, ShutdownRequestedError
from singer_kit.plugin import SingerPlugin
from singer_kit.shutdown import ShutdownSignal
from singer_kit.stream_maps import (
    checked_stream_maps,
    definitions_for,
    kept_stream_maps,
    unknown_field_warnings,
    unknown_stream_warnings,
)

from .commands import subcommands
from .errors import EndpointFailedError, InputError
from .files import check_not_rejects_file, utc_now
from .reader import (
    TimedReader,
    check_record,
    check_schema,
    check_state,
    check_version,
    discard_input,
    open_input,
)
from .run import RunContext, build_run
from .settings import (
    DECLARED,
    Settings,
    schema_errors,
    settings_errors,
    settings_warnings,
)
from .sink import CustomerSink, RecordMap
from .state import NO_STATE, print_state
from .stream_schema import reduce_schema
from .summary import Progress, run_to_end, write_failed_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import IO

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput

    from singer_kit.plugin import Subcommand

    from .reader import Message


@dataclass(frozen=True, slots=True)
class OpenedStream:
    """A stream that has sinks for its newest SCHEMA.

    Args:
        maps: its stream maps, each with a sink.
        is_replayed: whether they map nothing, because its records are replayed.
    """

    maps: list[RecordMap]
    is_replayed: bool


class TargetBigCommerce(SingerPlugin, Target):
    """Singer target for BigCommerce customers and their attributes.

    Args:
        shutdown: set by SIGTERM and SIGINT.
        build: builds the run from the settings, with the signature of `build_run`.
        given: the SDK's arguments.
    """

    name = "target-bigcommerce"
    package_name = "target-bigcommerce"
    # Not the SDK's list: BATCH files would bypass record validation.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    # A copy, as the SDK adds to it.
    config_jsonschema: ClassVar[dict[str, Any]] = deepcopy(DECLARED)
    stdout_hint = "STATE is printed there. Redirect it to a file."

    def __init__(
        self,
        *,
        shutdown: ShutdownSignal | None = None,
        build: Callable[..., RunContext] = build_run,
        **given: Any,  # noqa: ANN401 - the SDK's
    ) -> None:
        self.shutdown = shutdown or ShutdownSignal()
        reader = TimedReader(
            self.shutdown,
            deadline=self._seconds_to_drain,
            tick=self.drain,
        )
        super().__init__(message_reader=reader, **given)
        self.settings = Settings.from_config(self.config)
        self.context = build(self.settings, shutdown=self.shutdown)
        self._received: dict[str, Message] = {}  # The newest SCHEMA of each stream.
        self._schemas: dict[str, Message] = {}  # The same, reduced.
        self._opened: dict[str, OpenedStream] = {}
        self._sinks: dict[str, CustomerSink] = {}
        self._replaced_sinks: list[CustomerSink] = []  # Since the last drain.
        self._warnings: set[str] = set()
        self._progress = Progress(self.context.stats, clock=self.context.clock)

    # Settings.

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        # Skips the SDK's Target, which adds load_method and add_record_metadata.
        super(Target, cls).append_builtin_config(config_jsonschema)

    @classmethod
    @override
    def validate_schema(
        cls, config: dict[str, Any], schema: Mapping[str, Any]
    ) -> list[str]:
        return schema_errors(config, schema)

    @classmethod
    @override
    def settings_errors(cls, config: Mapping[str, Any]) -> Iterable[str]:
        return settings_errors(config)

    @classmethod
    @override
    def settings_warnings(cls, config: Mapping[str, Any]) -> Iterable[str]:
        return settings_warnings(config)

    @classmethod
    @override
    def subcommands(cls) -> Sequence[Subcommand]:
        return subcommands()

    # Messages.

    @override
    def _process_schema_message(self, message_dict: Message) -> None:
        check_schema(message_dict)
        self.context.input.add(message_dict)
        stream = message_dict["stream"]
        if self._received.get(stream) == message_dict:
            return
        self._received[stream] = message_dict
        reduced = reduce_schema(message_dict)
        if self._schemas.get(stream) != reduced:
            self._schemas[stream] = reduced
            self._opened.pop(stream, None)

    @override
    def _process_record_message(self, message_dict: Message) -> None:
        check_record(message_dict)
        self.context.input.add(message_dict)
        is_replayed = "reject" in message_dict
        for record_map in self._open_stream(message_dict, is_replayed=is_replayed):
            sink = self._sinks[record_map.stream]
            if is_replayed:
                sink.add_replayed(record_map, message_dict)
            else:
                sink.add_message(record_map, message_dict)
            if sink.is_full or self.context.has_too_many_rejects:
                self.drain()

    @override
    def _process_state_message(self, message_dict: Message) -> None:
        check_state(message_dict)
        self.context.input.add(message_dict)
        self._open_streams()
        has_records = any(sink.current_size for sink in self._sinks.values())
        has_exits = not self.context.exits.is_empty
        is_covered = not has_records and not has_exits
        checkpoint = self.context.checkpoint
        checkpoint.receive(
            message_dict["value"], is_covered=is_covered, is_behind_exits=has_exits
        )
        if is_covered and checkpoint.is_due:
            self._print_state()
            self.context.write_progress()
        else:
            self.context.await_drain()

    @override
    def _process_activate_version_message(self, message_dict: Message) -> None:
        check_version(message_dict)
        self.context.input.add(message_dict)
        self.context.can_report_exits = True
        if not self.context.clears_exits:
            return
        self._drain_records()
        for record_map in self._open_stream(message_dict):
            sink = self._sinks[record_map.stream]
            sink.activate_version(message_dict["version"])
        self._clear_exits()
        self._end_drain()

    @override
    def _process_batch_message(self, message_dict: Message) -> None:
        raise InputError(
            "The input has a BATCH message. This target does not accept BATCH, because"
            " its files would bypass record validation. Remove batch_config"
            " from the tap's settings."
        )

    def _open_streams(self) -> None:
        """Open the sinks of streams of which a SCHEMA came, but no record yet."""
        for stream, message in self._schemas.items():
            if stream not in self._opened:
                self._open_stream(message)

    def _open_stream(
        self, message: Message, *, is_replayed: bool = False
    ) -> list[RecordMap]:
        """Open a stream's sinks, unless they are open; return its stream maps.

        What a SCHEMA describes is known with the first record: replayed ones, and the
        SCHEMA above them, are not mapped again.
        """
        stream = message["stream"]
        if stream not in self._schemas:
            raise InputError(
                f"A {message['type']} of stream {stream} came before its SCHEMA: the"
                " tap breaks the Singer specification."
            )
        opened = self._opened.get(stream)
        if opened is None or opened.is_replayed != is_replayed:
            maps = self._maps_of(self._schemas[stream], is_replayed=is_replayed)
            if any(map(self._is_outdated, maps)):
                self.drain()  # Rejects of buffered records follow the old SCHEMA.
            for record_map in maps:
                self.context.can_report_exits |= record_map.can_mark
                self._open_sink(record_map, self._schemas[stream])
            opened = OpenedStream(maps, is_replayed=is_replayed)
            self._opened[stream] = opened
        return opened.maps

    def _maps_of(self, message: Message, *, is_replayed: bool) -> list[RecordMap]:
        stream, schema = message["stream"], message["schema"]
        keys = message.get("key_properties")
        if is_replayed:
            return [RecordMap(SameRecordTransform(stream, schema, keys, None))]
        with checked_stream_maps(stream):
            self.mapper.register_raw_stream_schema(stream, schema, keys)
            stream_maps = self.mapper.stream_maps[stream]
            definitions = definitions_for(self._stream_maps, stream)
            pairs = list(zip(stream_maps, definitions, strict=True))
        if "additionalProperties" not in schema:
            self._warn(
                unknown_field_warnings(self._stream_maps, stream, schema["properties"])
            )
        kept = kept_stream_maps(stream_maps)
        return [
            RecordMap(stream_map, definition)
            for stream_map, definition in pairs
            if stream_map in kept
        ]

    @property
    def _stream_maps(self) -> Mapping[str, Any]:
        return self.config.get("stream_maps") or {}

    def _warn(self, lines: Iterable[str]) -> None:
        """Log each warning once per run."""
        for line in lines:
            if line not in self._warnings:
                self._warnings.add(line)
                self.logger.warning("%s", line)

    def _warn_about_unknown_streams(self) -> None:
        is_mapped = not any(each.is_replayed for each in self._opened.values())
        if self._schemas and is_mapped:
            self._warn(unknown_stream_warnings(self._stream_maps, self._schemas))

    def _is_outdated(self, record_map: RecordMap) -> bool:
        """Whether a stream has a sink for a SCHEMA that differs in what is read."""
        sink = self._sinks.get(record_map.stream)
        return sink is not None and not sink.fits(record_map.schema, record_map.keys)

    def _open_sink(self, record_map: RecordMap, message: Message) -> None:
        """Create a stream's sink unless it has one; nothing is buffered in another."""
        stream, schema, keys = record_map.stream, record_map.schema, record_map.keys
        if stream in self._sinks:
            if not self._is_outdated(record_map):
                return
            self.logger.info("The SCHEMA of stream %s changed.", stream)
            self._replaced_sinks.append(self._sinks.pop(stream))
        mapped = {**message, "stream": stream, "schema": schema}
        if "key_properties" in mapped or keys:
            mapped["key_properties"] = keys
        self.context.rejects.remember_schema(mapped)
        self._sinks[stream] = CustomerSink(self, stream, schema, keys, run=self.context)

    # Drains and STATE.

    def drain(self) -> None:
        """Write everything buffered, then print the STATE that this covers.

        Exits are deleted once the oldest has waited long enough.
        """
        self._drain_records()
        if self.context.exits_are_due:
            self._clear_exits()
            self._end_drain()

    def _drain_records(self) -> None:
        self._replaced_sinks.clear()
        self._for_each_sink(self.drain_one)
        self._end_drain()

    def _clear_exits(self) -> None:
        """Delete the values of members who left; no other record is buffered."""
        self._for_each_sink(CustomerSink.clear_exits)

    def _for_each_sink(self, act: Callable[[CustomerSink], None]) -> None:
        """Act on every stream, even if an endpoint fails that another does not need.

        Raises:
            EndpointFailedError: at the end, the first one.
        """
        errors: list[EndpointFailedError] = []
        for sink in self._sinks.values():
            try:
                act(sink)
            except EndpointFailedError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    @override
    def process_endofpipe(self) -> None:
        if self.shutdown.is_set:
            raise ShutdownRequestedError("Stopped by a signal.")
        self.context.input.end()
        self._open_streams()
        self._warn_about_unknown_streams()
        try:
            self._for_each_sink(self.drain_one)
            self._commit()
        except EndpointFailedError:
            self._clear_exits()  # They need another endpoint.
            raise
        self._clear_exits()
        for sink in (*self._replaced_sinks, *self._sinks.values()):
            sink.clean_up()  # Logs its record count, as the SDK does.
        self._end_drain()

    def _seconds_to_drain(self) -> float | None:
        return self.context.seconds_to_drain()

    def _end_drain(self) -> None:
        self._commit()
        self._progress.log()
        self.context.write_progress()
        self.context.check_limits()

    def _commit(self) -> None:
        self.context.commit()
        self._print_state()

    def _print_state(self) -> None:
        state = self.context.checkpoint.take()
        if state is NO_STATE or not self.context.prints_state:
            return
        self.context.rejects.sync()  # Must be on disk before STATE covers them.
        print_state(state)

    # The command line.

    @classmethod
    @override
    def cb_config(
        cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]
    ) -> _ConfigInput:
        try:
            return super().cb_config(ctx, param, value)
        except PluginError as error:
            settings: dict[str, Any] = {}
            for path in value:
                with suppress(PluginError):
                    settings |= read_config_files([path])
            found = cls._readable(settings, parse_env="ENV" in value)
            write_failed_start(found, error, utc_now())
            raise

    @classmethod
    def _readable(
        cls, settings: Mapping[str, Any], *, parse_env: bool
    ) -> dict[str, Any]:
        """Return settings that may be invalid, with texts from the environment."""
        prefix = cls.env_prefix()
        names = ("summary_path", "store_hash", "job_id") if parse_env else ()
        found = {name: os.environ.get(prefix + name.upper()) for name in names}
        return {**settings, **{name: text for name, text in found.items() if text}}

    @classmethod
    @override
    def after_error(cls, error: PluginError) -> None:
        """Drain stdin, so that the writing program is not interrupted mid-line."""
        del error
        discard_input(None, ShutdownSignal())  # No target, so no signal handlers.

    def run(self, file_input: IO[str] | None = None) -> int:
        """Read the whole input, log the summary and return the exit status."""

        def work() -> None:
            self.context.start()
            check_not_rejects_file(self.settings.rejects_path, file_input)
            try:
                self.context.destination.resolve_ended_runs()
                # Not `listen`: it logs "1 lines" and the like.
                self.process_lines(file_input)
                self.process_endofpipe()
            finally:
                self._print_state()  # Even after an error.

        try:
            end = run_to_end(work, signal=lambda: self.shutdown.signal)
            return self.context.report(end)
        finally:
            self.context.close()

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        for param in command.params:
            if param.name == "file_input":
                param.type = click.Path()  # `invoke` opens it.
        return command

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as the SDK's own
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: str | None = None,
    ) -> None:
        super(Target, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        # One line per batch would bury the other lines.
        batch_times = metrics.MetricExclusionFilter(metrics=["batch_processing_time"])
        metrics.get_metrics_logger().addFilter(batch_times)
        parse_env = bool(config and config.parse_env)
        settings = config.config if config else {}
        try:
            source = None if file_input is None else open_input(file_input)
            target = cls(config=settings, parse_env_config=parse_env)
        except Exception as error:
            write_failed_start(
                cls._readable(settings, parse_env=parse_env), error, utc_now()
            )
            raise
        status = target.run(source)
        discard_input(source, target.shutdown)
        sys.exit(status)
