"""The SDK's stream maps, with one-line errors.

The expressions are written by users and can raise any exception.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from singer_sdk.mapper import RemoveRecordTransform

from .errors import ConfigError, PluginError, StreamMapError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.mapper import StreamMap


@contextmanager
def checked_stream_maps(stream: str | None = None) -> Iterator[None]:
    """Turn an error that the SDK raises while it reads stream_maps into one line.

    Args:
        stream: named in the error, if maps are read for a single stream.

    Raises:
        ConfigError: quotes no expression, because one can contain a secret.
    """
    try:
        yield
    except PluginError:
        raise
    except Exception as error:  # noqa: BLE001 - an expression can raise anything
        where = "" if stream is None else f" for stream {stream}"
        raise ConfigError(
            f"stream_maps cannot be used{where} ({type(error).__name__}): an entry is"
            " not a valid expression, or does not have a form that the SDK documents."
            " Correct it."
        ) from None


def apply_stream_map(
    stream_map: StreamMap, record: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Map a copy of a record; return None if the map filters it out.

    Raises:
        StreamMapError: when an expression fails on this record.
    """
    try:
        return stream_map.transform(dict(record))
    except Exception as error:  # noqa: BLE001 - an expression can raise anything
        kind = type(error.__cause__ or error).__name__
        raise StreamMapError(stream_map.stream_alias, kind) from None


def kept_stream_maps(stream_maps: Iterable[StreamMap]) -> list[StreamMap]:
    """Return the stream maps without those that remove their stream."""
    return [each for each in stream_maps if not isinstance(each, RemoveRecordTransform)]


def passes_unchanged(
    stream_map: StreamMap, name: str, config: Mapping[str, Any]
) -> bool:
    """Whether a stream map certainly passes on a field's value as it is.

    Args:
        stream_map: the map.
        name: the field.
        config: the setting `stream_maps`. A definition for any stream counts, as those
            with patterns and aliases cannot be assigned to a map.
    """
    known = {
        *(stream_map.transformed_schema.get("properties") or ()),
        *(stream_map.transformed_key_properties or ()),
    }
    definitions = [each for each in config.values() if isinstance(each, dict)]
    is_same = all(each.get(name, name) == name for each in definitions)
    return name in known and is_same
