"""The tap with the SDK's default record path: type conformance and simplejson."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.io_base import SingerWriter
from typing_extensions import override

from tap_lytics.streams import AudienceStream
from tap_lytics.tap import TapLytics

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from singer_sdk.helpers.types import Context


class SdkStream(AudienceStream):
    """Syncs records with the SDK's code."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.RECURSIVE

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[dict[str, Any], Any, Any]:
        return Stream._sync_records(self, context, write_messages=write_messages)  # noqa: SLF001 - under measurement


class SdkTap(TapLytics):
    """Writes with the SDK's writer."""

    message_writer_class = SingerWriter  # type: ignore[assignment]  # under measurement

    @override
    def run(self) -> None:
        self.sync_all()

    @override
    def discover_streams(self) -> Sequence[AudienceStream]:
        run = self._run_context
        return [
            SdkStream(self, entry, run, open_ledger=lambda: None)
            for entry in self._entries
        ]


if __name__ == "__main__":
    SdkTap.cli()
