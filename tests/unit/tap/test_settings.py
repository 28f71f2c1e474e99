"""Settings: defaults, validation, and settings that need each other."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from singer_kit.config import config_errors
from tap_lytics.settings import (
    DECLARED,
    Settings,
    settings_errors,
    settings_warnings,
)

GOOD = {"api_token": "a-token"}
PREFIX = "TAP_LYTICS_"


def errors_in(config: dict[str, Any]) -> list[str]:
    errors = config_errors(config, deepcopy(DECLARED), env_prefix=PREFIX)
    return errors or list(settings_errors(config, PREFIX))


def errors_of(**config: Any) -> list[str]:  # noqa: ANN401 - settings
    return errors_in({**GOOD, **config})


def settings_of(**config: Any) -> Settings:  # noqa: ANN401 - settings
    config = {**GOOD, **config}
    assert errors_in(config) == []
    return Settings.from_config(config)


def test_token_is_the_only_required_setting() -> None:
    settings = settings_of()

    assert settings.overlap == timedelta(minutes=30)
    assert settings.full_sync_interval == timedelta(hours=24)
    assert not settings.existing_users
    assert settings.page_size == 100


def test_null_setting_is_unset() -> None:
    assert settings_of(ledger_path=None, start_date=None).ledger_path is None


def test_start_date_is_utc_midnight() -> None:
    settings = settings_of(start_date="2026-01-31")

    assert settings.start_date == datetime(2026, 1, 31, tzinfo=UTC)


def test_audiences_are_deduplicated_in_order() -> None:
    assert settings_of(audiences=["b", "a", "b"]).audiences == ("b", "a")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"audiences": "vip"}, "audiences must be an array"),
        ({"audiences": [1]}, "audiences.0 must be a string"),
        ({"audiences": [""]}, "audiences has an empty entry"),
        ({"page_size": "100"}, "page_size must be an integer"),
        ({"page_size": 101}, "page_size must be at most 100"),
        ({"page_size": 0}, "page_size must be at least 1"),
        ({"existing_users": "yes"}, "existing_users must be true or false"),
        ({"start_date": "soon"}, "start_date must be a date"),
        ({"emit_exits": True}, "emit_exits needs ledger_path"),
        ({"emit_exits": True, "ledger_path": "l"}, "needs require_fields"),
        (
            {"emit_exits": True, "existing_users": True, "full_scan_interval_hours": 0},
            "needs full_scan_interval_hours above 0",
        ),
        ({"emit_changes": False}, "emit_changes false needs ledger_path"),
    ],
)
def test_invalid_setting_has_one_line_error(
    config: dict[str, Any], expected: str
) -> None:
    found = errors_of(**config)

    assert len(found) == 1
    assert expected in found[0]
    assert "\n" not in found[0]


@pytest.mark.parametrize(
    "config",
    [
        {"emit_exits": True, "existing_users": True},
        {"emit_exits": True, "ledger_path": "l", "require_fields": ["id"]},
        {
            "emit_exits": True,
            "ledger_path": "l",
            "require_fields": ["id"],
            "full_scan_interval_hours": 0,
        },
        {"emit_changes": False, "ledger_path": "l"},
    ],
)
def test_valid_combination_is_accepted(config: dict[str, Any]) -> None:
    assert errors_of(**config) == []


NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"start_date": "2026-01-31T08:00:01Z"}, 1),
        ({"start_date": "2026-01-31T08:00:00Z"}, 0),
        ({"start_date": "2026-01-31T09:00:00+02:00"}, 0),
        ({"start_date": "2026-02-01", "existing_users": True}, 0),
        ({"start_date": None}, 0),
        ({}, 0),
    ],
)
def test_future_start_date_is_warned_about(
    config: dict[str, Any], expected: int
) -> None:
    config = {**GOOD, **config}
    assert errors_in(config) == []

    lines = list(settings_warnings(config, NOW))

    assert len(lines) == expected
    assert all("start_date" in line for line in lines)


def test_every_setting_has_title_and_description() -> None:
    for name, setting in DECLARED["properties"].items():
        assert setting["title"], name
        assert setting["description"].endswith("."), name


def test_only_token_is_secret() -> None:
    secret = {n for n, s in DECLARED["properties"].items() if s.get("secret")}

    assert secret == {"api_token"}


@pytest.mark.parametrize(
    ("start", "read_as"),
    [
        ("2026-01-20T08:00:00", "2026-01-20T08:00:00Z"),  # As Meltano passes it on.
        ("2026-01-20 06:00:00", "2026-01-20T06:00:00Z"),
        ("2026-01-20T08:00", "2026-01-20T08:00:00Z"),
        ("2026-01-20T08:00:00.5", "2026-01-20T08:00:00.500000Z"),
    ],
)
def test_start_date_without_zone_is_warned_about(start: str, read_as: str) -> None:
    config = {"start_date": start, "existing_users": False}

    [line] = settings_warnings(config, NOW)

    assert f"start_date has no time zone and is read as {read_as}" in line


@pytest.mark.parametrize(
    "start",
    [
        *("2026-01-20T08:00:00Z", "2026-01-20T08:00:00+02:00", "2026-01-20"),
        *(
            "2026-01-20 08:00:00 +0200",
            "2026-01-20T08:00-05:00",
            "2026-01-20t08:00:00z",
        ),
    ],
)
def test_start_date_with_zone_is_not_warned_about(start: str) -> None:
    assert not list(
        settings_warnings({"start_date": start, "existing_users": False}, NOW)
    )


def test_start_date_that_is_not_used_is_not_warned_about() -> None:
    config = {"start_date": "2026-01-20T08:00:00", "existing_users": True}

    assert not list(settings_warnings(config, NOW))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "https://api.lytics.io/v2",
            ["without the path /v2", "https://api.lytics.io."],
        ),
        ("https://api.lytics.io/api/", ["without the path /api/"]),
        ("https://api.lytics.io/api/segment", ["without the path /api/segment"]),
        ("https://app.lytics.com", ["Lytics' pages", "Use https://api.lytics.io."]),
    ],
)
def test_wrong_api_url_names_the_right_one(url: str, words: list[str]) -> None:
    [line] = errors_of(api_url=url)

    assert [word for word in words if word not in line] == []


def test_api_url_with_a_path_is_a_warning() -> None:
    config = {"api_token": "t", "api_url": "https://proxy.example.com/lytics"}
    assert not errors_in(config)

    [line] = settings_warnings(config, NOW)

    assert "path /lytics" in line
