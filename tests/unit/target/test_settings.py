"""Settings: declared once, read once, complained about without quoting them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.complaints import complaints, unknown
from target_bigcommerce.declared import DECLARED
from target_bigcommerce.settings import Settings

Config = dict[str, Any]
NEEDED = {"store_hash": "abc123", "access_token": "t0ken", "id_field": "id"}
PROPERTIES = DECLARED["properties"]
# What the typed settings call otherwise.
READ_AS = {"map_standard_fields": "standard", "map_custom_attributes": "attributes"}


def config(**more: object) -> Config:
    return {**NEEDED, **more}


def complain(**more: object) -> list[str]:
    return complaints(config(**more), DECLARED)


def settings(**more: object) -> Settings:
    given_config = config(**deepcopy(more))
    assert not complaints(given_config, DECLARED)
    return Settings.from_config(given_config)


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


# What is complained about.


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_and_missing_is_named_with_its_variable(name: str) -> None:
    without = {key: value for key, value in NEEDED.items() if key != name}

    [line] = complaints(without, DECLARED)

    assert line.startswith(f"{name} is missing")
    assert f"TARGET_BIGCOMMERCE_{name.upper()}" in line


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_and_empty_is_missing(name: str) -> None:
    [line] = complain(**{name: ""})

    assert line.startswith(f"{name} is missing")


@pytest.mark.parametrize(
    ("name", "value", "demand"),
    [
        ("batch_size_rows", "many", "a whole number"),
        ("batch_size_rows", 0, "at least 1"),
        ("batch_size_rows", 10_001, "at most 10000"),
        ("batch_size_rows", Decimal("1.5"), "a whole number"),
        ("batch_wait_limit_seconds", 0, "at least 1"),
        ("max_in_flight", 4, "at most 3"),
        ("quota_share_percent", 101, "at most 100"),
        ("max_clear_percent", -1, "at least 0"),
        ("limit", 0, "at least 1"),
        ("dry_run", "yes", "true or false"),
        ("access_token", 12345678, "a text"),
        ("on_missing_id", "guess", "one of skip, match, create"),
        ("on_exit", "delete", "one of keep, clear"),
        ("on_null", "delete", "one of keep, clear"),
        ("map_standard_fields", {"email": "email"}, "must be a list"),
        ("access_token", "a b", "copy it again"),
        ("access_token", "t0ken\n", "copy it again"),
        ("access_token", "t\u00f6ken", "copy it again"),
        ("store_hash", "store-abc123", "without store- before it"),
        ("store_hash", "https://store-abc123.mybigcommerce.com", "the bare hash"),
        ("store_hash", "abc123\n", "the bare hash"),
        ("store_hash", "abc/../def", "the bare hash"),
        ("id_field", "  ", "is missing"),
        ("rejects_path", " ", "must name a file"),
        ("api_url", "http://api.bigcommerce.com", "an https address"),
        ("api_url", "http://127.0.0.1.example.com", "an https address"),
        ("api_url", "https://user:pass@api.bigcommerce.com", "an https address"),
        ("api_url", "https://api.bigcommerce.com?x=1", "an https address"),
        ("api_url", "https://api.bigcommerce.com#x", "an https address"),
        ("api_url", "https://[::1", "an https address"),
        ("api_url", "https://host:port", "an https address"),
        ("api_url", "ftp://127.0.0.1", "an https address"),
        ("api_url", "", "an https address"),
        ("user_agent", "two\nlines", "printable ASCII"),
        ("audience_attribute", "x" * 256, "more than 255 characters"),
        ("job_id", "x" * 241, "would have more than 255 characters"),
    ],
)
def test_a_setting_that_cannot_work_is_named_with_what_it_takes(
    name: str, value: object, demand: str
) -> None:
    [line] = complain(**{name: value})

    assert line.startswith(name)
    assert demand in line


@pytest.mark.parametrize(
    "url",
    [
        "https://api.bigcommerce.com",
        "https://proxy.example.com:8443/bigcommerce/",
        "http://127.0.0.1:8080",
        "http://localhost:8080",
        "http://[::1]:8080",
    ],
)
def test_an_address_is_https_or_of_this_machine(url: str) -> None:
    assert settings(api_url=url).api_url == url.rstrip("/")


def test_a_long_job_id_is_no_matter_where_it_names_no_attribute() -> None:
    assert complain(job_id="x" * 241, audience_attribute="VIP") == []
    assert complain(job_id="x" * 240) == []


def test_an_audience_attribute_has_one_writer() -> None:
    mapped = [{"from": "tier", "to": "Tier"}]

    [line] = complain(audience_attribute="Tier", map_custom_attributes=mapped)

    assert line.startswith("audience_attribute is also mapped")


def test_all_complaints_come_at_once() -> None:
    lines = complain(batch_size_rows="x", on_exit="x", map_standard_fields={})

    names = ["batch_size_rows", "map_standard_fields", "on_exit"]
    assert [line.split()[0] for line in sorted(lines)] == names


def test_a_setting_that_nobody_knows_is_named_with_a_guess() -> None:
    given_config = config(batch_size_row=5, zzz=1)

    assert unknown(given_config, DECLARED) == [
        "There is no setting batch_size_row; it is not used. Is batch_size_rows meant?",
        "There is no setting zzz; it is not used.",
    ]


MARK = "s3cr3t m4rk"
VALUES = st.recursive(
    st.just(MARK) | st.booleans() | st.integers() | st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.just("from"), inner, max_size=1)
    ),
    max_leaves=4,
)


@given(changed=st.dictionaries(st.sampled_from(sorted(PROPERTIES)), VALUES, min_size=1))
def test_any_configuration_works_or_is_complained_about_without_a_quotation(
    changed: Config,
) -> None:
    given_config = config(**deepcopy(changed))

    lines = complaints(given_config, DECLARED)

    assert not any(MARK in line or "\n" in line for line in lines)
    if not lines:
        Settings.from_config(given_config)
