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

from .constants import constant_complaints
from .records.entries import attribute_complaints, standard_complaints
from .records.fields import (
    AUDIENCE_PREFIX,
    LONGEST_ATTRIBUTE_NAME,
    NEEDED_TO_CREATE,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema import ValidationError

TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}
TOKEN = re.compile(r"[\x21-\x7e]+")
STORE_HASH = re.compile(r"[A-Za-z0-9]+")
MAPPINGS = {
    "map_standard_fields": standard_complaints,
    "map_custom_attributes": attribute_complaints,
}

Validator = extend_validator_with_defaults(DEFAULT_JSONSCHEMA_VALIDATOR)


def complaints(config: dict[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """List what is wrong; fills in the defaults, as the SDK's validation does."""
    for name in [name for name, value in config.items() if value is None]:
        del config[name]  # Meltano sends null for a setting that is not set.
    lines = [line for error in _errors(config, schema) for line in _complaint(error)]
    found = [*dict.fromkeys(lines)]  # One error for each of them names all missing.
    for name, look in MAPPINGS.items():
        found += look(config[name])
    return found or [*_values(config)]


def unknown(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Say which settings nobody knows, with the one that was perhaps meant."""
    known = list(schema["properties"])
    lines = []
    for name in config.keys() - set(known):
        near = difflib.get_close_matches(name, known, n=1)
        meant = f" Is {near[0]} meant?" if near else ""
        lines.append(f"There is no setting {name}; it is not used.{meant}")
    return sorted(lines)


def _errors(
    config: dict[str, Any], schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    # The mappings have their own, plainer complaints.
    for error in Validator(schema).iter_errors(config):
        if not error.path or error.path[0] not in MAPPINGS:
            yield error


def _complaint(error: ValidationError) -> Iterator[str]:
    demanded: Any = error.validator_value
    instance: Any = error.instance
    if error.validator == "required":
        for name in demanded:
            if name not in instance:
                yield _missing(name)
        return
    place = ".".join(str(step) for step in error.path)
    yield f"{place or 'The configuration'} {_demand(error)}."


def _missing(name: str) -> str:
    variable = f"TARGET_BIGCOMMERCE_{name.upper()}"
    return f"{name} is missing: set it, for instance as {variable}."


def _demand(error: ValidationError) -> str:
    demanded: Any = error.validator_value
    if error.validator == "type":
        names = [demanded] if isinstance(demanded, str) else demanded
        return "must be " + " or ".join(TYPES[n] for n in names if n in TYPES)
    if error.validator == "minimum":
        return f"must be at least {demanded}"
    if error.validator == "maximum":
        return f"must be at most {demanded}"
    if error.validator == "enum":
        choices = [str(choice) for choice in demanded if choice is not None]
        return f"must be one of {', '.join(choices)}"
    return f"does not satisfy {error.validator}"


def _values(config: Mapping[str, Any]) -> Iterator[str]:
    yield from _token(config["access_token"])
    yield from _store_hash(config["store_hash"])
    if not config["id_field"].strip():
        yield _missing("id_field")
    if not config["rejects_path"].strip():
        yield "rejects_path must name a file."
    if not _is_safe(config["api_url"]):
        yield (
            "api_url must be an https address without user, query or fragment"
            " (http only on a loopback address), as the token is sent there."
        )
    if not config["user_agent"].isascii() or not config["user_agent"].isprintable():
        yield "user_agent must be printable ASCII."
    yield from _audience(config)
    yield from _missing_ids(config)
    yield from constant_complaints(config)


def _token(token: str) -> Iterator[str]:
    if not token:
        yield _missing("access_token")
    elif not TOKEN.fullmatch(token):
        yield (
            "access_token has characters that no token has (a blank, a line end, a"
            " letter beyond ASCII): copy it again from BigCommerce."
        )


def _store_hash(text: str) -> Iterator[str]:
    if not text:
        yield _missing("store_hash")
    elif not STORE_HASH.fullmatch(text):
        yield (
            "store_hash must be the bare hash, such as abc123: without an address and"
            " without store- before it. In the control panel's address"
            " https://store-abc123.mybigcommerce.com it stands after store-."
        )


def _audience(config: Mapping[str, Any]) -> Iterator[str]:
    name = config.get("audience_attribute") or ""
    if len(name) > LONGEST_ATTRIBUTE_NAME:
        yield "audience_attribute has more than 255 characters."
    job_id = config.get("job_id") or ""
    if not name and len(AUDIENCE_PREFIX + job_id) > LONGEST_ATTRIBUTE_NAME:
        yield (
            "job_id is too long: the audience attribute"
            f" {AUDIENCE_PREFIX}{{job_id}} would have more than 255 characters."
        )
    if name and any(e["to"] == name for e in config["map_custom_attributes"]):
        yield (
            "audience_attribute is also mapped in map_custom_attributes: two writers"
            " of one attribute. Name another."
        )


def _missing_ids(config: Mapping[str, Any]) -> Iterator[str]:
    choice = config["on_missing_id"]
    needed = {"skip": (), "match": ("email",), "create": NEEDED_TO_CREATE}[choice]
    mapped = {entry["to"] for entry in config["map_standard_fields"]}
    missing = [name for name in needed if name not in mapped]
    if missing:
        yield (
            f"on_missing_id {choice} needs entries of map_standard_fields onto"
            f" {', '.join(missing)}."
        )


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    extras = parts.query or parts.fragment or parts.username or parts.password
    if not host or extras or not url.isascii() or not url.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
