"""What is given in files and in the environment, told by name and never quoted."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.configuration import PREFIX, from_environment, from_files
from target_bigcommerce.declared import DECLARED
from target_bigcommerce.errors import SettingsError
from target_bigcommerce.target import TargetBigCommerce

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = {"STORE_HASH": "abc123", "ACCESS_TOKEN": "t0ken", "ID_FIELD": "id"}


def environment(**variables: str) -> dict[str, str]:
    return {PREFIX + name: text for name, text in variables.items()}


def read(**variables: str) -> dict[str, Any]:
    return from_environment(environment(**variables), DECLARED)


def refused(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(**variables)
    return list(caught.value.args)


# The environment.


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("store_hash", "abc123", "abc123"),
        ("job_id", "17", "17"),
        ("batch_size_rows", " 50 ", 50),
        ("max_clear_percent", "-1", -1),
        ("dry_run", "True", True),
        ("dry_run", "on", True),
        ("dry_run", "1", True),
        ("dry_run", "FALSE", False),
        ("dry_run", "no", False),
        ("dry_run", "0", False),
        ("map_standard_fields", "[]", []),
        (
            "map_standard_fields",
            '[{"value": 1.5, "to": "x"}]',
            [{"value": Decimal("1.5"), "to": "x"}],
        ),
    ],
)
def test_a_variable_is_read_as_its_settings_type(
    name: str, text: str, value: object
) -> None:
    assert read(**{name.upper(): text}) == {name: value}


@pytest.mark.parametrize(
    ("name", "text", "demand"),
    [
        ("BATCH_SIZE_ROWS", "abc", "a whole number"),
        ("BATCH_SIZE_ROWS", "1.5", "a whole number"),
        ("BATCH_SIZE_ROWS", "1_0", "a whole number"),
        ("BATCH_SIZE_ROWS", "+10", "a whole number"),
        ("BATCH_SIZE_ROWS", "\u0661\u0660", "a whole number"),
        ("BATCH_SIZE_ROWS", "1" * 5000, "a whole number"),
        ("DRY_RUN", "maybe", "true or false"),
        ("DRY_RUN", "tru", "true or false"),
        ("MAP_STANDARD_FIELDS", '[{"from":', "a list as JSON"),
        ("MAP_STANDARD_FIELDS", "email", "a list as JSON"),
        ("MAP_STANDARD_FIELDS", "[" * 100_000, "a list as JSON"),
    ],
    ids=lambda text: text[:20],
)
def test_a_variable_that_cannot_be_read_is_named_with_what_it_takes(
    name: str, text: str, demand: str
) -> None:
    assert refused(**{name: text}) == [f"{PREFIX}{name} must be {demand}."]


def test_each_variable_that_cannot_be_read_has_its_line() -> None:
    lines = refused(LIMIT="ten", DRY_RUN="perhaps", MAX_IN_FLIGHT="3")

    assert [line.split()[0] for line in lines] == [
        "TARGET_BIGCOMMERCE_DRY_RUN",
        "TARGET_BIGCOMMERCE_LIMIT",
    ]


@pytest.mark.parametrize("text", ["", " ", "\n"], ids=repr)
def test_an_empty_variable_is_one_that_is_not_set(text: str) -> None:
    given_blank = {name.upper(): text for name in DECLARED["properties"]}

    assert read(**given_blank) == {}


@given(st.integers())
def test_every_whole_number_is_read_as_it_is(number: int) -> None:
    assert read(LIMIT=str(number)) == {"limit": number}


def test_the_target_takes_its_variables_and_those_of_the_sdk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more = {"DRY_RUN": "yes", "FLATTENING_MAX_DEPTH": "2", "STREAM_MAPS": '{"a": {}}'}
    for name, text in environment(**NEEDED, **more).items():
        monkeypatch.setenv(name, text)

    target = TargetBigCommerce(parse_env_config=True)

    assert target.settings.dry_run
    assert target.config["flattening_max_depth"] == 2
    assert target.config["stream_maps"] == {"a": {}}
    target.shutdown.close()


# Files.


def test_a_later_file_wins_setting_by_setting(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text('{"limit": 1, "job_id": "a"}')
    second.write_text('\ufeff{"limit": 2}', encoding="utf-8")

    found = from_files([str(first), str(second)])

    assert found == {"limit": 2, "job_id": "a"}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere.json")

    with pytest.raises(SettingsError) as caught:
        from_files([path])

    [line] = caught.value.args
    assert path in line
    assert "No such file" in line


@pytest.mark.parametrize(
    "text", ['["t0ken"]', '{"access_token": "t0ken"', "t0ken", "", "[" * 100_000]
)
def test_a_file_that_holds_no_settings_is_named_and_not_quoted(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)

    with pytest.raises(SettingsError) as caught:
        from_files([str(path)])

    assert caught.value.args == (
        f"The configuration file {path} is not a JSON object of settings.",
    )


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"limit": 2}).replace("2", "2.0"))

    assert from_files([str(path)]) == {"limit": Decimal("2.0")}
