"""The SDK's stream maps: their expressions are the user's, and can fail."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MappingError
from singer_sdk.mapper import RemoveRecordTransform

from target_bigcommerce.errors import RecordRejectedError, RejectCode, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.mapper import StreamMap


@contextmanager
def usable_maps(stream: str) -> Iterator[None]:
    """Speak for maps that cannot be used at all.

    Raises:
        SettingsError: naming the stream.
    """
    try:
        yield
    except MappingError:
        raise SettingsError(
            f"stream_maps cannot be used for stream {stream}: one of its entries is no"
            " expression, or not of the form that the SDK's documents describe."
        ) from None


def kept_maps(maps: Iterable[StreamMap]) -> list[StreamMap]:
    """Leave out the maps that drop a stream: it needs no customer ids and no sink."""
    return [each for each in maps if not isinstance(each, RemoveRecordTransform)]


def mapped(stream_map: StreamMap, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Pass a record through a map; None if the map leaves it out.

    Raises:
        RecordRejectedError: when an expression fails on this record.
    """
    try:
        return stream_map.transform(dict(record))
    except Exception as error:  # noqa: BLE001 - an expression can raise anything
        name = type(error.__cause__ or error).__name__
        reason = f"an expression in stream_maps failed on it ({name})"
        raise RecordRejectedError(RejectCode.FAILED_MAP, reason) from None
