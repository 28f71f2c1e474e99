"""What is wrong with a configuration, one line each, without ever quoting a value."""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk.typing import (
    DEFAULT_JSONSCHEMA_VALIDATOR,
    extend_validator_with_defaults,
)

from .moments import to_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from jsonschema import ValidationError

TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}
TOKEN = re.compile(r"[\x21-\x7e]+")

Validator = extend_validator_with_defaults(DEFAULT_JSONSCHEMA_VALIDATOR)


def complaints(config: dict[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """List what is wrong; fills in the defaults, as the SDK's validation does."""
    for name in [name for name, value in config.items() if value is None]:
        del config[name]  # Meltano sends null for a setting that is not set.
    found = list(_misfits(config, schema))
    return found or [*_values(config), *_combinations(config)]


def unknown(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Say which settings nobody knows, with the one that was perhaps meant."""
    known = list(schema["properties"])
    lines = []
    for name in config.keys() - set(known):
        near = difflib.get_close_matches(name, known, n=1)
        meant = f" Is {near[0]} meant?" if near else ""
        lines.append(f"There is no setting {name}; it is not used.{meant}")
    return sorted(lines)


def doubts(config: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Say what can hardly be meant, of a configuration that is not wrong."""
    start = config.get("start_date")
    if start and to_moment(start) > now and not config["existing_users"]:
        yield (
            "start_date lies in the future and is not used: the starting point is the"
            " first run's time."
        )


def _misfits(config: dict[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    try:
        yield from map(_complaint, Validator(schema).iter_errors(config))
    except AttributeError:  # The SDK's own schema is none where this must be null.
        yield "stream_maps has an __else__ that is neither null nor __NULL__."


def _complaint(error: ValidationError) -> str:
    place = ".".join(str(step) for step in error.path)
    if error.validator == "required":
        demanded: Any = error.validator_value
        given: Any = error.instance
        missing = [name for name in demanded if name not in given]
        return "; ".join(_missing(name) for name in missing)
    return f"{place or 'The configuration'} {_demand(error)}."


def _missing(name: str) -> str:
    return f"{name} is missing: set it, for instance as TAP_LYTICS_{name.upper()}."


def _demand(error: ValidationError) -> str:
    demanded: Any = error.validator_value
    if error.validator == "type":
        names = [demanded] if isinstance(demanded, str) else demanded
        return "must be " + " or ".join(TYPES[n] for n in names if n in TYPES)
    if error.validator == "minimum":
        return f"must be at least {demanded}"
    if error.validator == "maximum":
        return f"must be at most {demanded}"
    return f"does not satisfy {error.validator}"


def _values(config: Mapping[str, Any]) -> Iterator[str]:
    if not config["api_token"]:
        yield _missing("api_token")
    elif not TOKEN.fullmatch(config["api_token"]):
        yield (
            "api_token has characters that no token has (a blank, a line end,"
            " a letter beyond ASCII): copy it again from Lytics."
        )
    if not _is_safe(config["api_url"]):
        yield (
            "api_url must be an https address without user, query or fragment"
            " (http only on a loopback address), as the token is sent there."
        )
    if not config["user_agent"].isascii() or not config["user_agent"].isprintable():
        yield "user_agent must be printable ASCII."
    yield from _starts(config)


def _starts(config: Mapping[str, Any]) -> Iterator[str]:
    try:
        to_moment(config.get("start_date") or "1970-01-01")
    except ValueError:
        yield "start_date must be a date or time such as 2026-01-31T08:00:00Z."
    for name in ("audiences", "require_fields"):
        if not all(config[name]):
            yield f"{name} has an empty entry."


def _combinations(config: Mapping[str, Any]) -> Iterator[str]:
    ledger = bool(config.get("ledger_path"))
    if config["emit_exits"] and ledger and not config["require_fields"]:
        yield (
            "emit_exits with ledger_path needs require_fields: what a record of an"
            " exit tells is the values of these fields, such as the customer id."
        )
    if config["emit_exits"] and not ledger and not config["existing_users"]:
        yield (
            "emit_exits needs ledger_path, or existing_users true: who left is found"
            " by whole scans, and there are none without either."
        )
    if config["emit_exits"] and not ledger and not config["full_scan_interval_hours"]:
        yield (
            "emit_exits without ledger_path needs full_scan_interval_hours above 0: who"
            " left is told by whole scans alone, and there would be no second one."
        )
    if not config["emit_changes"] and not ledger:
        yield (
            "emit_changes false needs ledger_path: without a ledger nobody knows"
            " who entered and who only changed."
        )


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    extras = parts.query or parts.fragment or parts.username or parts.password
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not host or extras or not is_plain:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
