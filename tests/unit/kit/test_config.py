"""Settings are read strictly, and no message quotes a value."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk import typing as th

from singer_kit.config import (
    config_errors,
    connection_errors,
    connection_settings,
    is_safe_url,
    read_config_files,
    read_environment,
    token_errors,
    typed_values,
    unknown_settings,
)
from singer_kit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "TAP_X_"
SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property("token", th.StringType, required=True),
    th.Property("label", th.StringType),
    th.Property("size", th.IntegerType(minimum=1, maximum=9), default=3),
    th.Property("limit", th.IntegerType),
    th.Property("fast", th.BooleanType, default=False),
    th.Property("mode", th.StringType, default="a", allowed_values=["a", "b"]),
    th.Property("names", th.ArrayType(th.StringType), default=[]),
    th.Property("more", th.ObjectType()),
    *connection_settings(
        api_url="https://api.example.com/",
        api_url_description="Base URL of the API.",
        user_agent="tap-x",
    ),
).to_dict()


def read(**variables: str) -> dict[str, Any]:
    given_variables = {PREFIX + name.upper(): text for name, text in variables.items()}
    return read_environment(given_variables, SCHEMA, PREFIX)


def errors_of(**config: Any) -> list[str]:  # noqa: ANN401 - settings
    return config_errors({"token": "t", **config}, SCHEMA, env_prefix=PREFIX)


# Environment.


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("token", "a-token", "a-token"),
        ("label", "17", "17"),
        ("size", " 50 ", 50),
        ("size", "-1", -1),
        ("fast", "True", True),
        ("fast", "on", True),
        ("fast", "1", True),
        ("fast", "FALSE", False),
        ("fast", "no", False),
        ("fast", "0", False),
        ("names", "[]", []),
        ("names", '["a,b", "c"]', ["a,b", "c"]),
        ("names", "[1.5]", [Decimal("1.5")]),
        ("more", '{"a": {}}', {"a": {}}),
    ],
)
def test_variable_is_read_as_its_type(name: str, text: str, value: object) -> None:
    assert read(**{name: text}) == {name: value}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("size", "ten", "an integer"),
        ("size", "1.5", "an integer"),
        ("size", "1_0", "an integer"),
        ("size", "+10", "an integer"),
        ("size", "\u0661\u0660", "an integer"),
        ("size", "1" * 5000, "an integer"),
        ("fast", "maybe", "true or false"),
        ("names", "vip,others", "an array in JSON"),
        ("names", '["vip"', "an array in JSON"),
        ("names", "[" * 100_000, "an array in JSON"),
        ("more", "{", "an object in JSON"),
    ],
    ids=lambda text: text[:20],
)
def test_unreadable_variable_is_named(name: str, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**{name: text})

    assert caught.value.args == (f"{PREFIX}{name.upper()} must be {expected}.",)


def test_every_unreadable_variable_has_a_line() -> None:
    with pytest.raises(ConfigError) as caught:
        read(size="ten", fast="maybe", names="[]")

    assert caught.value.errors == [
        "TAP_X_SIZE must be an integer.",
        "TAP_X_FAST must be true or false.",
    ]


@pytest.mark.parametrize("text", ["", " ", "\t", "\n"], ids=repr)
@pytest.mark.parametrize("name", SCHEMA["properties"])
def test_empty_variable_counts_as_not_set(name: str, text: str) -> None:
    assert read(**{name: text}) == {}


@given(st.integers())
def test_every_integer_is_read_exactly(number: int) -> None:
    assert read(limit=str(number)) == {"limit": number}


@given(text=st.text(min_size=1), name=st.sampled_from(sorted(SCHEMA["properties"])))
def test_any_variable_is_read_or_refused_unquoted(text: str, name: str) -> None:
    try:
        read(**{name: text})
    except ConfigError as error:
        [line] = error.args
        assert line.removeprefix(f"{PREFIX}{name.upper()} must be ") in {
            "an integer.",
            "true or false.",
            "an array in JSON.",
            "an object in JSON.",
        }


# Files.


def test_later_file_overrides_setting_by_setting(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text('{"size": 1, "label": "a"}', encoding="utf-8")
    second.write_text('{"size": 2.0}', encoding="utf-8-sig")

    config = read_config_files([str(first), str(second)])

    assert config == {"size": Decimal("2.0"), "label": "a"}


@pytest.mark.parametrize(
    "text", ['["t0ken"]', '{"token": "t0ken"', "t0ken", "5", "", "[" * 100_000]
)
def test_file_without_settings_is_named_unquoted(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        read_config_files([str(path)])

    assert caught.value.args == (
        f"Configuration file {path} does not hold a JSON object of settings.",
    )


def test_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b'"\xff"')

    with pytest.raises(ConfigError, match=r"is not UTF-8; save it as UTF-8"):
        read_config_files([str(path)])


def test_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing.json"

    with pytest.raises(ConfigError, match=f"{path} cannot be read: No such"):
        read_config_files([str(path)])


# Checks.


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"size": "many"}, "size must be an integer."),
        ({"size": Decimal("1.5")}, "size must be an integer."),
        ({"size": 0}, "size must be at least 1."),
        ({"size": 10}, "size must be at most 9."),
        ({"fast": "yes"}, "fast must be true or false."),
        ({"label": 1}, "label must be a string."),
        ({"mode": "c"}, "mode must be one of a, b."),
        ({"names": "a"}, "names must be an array."),
        ({"names": [1]}, "names.0 must be a string."),
        ({"more": []}, "more must be an object."),
    ],
)
def test_wrong_value_is_named_with_what_it_takes(
    config: dict[str, Any], line: str
) -> None:
    assert errors_of(**config) == [line]


@pytest.mark.parametrize("config", [{}, {"token": None}])
def test_missing_setting_is_named_with_its_variable(config: dict[str, Any]) -> None:
    assert config_errors(config, SCHEMA, env_prefix=PREFIX) == [
        "token is missing. Set it, for example as TAP_X_TOKEN."
    ]


def test_every_error_has_a_line() -> None:
    assert len(errors_of(size="x", fast="x", mode="x")) == 3


def test_skipped_setting_is_left_to_the_caller() -> None:
    config = {"token": "t", "names": "x"}

    assert config_errors(config, SCHEMA, env_prefix=PREFIX, skip=["names"]) == []


def test_nulls_are_removed_and_defaults_filled_in() -> None:
    config: dict[str, Any] = {"token": "t", "size": None, "label": None}

    assert config_errors(config, SCHEMA, env_prefix=PREFIX) == []
    assert config["size"] == 3
    assert "label" not in config


def test_unknown_setting_is_named_with_a_close_match() -> None:
    assert unknown_settings({"siz": 5, "zzz": 1}, SCHEMA) == [
        "Unknown setting siz is ignored. Did you mean size?",
        "Unknown setting zzz is ignored.",
    ]


@pytest.mark.parametrize("token", ["t0 ken", "t0ken\n", "t\u00f6ken"])
def test_token_that_fits_no_header_is_refused(token: str) -> None:
    [line] = token_errors("token", token, "Lytics", PREFIX)

    assert "Copy it again from Lytics" in line
    assert token not in line


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://proxy.example.com:8443/lytics/",
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:8080",
    ],
)
def test_url_is_https_or_loopback(url: str) -> None:
    assert is_safe_url(url)


@pytest.mark.guarantee("token-stays-on-host")
@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com",
        "//api.example.com",
        "http://api.example.com",
        "HTTP://api.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1:80@example.com",
        "http://example.com#@127.0.0.1",
        "http://example.com/127.0.0.1",
        "http://example.com\\@127.0.0.1",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "https://user:pass@api.example.com",
        "https://api.example.com?x=1",
        "https://api.example.com#x",
        "https://api example.com",
        "https://api.example.com/a b",
        " https://api.example.com",
        "https://api.example.com\n",
        "https://\u00e4.example.com",
        "https://[::1",
        "https://host:port",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://api.example.com/\n",
    ],
)
def test_unsafe_url_is_refused(url: str) -> None:
    assert not is_safe_url(url)
    assert len(list(connection_errors({"api_url": url, "user_agent": "x"}))) == 1


@pytest.mark.parametrize("text", ["two\nlines", "\u00e4"])
def test_user_agent_is_printable_ascii(text: str) -> None:
    config = {"api_url": "https://x.io", "user_agent": text}

    assert list(connection_errors(config)) == ["user_agent must be printable ASCII."]


# Typed values.


def test_values_are_typed_once() -> None:
    config: dict[str, Any] = {"token": "t", "size": 2.0, "label": "", "user_agent": ""}
    assert config_errors(config, SCHEMA, env_prefix=PREFIX) == []

    values = typed_values(config, SCHEMA)

    assert values == {
        "token": "t",
        "label": None,
        "size": 2,
        "limit": None,
        "fast": False,
        "mode": "a",
        "names": (),
        "more": None,
        "api_url": "https://api.example.com",
        "request_timeout_seconds": 60,
        "user_agent": "",
    }
    assert isinstance(values["size"], int)
