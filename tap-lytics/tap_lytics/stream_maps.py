"""The SDK's stream maps: their expressions are the user's, and can fail."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.mapper import StreamMap


@contextmanager
def usable_maps() -> Iterator[None]:
    """Speak for maps that cannot be used at all.

    Raises:
        SettingsError: quoting none of them, as an expression can hold a secret.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - an expression can raise anything
        raise SettingsError(
            "stream_maps cannot be used: one of its entries is no expression, or not of"
            " the form that the SDK's documents describe"
            f" ({type(error).__name__}). Mend it."
        ) from None


def mapped(way: StreamMap, record: dict[str, Any]) -> dict[str, Any] | None:
    """Pass a record through a map; None if the map leaves it out.

    Raises:
        SettingsError: when an expression fails on it, quoting nothing of the record.
    """
    try:
        return way.transform(record)
    except Exception as error:  # noqa: BLE001 - an expression can raise anything
        raise SettingsError(
            f"An expression of stream_maps fails on a member ({type(error).__name__}),"
            f" for the stream {way.stream_alias}: mend it, and mind that a field can be"
            " null or absent."
        ) from None
