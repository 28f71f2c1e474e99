"""Settings are declared once, validated and typed."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

import pytest

from support.target_settings import (
    PROPERTIES,
    Config,
    config,
    settings,
    validate,
)
from target_bigcommerce.settings import DECLARED, ENV_PREFIX, Settings
from target_bigcommerce.target import TargetBigCommerce

# Names that differ in the typed settings.
READ_AS = {"map_standard_fields": "standard", "map_custom_attributes": "attributes"}


# Declarations.


def test_every_setting_is_declared_and_read() -> None:
    declared = {READ_AS.get(name, name) for name in PROPERTIES}

    assert {field.name for field in fields(Settings)} == declared


@pytest.mark.parametrize("name", PROPERTIES)
def test_setting_has_title_description_and_type(name: str) -> None:
    assert PROPERTIES[name]["title"]
    assert PROPERTIES[name]["description"].endswith(".")
    assert PROPERTIES[name]["type"]


def test_only_the_token_is_secret() -> None:
    secret = [name for name, each in PROPERTIES.items() if each.get("secret")]

    assert secret == ["access_token"]


def test_setting_without_default_is_required_or_optional() -> None:
    without = {name for name, each in PROPERTIES.items() if "default" not in each}

    optional = {"audience_attribute", "job_id", "changes_path", "limit", "summary_path"}
    assert without == {*DECLARED["required"], *optional}


# Values.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size_rows", 100),
        ("batch_wait_limit_seconds", 60),
        ("on_missing_id", "skip"),
        ("on_exit", "keep"),
        ("max_clear_percent", 20),
        ("on_null", "keep"),
        ("max_in_flight", 3),
        ("quota_share_percent", 90),
        ("rejects_path", "rejects.jsonl"),
        ("max_rejects", 1000),
        ("history", True),
        ("history_path", "bigcommerce-history.sqlite"),
        ("history_days", 90),
        ("dry_run", False),
        ("limit", None),
        ("changes_path", None),
        ("summary_path", None),
        ("audience_attribute", None),
        ("job_id", None),
        ("attributes", ()),
        ("api_url", "https://api.bigcommerce.com"),
    ],
)
def test_setting_has_its_default(name: str, value: object) -> None:
    assert getattr(settings(), name) == value


def test_default_mapping_writes_the_email() -> None:
    [entry] = settings().standard

    assert (entry.source, entry.to) == ("email", "email")


def test_mapping_replaces_the_default() -> None:
    assert settings(map_standard_fields=[]).standard == ()


@pytest.mark.parametrize(
    ("given_config", "attribute"),
    [
        ({}, "LyticsAudience_vip"),
        ({"job_id": "17"}, "LyticsAudience_17"),
        ({"audience_attribute": "VIP"}, "VIP"),
        ({"audience_attribute": "VIP", "job_id": "17"}, "VIP"),
        ({"audience_attribute": "", "job_id": ""}, "LyticsAudience_vip"),
    ],
    ids=str,
)
def test_name_of_the_audience_attribute(given_config: Config, attribute: str) -> None:
    assert settings(**given_config).audience_attribute_of("vip") == attribute


def test_look_up_includes_what_is_compared() -> None:
    names = ["company", "form_fields", "store_credit_amounts"]
    mapped = [{"from": "x", "to": name} for name in names]

    includes = settings(map_standard_fields=mapped).includes

    assert includes == ("formfields", "storecredit")


# Errors.


def errors_of(**more: object) -> list[str]:
    return validate(config(**more))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("batch_size_rows", "many", "an integer"),
        ("batch_size_rows", 0, "at least 1"),
        ("batch_size_rows", 10_001, "at most 10000"),
        ("batch_size_rows", Decimal("1.5"), "an integer"),
        ("batch_wait_limit_seconds", 0, "at least 1"),
        ("max_in_flight", 4, "at most 3"),
        ("quota_share_percent", 101, "at most 100"),
        ("max_clear_percent", -1, "at least 0"),
        ("limit", 0, "at least 1"),
        ("dry_run", "yes", "true or false"),
        ("on_missing_id", "guess", "one of skip, match, create"),
        ("on_exit", "delete", "one of keep, clear"),
        ("on_null", "delete", "one of keep, clear"),
        ("map_standard_fields", {"email": "email"}, "must be an array"),
        ("store_hash", "store-abc123", "without the prefix store-"),
        ("store_hash", "https://store-abc123.mybigcommerce.com", "the hash alone"),
        ("store_hash", "abc123\n", "the hash alone"),
        ("store_hash", "abc/../def", "the hash alone"),
        ("store_hash", "", "is missing"),
        ("id_field", "", "is missing"),
        ("id_field", "  ", "is missing"),
        ("rejects_path", " ", "must name a file"),
        ("history_path", " ", "must name a file"),
        ("history_path", "rejects.jsonl", "rejects_path name the same file"),
        ("history_path", "./rejects.jsonl", "rejects_path name the same file"),
        ("history_days", 0, "at least 1"),
        ("audience_attribute", "x" * 256, "more than 255 characters"),
        ("job_id", "x" * 241, "would have more than 255 characters"),
    ],
)
def test_invalid_setting_is_named_with_what_it_takes(
    name: str, value: object, expected: str
) -> None:
    [line] = errors_of(**{name: value})

    assert line.startswith(name)
    assert expected in line


def test_long_job_id_is_accepted_if_unused() -> None:
    assert errors_of(job_id="x" * 241, audience_attribute="VIP") == []
    assert errors_of(job_id="x" * 240) == []


def test_on_exit_clear_needs_the_history() -> None:
    [line] = errors_of(history=False, on_exit="clear")

    assert line.startswith("on_exit clear needs the history")
    assert errors_of(history=False) == []


@pytest.mark.parametrize("name", ["changes_path", "summary_path"])
def test_history_has_a_file_of_its_own(name: str) -> None:
    [line] = errors_of(history_path="a/file", **{name: "a/./file"})

    assert line.startswith(f"history_path and {name} name the same file")


def test_audience_attribute_cannot_be_mapped() -> None:
    mapped = [{"from": "tier", "to": "Tier"}]

    [line] = errors_of(audience_attribute="Tier", map_custom_attributes=mapped)

    assert line.startswith("audience_attribute is also mapped")


@pytest.mark.parametrize(
    ("choice", "missing"),
    [("match", "email"), ("create", "email, first_name, last_name")],
)
def test_missing_ids_need_mapped_fields(choice: str, missing: str) -> None:
    [line] = errors_of(on_missing_id=choice, map_standard_fields=[])

    assert line == (
        f"on_missing_id {choice} needs entries in map_standard_fields for {missing}."
    )


def test_every_invalid_setting_has_a_line() -> None:
    lines = errors_of(batch_size_rows="x", on_exit="x", map_standard_fields={})

    names = ["batch_size_rows", "map_standard_fields", "on_exit"]
    assert [line.split()[0] for line in sorted(lines)] == names


# Environment.

VARIABLES = {
    "STORE_HASH": "abc123",
    "ACCESS_TOKEN": "t0ken",
    "ID_FIELD": "id",
    "DRY_RUN": "yes",
    "FLATTENING_MAX_DEPTH": "2",
    "STREAM_MAPS": '{"a": {}}',
}


def test_variables_of_the_target_and_the_sdk_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, text in VARIABLES.items():
        monkeypatch.setenv(ENV_PREFIX + name, text)

    target = TargetBigCommerce(parse_env_config=True)

    assert target.settings.dry_run
    assert target.config["flattening_max_depth"] == 2
    assert target.config["stream_maps"] == {"a": {}}
    target.shutdown.close()
