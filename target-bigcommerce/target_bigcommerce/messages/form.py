"""Whether a Singer message has what its type promises. Pure."""

from __future__ import annotations

from typing import Any

from target_bigcommerce.errors import InputError

Message = dict[str, Any]


def check_schema(message: Message) -> None:
    """See that a SCHEMA can be used.

    Raises:
        InputError: when it cannot.
    """
    stream = _stream(message)
    schema = message.get("schema")
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        raise InputError(f"The SCHEMA of stream {stream} has no properties.")
    if not all(isinstance(each, dict | bool) for each in schema["properties"].values()):
        raise InputError(f"The SCHEMA of stream {stream} is no valid JSON Schema.")
    keys = message.get("key_properties") or []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise InputError(f"The key_properties of stream {stream} are no list of names.")


def check_record(message: Message) -> None:
    """See that a RECORD has a record.

    Raises:
        InputError: when it has none.
    """
    stream = _stream(message)
    if not isinstance(message.get("record"), dict):
        raise InputError(f"A RECORD of stream {stream} has no record.")
    version = message.get("version")
    if version is not None and not _is_version(version):
        raise InputError(f"A RECORD of stream {stream} has a version that is none.")


def check_version(message: Message) -> None:
    """See that an ACTIVATE_VERSION names a version.

    Raises:
        InputError: when it does not.
    """
    stream = _stream(message)
    if not _is_version(message.get("version")):
        raise InputError(f"An ACTIVATE_VERSION of stream {stream} names no version.")


def check_state(message: Message) -> None:
    """See that a STATE has a value.

    Raises:
        InputError: when it has none.
    """
    if not isinstance(message.get("value"), dict):
        raise InputError("A STATE message has no value.")


def _stream(message: Message) -> str:
    stream = message.get("stream")
    if not isinstance(stream, str) or not stream:
        raise InputError(f"The message {message.get('type')} names no stream.")
    return stream


def _is_version(value: Any) -> bool:  # noqa: ANN401 - any JSON
    return isinstance(value, int) and not isinstance(value, bool)
