"""Both plugins refuse a bad configuration with the same messages."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import ConfigError
from tap_lytics import settings as tap_settings
from tap_lytics.tap import TapLytics
from target_bigcommerce import settings as target_settings
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from pathlib import Path

    from singer_kit.plugin import SingerPlugin

SECRET = "s3cr3t m4rk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A plugin, its typed settings, a minimal configuration, and the token's name."""

    kind: type[SingerPlugin]
    settings: type[tap_settings.Settings | target_settings.Settings]
    minimal: dict[str, Any]
    token: str

    def errors(self, **config: Any) -> list[str]:  # noqa: ANN401 - settings
        """Validate the minimal configuration with changes."""
        return self.kind.validate({**self.minimal, **config})


TAP = Plugin(
    kind=TapLytics,
    settings=tap_settings.Settings,
    minimal={"api_token": "t"},
    token="api_token",
)
TARGET = Plugin(
    kind=TargetBigCommerce,
    settings=target_settings.Settings,
    minimal={"store_hash": "abc123", "access_token": "t", "id_field": "id"},
    token="access_token",
)

both = pytest.mark.parametrize("plugin", [TAP, TARGET], ids=["tap", "target"])
HTTPS = "api_url must be an https URL"
TOKEN = "contains a blank, a line break or a non-ASCII character"
TIMEOUT = "request_timeout_seconds must be"

TABLE: list[tuple[str, object, str]] = [
    ("api_url", "http://api.example.com", HTTPS),
    ("api_url", "", HTTPS),
    ("api_url", 5, "api_url must be a string."),
    ("request_timeout_seconds", 0, f"{TIMEOUT} at least 1."),
    ("request_timeout_seconds", 3601, f"{TIMEOUT} at most 3600."),
    ("request_timeout_seconds", "60", f"{TIMEOUT} an integer."),
    ("request_timeout_seconds", 1.5, f"{TIMEOUT} an integer."),
    ("user_agent", "two\nlines", "user_agent must be printable ASCII."),
    ("user_agent", True, "user_agent must be a string."),
    ("TOKEN", "", "TOKEN is missing."),
    ("TOKEN", None, "TOKEN is missing."),
    ("TOKEN", "a b", f"TOKEN {TOKEN}"),
    ("TOKEN", "Bearer abc", "TOKEN must be the token alone. Remove the word Bearer"),
    ("TOKEN", "bearer  abc", "TOKEN must be the token alone. Remove the word Bearer"),
    ("TOKEN", 12345678, "TOKEN must be a string."),
    ("stream_maps", "vip", "stream_maps must be an object."),
    ("stream_maps", {"__else__": "x"}, "stream_maps has an __else__"),
    ("flattening_max_depth", "2", "flattening_max_depth must be an integer."),
]


@pytest.mark.guarantee("token-stays-on-host")
@both
@pytest.mark.parametrize(("name", "value", "start"), TABLE)
def test_bad_setting_is_refused(
    plugin: Plugin, name: str, value: object, start: str
) -> None:
    [line] = plugin.errors(**{name.replace("TOKEN", plugin.token): value})

    assert line.startswith(start.replace("TOKEN", plugin.token))
    assert "\n" not in line


@both
@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("api.example.com", "Begin it with https://."),
        ("127.0.0.1:8765", "Begin it with http://."),
        ("localhost", "Begin it with http://."),
        ("http://api.example.com", "Write https, not http."),
        (" https://api.example.com", "Remove the blank around it."),
        ("https://user:pw@api.example.com", "because the token is sent there."),
        ("http://http://x y", "because the token is sent there."),
    ],
)
def test_unsafe_url_names_its_fix(plugin: Plugin, url: str, fix: str) -> None:
    [line] = plugin.errors(api_url=url)

    assert line.endswith(fix)


@both
def test_every_missing_setting_has_a_line(plugin: Plugin) -> None:
    prefix = plugin.kind.env_prefix()

    assert plugin.kind.validate({}) == [
        f"{name} is missing. Set it, for example as {prefix}{name.upper()}."
        for name in plugin.minimal
    ]


@both
def test_minimal_configuration_is_accepted(plugin: Plugin) -> None:
    assert plugin.errors() == []
    assert plugin.errors(api_url="http://127.0.0.1:8080") == []


@both
@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("REQUEST_TIMEOUT_SECONDS", "ten", "an integer."),
        ("STREAM_MAPS", "{", "an object in JSON."),
    ],
)
def test_bad_variable_is_refused(
    plugin: Plugin,
    variable: str,
    text: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = plugin.kind.env_prefix() + variable
    monkeypatch.setenv(name, text)

    with pytest.raises(ConfigError) as caught:
        plugin.kind(config=plugin.minimal, parse_env_config=True)

    assert caught.value.args == (f"{name} must be {expected}",)


@both
def test_bad_file_is_refused(plugin: Plugin, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("[]", encoding="utf-8")
    command = plugin.kind.get_singer_command()

    with pytest.raises(ConfigError, match="does not hold a JSON object of settings"):
        command.make_context("x", ["--config", str(path)])


VALUES = st.recursive(
    st.just(SECRET) | st.booleans() | st.integers() | st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.just("from"), inner, max_size=1)
    ),
    max_leaves=4,
)


@pytest.mark.guarantee("no-token-leaks")
@both
@given(data=st.data())
def test_any_configuration_is_typed_or_refused_unquoted(
    plugin: Plugin, data: st.DataObject
) -> None:
    names = st.sampled_from(sorted(plugin.kind.settings_schema()["properties"]))
    changed = data.draw(st.dictionaries(names, VALUES, min_size=1))
    config = {**plugin.minimal, **deepcopy(changed)}

    lines = plugin.kind.validate(config)

    assert not any(SECRET in line or "\n" in line for line in lines)
    if not lines:
        plugin.settings.from_config(config)
