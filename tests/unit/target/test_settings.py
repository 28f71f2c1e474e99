"""Settings are declared once and read once."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from support.target_settings import NEEDED, PROPERTIES, settings
from target_bigcommerce.settings import DECLARED, Settings

if TYPE_CHECKING:
    from support.target_settings import Config

# What the typed settings call otherwise.
READ_AS = {"map_standard_fields": "standard", "map_custom_attributes": "attributes"}


# What is declared.


def test_every_setting_is_declared_and_read() -> None:
    declared = {READ_AS.get(name, name) for name in PROPERTIES}

    assert {field.name for field in fields(Settings)} == declared


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_setting_has_a_title_a_description_and_a_type(name: str) -> None:
    assert PROPERTIES[name]["title"]
    assert PROPERTIES[name]["description"].endswith(".")
    assert PROPERTIES[name]["type"]


def test_only_the_token_is_a_secret() -> None:
    secret = [name for name, each in PROPERTIES.items() if each.get("secret")]

    assert secret == ["access_token"]


def test_what_has_no_default_is_required_or_may_be_left_out() -> None:
    without = {name for name, each in PROPERTIES.items() if "default" not in each}

    optional = {"audience_attribute", "job_id", "changes_path", "limit", "summary_path"}
    assert without == {*DECLARED["required"], *optional}


# What is read.


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
def test_a_setting_that_is_not_given_has_its_default(name: str, value: object) -> None:
    assert getattr(settings(), name) == value


def test_the_default_mapping_writes_the_address() -> None:
    [entry] = settings().standard

    assert (entry.source, entry.to) == ("email", "email")


def test_a_given_mapping_replaces_the_default_whole() -> None:
    assert settings(map_standard_fields=[]).standard == ()


def test_a_null_is_as_good_as_not_given() -> None:
    given_null = settings(**{name: None for name in PROPERTIES if name not in NEEDED})

    assert given_null == settings()


def test_a_whole_number_with_a_point_is_read_as_an_integer() -> None:
    made = settings(batch_size_rows=50.0, limit=7.0)

    assert (made.batch_size_rows, made.limit) == (50, 7)
    assert type(made.batch_size_rows) is type(made.limit) is int


@pytest.mark.parametrize(
    ("given_names", "attribute"),
    [
        ({}, "LyticsAudience_vip"),
        ({"job_id": "17"}, "LyticsAudience_17"),
        ({"audience_attribute": "VIP"}, "VIP"),
        ({"audience_attribute": "VIP", "job_id": "17"}, "VIP"),
        ({"audience_attribute": "", "job_id": ""}, "LyticsAudience_vip"),
    ],
    ids=str,
)
def test_the_audience_attribute_has_a_name(given_names: Config, attribute: str) -> None:
    assert settings(**given_names).audience_attribute_of("vip") == attribute


def test_a_look_up_includes_what_must_be_compared() -> None:
    names = ["company", "form_fields", "store_credit_amounts"]
    mapped = [{"from": "x", "to": name} for name in names]

    assert settings(map_standard_fields=mapped).includes == (
        "formfields",
        "storecredit",
    )
