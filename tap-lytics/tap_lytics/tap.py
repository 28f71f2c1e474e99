"""The tap: its settings, its streams and its runs."""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.singerlib import Catalog
from typing_extensions import override

from . import catalog as catalogs
from .client import Client
from .command import OneLineCommand, read_json
from .configured import ConfiguredTap
from .discovery import discover, slugs
from .errors import InterruptedByUserError, SettingsError
from .given_state import bookmarks
from .interrupt import Interrupt
from .ledger_file import open_ledger
from .outlet import LineWriter
from .prefetch import ask
from .reader import Surroundings
from .settings import Settings
from .stream_maps import usable_maps
from .streams import AudienceStream, tell_exits
from .transport import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType
    from typing import IO

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum
    from singer_sdk.plugin_base import _ConfigInput

    from .catalog import Entry
    from .ledger import Ledger

COLLECT_EVERY = 100_000  # Objects: the members of some twenty pages.


class TapLytics(ConfiguredTap):
    """Singer tap for the members of Lytics audiences."""

    name = "tap-lytics"
    package_name = "tap-lytics"
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    dynamic_catalog = True  # And so --discover has its settings validated, too.
    message_writer_class = LineWriter
    interrupt_class: ClassVar[type[Interrupt]] = Interrupt  # All waits go through it.

    def __init__(
        self,
        *,
        catalog: Mapping[str, Any] | Catalog | None = None,
        **kwargs: Any,  # noqa: ANN401 - the SDK's
    ) -> None:
        self._interrupt = self.interrupt_class()
        self._held = ExitStack()
        given = catalog.to_dict() if isinstance(catalog, Catalog) else catalog
        self._given = None if given is None else catalogs.read(given)
        super().__init__(catalog=catalog, **kwargs)  # type: ignore[arg-type]  # a mapping is enough

    # State and catalog.

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state({"bookmarks": bookmarks(state)})

    @override
    def setup_mapper(self) -> None:
        if self.input_catalog is not None and self._around.settings.records_exits:
            tell_exits(self.input_catalog)
        _ = self.catalog  # Asks Lytics: what fails there is not the maps' fault.
        with usable_maps() if self.config.get("stream_maps") else nullcontext():
            super().setup_mapper()

    @property
    @override
    def catalog_dict(self) -> dict[str, Any]:
        return catalogs.annotate(super().catalog_dict, self._entries)

    @override
    def discover_streams(self) -> Sequence[AudienceStream]:
        around = self._around
        return [AudienceStream(self, entry, around) for entry in self._entries]

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        client, names = self._around.client, self._around.settings.audiences
        if self._given is None:
            return discover(client, self._interrupt, names)
        entries = catalogs.chosen(self._given, names)
        if all(entry.is_typed for entry in entries):
            return entries
        fields = ask(client.fields, self._interrupt)
        return tuple(catalogs.typed(entry, fields) for entry in entries)

    @cached_property
    def _around(self) -> Surroundings:
        settings = Settings.from_config(self.config)
        transport = Transport(
            base_url=settings.api_url,
            token=settings.api_token,
            user_agent=settings.user_agent,
            timeout=settings.request_timeout_seconds,
            sleep=self._interrupt.wait,
        )
        return Surroundings(
            client=Client(transport),
            settings=settings,
            interrupt=self._interrupt,
            ledger=lambda: self._ledger,
        )

    @cached_property
    def _ledger(self) -> Ledger:
        ledger = open_ledger(
            self._around.settings.ledger_path or "",
            self.state.get("bookmarks", {}).values(),
            [entry.audience_id for entry in self._entries if entry.audience_id],
        )
        self._held.callback(ledger.close)
        return ledger

    # Runs.

    def run(self) -> None:
        """Make one pass over every audience, or one after the other until a signal."""
        self._refuse_everything()
        # Members are trees: the collector finds nothing in them, and takes its time.
        gc.freeze()
        gc.set_threshold(COLLECT_EVERY)
        with self._held:
            self._run()

    def _run(self) -> None:
        interval = self._around.settings.poll_interval_seconds
        while True:
            began = time.monotonic()
            self.sync_all()
            if self._interrupt.is_set or not interval:
                return
            gc.collect()  # Calls that failed left errors in circles, with their frames.
            rest = interval - (time.monotonic() - began)
            try:
                self._interrupt.wait(max(rest, 0))
            except InterruptedByUserError:
                return

    def _refuse_everything(self) -> None:
        if not self._around.settings.audiences:
            audiences = ask(self._around.client.audiences, self._interrupt)
            raise SettingsError(
                f"Set audiences to those to export; there are {slugs(audiences)}."
            )

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        self._interrupt.set(signum)

    # The command line.

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as the SDK itself does
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        super(Tap, cls).invoke(about=about, about_format=about_format)
        cls.print_version(print_fn=cls.logger.info)
        try:
            tap = cls(
                config=config.config if config else {},
                state=read_json(state, "state") or {},
                catalog=read_json(catalog, "catalog"),
                parse_env_config=bool(config and config.parse_env),
            )
            tap.run()
        except InterruptedByUserError:  # A pass that has begun ends by itself.
            cls.logger.info("Stopped by a signal; no member was read yet.")

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        return OneLineCommand.of(super().get_singer_command(), cls.logger)
