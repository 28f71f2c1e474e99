"""Reads and checks the configuration from files and the environment, strictly.

The configuration contains tokens, so messages name a setting and its requirement, never
its value.
"""

from __future__ import annotations

import difflib
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk import typing as th
from singer_sdk.typing import (
    DEFAULT_JSONSCHEMA_VALIDATOR,
    extend_validator_with_defaults,
)

from .connections import is_loopback
from .errors import ConfigError
from .text import decode_text, decode_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jsonschema import ValidationError

TYPE_NAMES = {
    "string": "a string",
    "integer": "an integer",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
}
TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})
SCHEMES = ("http", "https")  # http is safe for loopback addresses only.
TOKEN = re.compile(r"[\x21-\x7e]+")

Validator = extend_validator_with_defaults(DEFAULT_JSONSCHEMA_VALIDATOR)


# Reading.


def read_config_files(paths: Iterable[str]) -> dict[str, Any]:
    """Read configuration files; a later file overrides an earlier one.

    Raises:
        ConfigError: naming the file that cannot be read.
    """
    config: dict[str, Any] = {}
    for path in paths:
        config |= _read_config_file(path)
    return config


def read_environment(
    environment: Mapping[str, str], schema: Mapping[str, Any], prefix: str
) -> dict[str, Any]:
    """Read settings from environment variables. An empty variable counts as not set.

    Args:
        environment: the environment variables of the process.
        schema: the declared settings as a JSON Schema object.
        prefix: the prefix of the variable names, such as `TAP_LYTICS_`.

    Raises:
        ConfigError: with a line for each variable that holds the wrong type.
    """
    config: dict[str, Any] = {}
    errors: list[str] = []
    for name, declared in schema["properties"].items():
        variable = prefix + name.upper()
        text = decode_variable(environment.get(variable, ""))
        if not text.strip():
            continue
        kind = _type_of(declared)
        try:
            config[name] = _PARSERS[kind](text)
        except (ValueError, RecursionError):
            form = " in JSON" if _PARSERS[kind] is _parse_json else ""
            errors.append(f"{variable} must be {TYPE_NAMES[kind]}{form}.")
    if errors:
        raise ConfigError(*errors)
    return config


