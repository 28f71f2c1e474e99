"""What is given in files and in the environment, told by name and never quoted."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.config import read_config_files, read_environment
from singer_kit.errors import ConfigError
from tap_lytics.settings import DECLARED
from tap_lytics.tap import TapLytics

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = TapLytics.env_prefix()
SCHEMA = deepcopy(DECLARED)
TapLytics.append_builtin_config(SCHEMA)


def read(**variables: str) -> dict[str, Any]:
    named = {PREFIX + name.upper(): text for name, text in variables.items()}
    return read_environment(named, DECLARED, PREFIX)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("api_token", "a-token", "a-token"),
        ("start_date", "2026", "2026"),
        ("page_size", " 50 ", 50),
        ("overlap_minutes", "-1", -1),
        ("existing_users", "True", True),
        ("existing_users", "on", True),
        ("existing_users", "FALSE", False),
        ("existing_users", "no", False),
        ("existing_users", "0", False),
        ("audiences", "[]", []),
        ("audiences", '["a,b", "c"]', ["a,b", "c"]),
    ],
)
def test_a_variable_is_read_as_its_settings_type(
    name: str, text: str, value: object
) -> None:
    assert read(**{name: text}) == {name: value}


@pytest.mark.parametrize(
    ("name", "text", "demand"),
    [
        ("page_size", "ten", "an integer"),
        ("page_size", "1.5", "an integer"),
        ("page_size", "1_0", "an integer"),
        ("page_size", "\u0661\u0660", "an integer"),
        ("page_size", "1" * 5000, "an integer"),
        ("existing_users", "maybe", "true or false"),
        ("audiences", "vip,others", "an array in JSON"),
        ("audiences", '["vip"', "an array in JSON"),
        ("require_fields", "[" * 100_000, "an array in JSON"),
    ],
    ids=lambda text: text[:20],
)
def test_a_variable_that_cannot_be_read_is_named_with_what_it_takes(
    name: str, text: str, demand: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        read(**{name: text})

    assert refusal.value.args == (f"{PREFIX}{name.upper()} must be {demand}.",)


def test_all_that_cannot_be_read_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as refusal:
        read(page_size="ten", existing_users="maybe", audiences="[]")

    assert len(refusal.value.args) == 2


@pytest.mark.parametrize("text", ["", " ", "\t"])
@pytest.mark.parametrize("name", DECLARED["properties"])
def test_an_empty_variable_is_one_that_is_not_set(name: str, text: str) -> None:
    assert read(**{name: text}) == {}


@given(text=st.text(min_size=1), name=st.sampled_from(sorted(SCHEMA["properties"])))
def test_whatever_a_variable_holds_is_read_or_told_without_it(
    text: str, name: str
) -> None:
    variable = PREFIX + name.upper()

    try:
        read_environment({variable: text}, SCHEMA, PREFIX)
    except ConfigError as refusal:
        [line] = refusal.args
        assert line.removeprefix(f"{variable} must be ") in {
            "an integer.",
            "true or false.",
            "an array in JSON.",
            "an object in JSON.",
        }


def test_of_two_files_the_later_one_wins(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text('{"page_size": 10, "user_agent": "a"}', encoding="utf-8")
    second.write_text('{"page_size": 20}', encoding="utf-8-sig")

    config = read_config_files([str(first), str(second)])

    assert config == {"page_size": 20, "user_agent": "a"}


@pytest.mark.parametrize("text", ["[]", "api_token: x", '"\udcff"', "5", ""])
def test_a_file_that_is_no_object_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "tap.json"
    path.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(ConfigError, match=f"file {path} does not hold a JSON object"):
        read_config_files([str(path)])


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.json"

    with pytest.raises(ConfigError, match=f"file {path} cannot be read: No such"):
        read_config_files([str(path)])
