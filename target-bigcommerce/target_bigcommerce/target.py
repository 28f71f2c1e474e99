"""The Singer target: from messages to audiences, and from settled ones to STATE."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Target, metrics
from singer_sdk.helpers.capabilities import PluginCapabilities
from typing_extensions import override

from .configured import ConfiguredTarget
from .errors import InputError, InterruptedByUserError
from .exits.activation import activate
from .interrupt import Interrupt
from .messages.form import check_record, check_schema, check_state, check_version
from .messages.leaving import leave
from .messages.reader import Hooks, TimedReader
from .messages.state_lines import print_state
from .records.stream_maps import kept_maps, usable_maps
from .rejects import refuse_own_input
from .run.closing import close, run_to_status
from .run.opening import Opening
from .run.progress import Progress
from .settings import Settings
from .sink import CustomerSink

if TYPE_CHECKING:
    from types import FrameType
    from typing import IO

    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput

    from singer_kit.errors import PluginError

    from .messages.form import Message

STATE_SECONDS = 1.0  # Between two at once: Meltano writes each to its database.


class TargetBigCommerce(ConfiguredTarget):
    """Singer target for BigCommerce customers and their attributes."""

    name = "target-bigcommerce"
    package_name = "target-bigcommerce"
    # Not the SDK's own list: BATCH files would bypass the validation of records.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    default_sink_class = CustomerSink
    message_reader_class = TimedReader

    def __init__(self, *, opening: Opening | None = None, **given: Any) -> None:  # noqa: ANN401 - the SDK's own arguments
        opening = opening or Opening()
        self._interrupt = opening.interrupt  # The SDK installs the signal handlers.
        self._clock = opening.clock
        self._began = self._clock()
        self._printed_at = float("-inf")
        super().__init__(**given)
        self.max_parallelism = 1  # Streams drain in order; calls run side by side.
        self.settings = Settings.from_config(self.config)
        self.export, self._throttle = opening.export(self.settings)
        self._progress = Progress(self.export.tally, clock=self._clock)
        self._reader.hooks = Hooks(
            deadline=self.export.deadline,
            tick=self.drain_all,
            interrupt=self._interrupt,
        )

    @property
    def _reader(self) -> TimedReader:
        if not isinstance(self.message_reader, TimedReader):
            raise TypeError("the target reads with its own reader")
        return self.message_reader

    # Messages.

    @override
    def _process_schema_message(self, message_dict: Message) -> None:
        check_schema(message_dict)
        if not self.export.rejects.is_new_schema(message_dict):
            return
        self.drain_all()  # So that a reject stands below its own SCHEMA.
        self.export.rejects.remember_schema(message_dict)
        stream, keys = message_dict["stream"], message_dict.get("key_properties")
        with usable_maps(stream):
            self.mapper.register_raw_stream_schema(stream, message_dict["schema"], keys)
        for stream_map in self._maps_of(message_dict):
            self.get_sink(
                stream_map.stream_alias,
                schema=stream_map.transformed_schema,
                key_properties=stream_map.transformed_key_properties,
            )

    @override
    def _process_record_message(self, message_dict: Message) -> None:
        check_record(message_dict)
        for stream_map in self._maps_of(message_dict):
            sink = self._sinks_active[stream_map.stream_alias]
            sink.take(stream_map, message_dict)  # type: ignore[attr-defined]  # our only class of sinks
            if sink.is_full or self.export.has_too_many_rejects:
                self.drain_all()

    @override
    def _process_state_message(self, message_dict: Message) -> None:
        check_state(message_dict)
        is_all_settled = not self._waiting
        self.export.checkpoint.read(
            message_dict["value"], is_all_settled=is_all_settled
        )
        if is_all_settled and self._clock() - self._printed_at >= STATE_SECONDS:
            self._print_state()
        else:
            self.export.wait()

    @override
    def _process_activate_version_message(self, message_dict: Message) -> None:
        check_version(message_dict)
        self.export.has_told_of_exits = True
        if not self.export.clears_exits:
            return
        self.drain_all()
        version = message_dict["version"]
        for stream_map in self._maps_of(message_dict):
            stream = stream_map.stream_alias
            activate(self.export, stream, self.export.versions.of(stream, version))

    @override
    def _process_batch_message(self, message_dict: Message) -> None:
        raise InputError(
            "A BATCH message came, which this target does not take: its files would"
            " bypass the validation of records. Switch batch_config off in the tap."
        )

    def _maps_of(self, message: Message) -> list[Any]:
        stream = message["stream"]
        if stream not in self.mapper.stream_maps:
            raise InputError(
                f"{message['type']} of stream {stream} came before its SCHEMA: the tap"
                " breaks the Singer order of messages."
            )
        return kept_maps(self.mapper.stream_maps[stream])

    # Drains and state.

    @property
    def _waiting(self) -> int:
        sinks = (*self._sinks_to_clear, *self._sinks_active.values())
        return sum(sink.current_size for sink in sinks)

    @override
    def _reset_max_record_age(self) -> None:
        # The SDK calls this at the end of a drain of everything.
        self.export.settle()
        self._progress.tell()
        self._print_state()
        self.export.stop_if_over()

    def _print_state(self) -> None:
        state = self.export.checkpoint.take()
        if state is None or not self.export.prints_state:
            return
        self.export.rejects.sync()  # However the run ends, they are on disk before it.
        print_state(state)
        self._printed_at = self._clock()

    @override
    def process_endofpipe(self) -> None:
        if self._interrupt.is_set:
            raise InterruptedByUserError("Stopped by a signal.")
        super().process_endofpipe()

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self._interrupt.set(signum)

    # The command line.

    def run(self, file_input: IO[str] | None = None) -> int:
        """Read the input to its end; gives the exit status."""

        def work() -> None:
            refuse_own_input(self.settings.rejects_path, file_input)
            try:
                self.listen(file_input)
            finally:
                self._print_state()  # What is covered so far, however it ended.

        status = run_to_status(work, signal=lambda: self._interrupt.signal)
        return close(
            self.export,
            self._throttle,
            status=status,
            left=self.export.tally.left,
            seconds=self._clock() - self._began,
        )

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as the SDK itself does
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
    ) -> None:
        super(Target, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        # A line for every hundred customers would drown the others.
        quiet = metrics.MetricExclusionFilter(metrics=["batch_processing_time"])
        metrics.get_metrics_logger().addFilter(quiet)
        target = cls(
            config=config.config if config else {},
            parse_env_config=bool(config and config.parse_env),
        )
        status = target.run(file_input)
        leave(file_input, target._interrupt)
        sys.exit(status)

    stdout_hint = "STATE is printed there. Redirect it to a file."

    @classmethod
    @override
    def after_error(cls, error: PluginError) -> None:
        leave(None, Interrupt())  # No run, so no handler of signals either.