def _read_config_file(path: str) -> dict[str, Any]:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"Configuration file {path} cannot be read: {error.strerror}."
        ) from None
    text = decode_text(content, f"Configuration file {path}")
    try:
        found = _parse_json(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ConfigError(
            f"Configuration file {path} does not hold a JSON object of settings."
        )
    return found


def _parse_json(text: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(text, parse_float=Decimal)


def _type_of(declared: Mapping[str, Any]) -> str:
    types = declared.get("type", "object")
    return types if isinstance(types, str) else next(t for t in types if t != "null")


def _parse_integer(text: str) -> int:
    # int() alone also accepts "1_000" and the digits of other scripts.
    digits = text.strip()
    if not digits.isascii() or not digits.removeprefix("-").isdigit():
        raise ValueError
    return int(digits)


def _parse_boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError
    return word in TRUE


_PARSERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": _parse_integer,
    "boolean": _parse_boolean,
    "array": _parse_json,
    "object": _parse_json,
}


# Checking.


def config_errors(
    config: dict[str, Any],
    schema: Mapping[str, Any],
    *,
    env_prefix: str,
    skip: Iterable[str] = (),
) -> list[str]:
    """List where a configuration does not satisfy its schema, a line for each error.

    Args:
        config: the configuration. Nulls are removed (Meltano sends null for a setting
            that is not set) and defaults are filled in.
        schema: the declared settings as a JSON Schema object.
        env_prefix: names the variable that could hold a missing setting.
        skip: settings whose content the caller checks itself, with clearer messages.
    """
    for name in [name for name, value in config.items() if value is None]:
        del config[name]
    skipped = frozenset(skip)
    lines: list[str] = []
    try:
        for error in Validator(schema).iter_errors(config):
            if not error.path or error.path[0] not in skipped:
                lines += _describe(error, env_prefix)
    except AttributeError:
        # The SDK's schema of stream_maps fails on an __else__ that must be null.
        lines.append("stream_maps has an __else__ that is neither null nor __NULL__.")
    # The validator reports a "required" error for each missing name, naming them all.
    return [*dict.fromkeys(lines)]


def unknown_settings(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """List unknown settings, each with the closest known name if there is one."""
    known = list(schema["properties"])
    lines = []
    for name in config.keys() - set(known):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        lines.append(f"Unknown setting {name} is ignored.{hint}")
    return sorted(lines)


def missing_setting(name: str, env_prefix: str) -> str:
    """Return the message for a required setting that is missing."""
    return f"{name} is missing. Set it, for example as {env_prefix}{name.upper()}."


def token_errors(name: str, token: str, vendor: str, env_prefix: str) -> Iterator[str]:
    """Check that a token is set and can be sent in an HTTP header."""
    if not token:
        yield missing_setting(name, env_prefix)
    elif re.match(r"\s*bearer\s", token, re.IGNORECASE):
        yield f"{name} must be the token alone. Remove the word Bearer before it."
    elif not TOKEN.fullmatch(token):
        yield (
            f"{name} contains a blank, a line break or a non-ASCII character, which no"
            f" token contains. Copy it again from {vendor}."
        )


def connection_errors(config: Mapping[str, Any]) -> Iterator[str]:
    """Check the values of the settings that `connection_settings` declares."""
    if not is_safe_url(config["api_url"]):
        yield (
            "api_url must be an https URL without user, query or fragment (http only"
            " for a loopback address), because the token is sent there."
            f"{_url_fix(config['api_url'])}"
        )
    if not config["user_agent"].isascii() or not config["user_agent"].isprintable():
        yield "user_agent must be printable ASCII."


def _url_fix(url: str) -> str:
    """Say which small correction makes a URL safe, if one does."""
    fixes = [(url.strip(), " Remove the blank around it.")]
    if "://" in url:
        fixes.append((url.replace("http:", "https:", 1), " Write https, not http."))
    else:
        fixes += [(f"{one}://{url}", f" Begin it with {one}://.") for one in SCHEMES]
    safe = (fix for fixed, fix in fixes if fixed != url and is_safe_url(fixed))
    return next(safe, "")


def is_safe_url(url: str) -> bool:
    """Whether a token may be sent to a URL: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    extras = parts.query or parts.fragment or parts.username or parts.password
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not host or extras or not is_plain:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def _describe(error: ValidationError, env_prefix: str) -> Iterator[str]:
    if error.validator == "required":
        required: Any = error.validator_value
        instance: Any = error.instance
        for name in required:
            if name not in instance:
                yield missing_setting(name, env_prefix)
        return
    path = ".".join(str(step) for step in error.path)
    yield f"{path or 'The configuration'} {_requirement(error)}."


def _requirement(error: ValidationError) -> str:
    expected: Any = error.validator_value
    if error.validator == "type":
        names = [expected] if isinstance(expected, str) else expected
        return "must be " + " or ".join(TYPE_NAMES[n] for n in names if n in TYPE_NAMES)
    if error.validator == "minimum":
        return f"must be at least {expected}"
    if error.validator == "maximum":
        return f"must be at most {expected}"
    if error.validator == "enum":
        choices = [str(choice) for choice in expected if choice is not None]
        return f"must be one of {', '.join(choices)}"
    return f"does not satisfy {error.validator}"


# Declaring and typing.


def connection_settings(
    *, api_url: str, api_url_description: str, user_agent: str
) -> list[th.Property[Any]]:
    """Declare the connection settings that both plugins have."""
    return [
        th.Property(
            "api_url",
            th.StringType,
            default=api_url,
            title="API URL",
            description=api_url_description,
        ),
        th.Property(
            "request_timeout_seconds",
            th.IntegerType(minimum=1, maximum=3600),
            default=60,
            title="Request timeout",
            description="Seconds that a whole response, headers and body, may take"
            " before the request is retried.",
        ),
        th.Property(
            "user_agent",
            th.StringType,
            default=user_agent,
            title="User agent",
            description="Value of the User-Agent header.",
        ),
    ]


def typed_values(
    config: Mapping[str, Any], declared: Mapping[str, Any]
) -> dict[str, Any]:
    """Convert every declared setting to its Python value.

    Args:
        config: a validated configuration with its defaults filled in.
        declared: the declared settings as a JSON Schema object.

    Returns:
        Integers as `int` (JSON Schema accepts 60.0), arrays as tuples, an empty
        optional string as None, `api_url` without a trailing slash.
    """
    values = {
        name: _typed(config.get(name), each)
        for name, each in declared["properties"].items()
    }
    if "api_url" in values:
        values["api_url"] = values["api_url"].rstrip("/")
    return values


def _typed(value: Any, declared: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any setting
    kind = _type_of(declared)
    if kind == "array":
        return tuple(value or ())
    if kind == "integer" and value is not None:
        return int(value)
    is_optional = kind == "string" and "default" not in declared
    return None if is_optional and value == "" else value
