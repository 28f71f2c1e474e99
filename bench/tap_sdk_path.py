"""The same tap with the SDK's default record path: conforming and simplejson."""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.io_base import SingerWriter
from typing_extensions import override

from tap_lytics.streams import AudienceStream
from tap_lytics.tap import TapLytics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from singer_sdk.helpers.types import Context, Record


class SdkStream(AudienceStream):
    """Hands its records to the SDK."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.RECURSIVE

    @override
    def get_records(self, context: Context | None) -> Iterator[Record]:
        yield from self._tried_records()


class SdkTap(TapLytics):
    """Writes with the SDK's own writer."""

    message_writer_class = SingerWriter  # type: ignore[assignment]  # that is the point

    @override
    def run(self) -> None:
        self.sync_all()

    @override
    def discover_streams(self) -> Sequence[AudienceStream]:
        return [SdkStream(self, entry, self._around) for entry in self._entries]


if __name__ == "__main__":
    SdkTap.cli()
