"""A stream map that cannot be used, or fails, is one clear line without data."""

from __future__ import annotations

import logging

import pytest
from singer_sdk.exceptions import MappingError
from singer_sdk.mapper import PluginMapper, StreamMap

from singer_kit.errors import ConfigError, OutputError, StreamMapError
from singer_kit.stream_maps import (
    apply_stream_map,
    checked_stream_maps,
    kept_stream_maps,
)

SCHEMA = {"type": "object", "properties": {"email": {"type": ["string", "null"]}}}


def maps_of(expressions: object) -> list[StreamMap]:
    mapper = PluginMapper(
        plugin_config={"stream_maps": {"vip": expressions}},
        logger=logging.getLogger("test"),
    )
    mapper.register_raw_stream_schema("vip", SCHEMA, [])
    return mapper.stream_maps["vip"]


def test_record_is_mapped_and_not_changed() -> None:
    [stream_map] = maps_of({"email": "email.lower()"})
    record = {"email": "ADA@EXAMPLE.COM"}

    assert apply_stream_map(stream_map, record) == {"email": "ada@example.com"}
    assert record == {"email": "ADA@EXAMPLE.COM"}


def test_filtered_record_is_none() -> None:
    [stream_map] = maps_of({"__filter__": "email is not None"})

    assert apply_stream_map(stream_map, {"email": None}) is None


def test_failing_expression_names_stream_and_kind_only() -> None:
    [stream_map] = maps_of({"email": "email.lower()", "__alias__": "vips"})

    with pytest.raises(StreamMapError) as caught:
        apply_stream_map(stream_map, {"email": ["o.brien@example.com"]})

    assert caught.value.stream == "vips"
    assert "o.brien" not in str(caught.value)
    assert caught.value.kind in str(caught.value)


@pytest.mark.parametrize("error", [MappingError("s3cret"), KeyError("s3cret")])
def test_unusable_maps_are_a_config_error(error: Exception) -> None:
    with pytest.raises(ConfigError, match="for stream vip") as caught:  # noqa: SIM117
        with checked_stream_maps("vip"):
            raise error

    assert "s3cret" not in str(caught.value)


def test_expected_errors_pass_through() -> None:
    with pytest.raises(OutputError), checked_stream_maps():
        raise OutputError("The pipe is closed.")


def test_dropped_stream_keeps_no_map() -> None:
    assert kept_stream_maps(maps_of(None)) == []
    assert len(kept_stream_maps(maps_of({}))) == 1
