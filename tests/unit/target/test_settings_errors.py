"""A setting that cannot work is an error that does not quote it."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.target_settings import (
    NEEDED,
    PROPERTIES,
    Config,
    config,
    settings,
    validate,
)
from target_bigcommerce.settings import Settings


def errors_of(**more: object) -> list[str]:
    return validate(config(**more))


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_and_missing_is_named_with_its_variable(name: str) -> None:
    without = {key: value for key, value in NEEDED.items() if key != name}

    [line] = validate(without)

    assert line.startswith(f"{name} is missing")
    assert f"TARGET_BIGCOMMERCE_{name.upper()}" in line


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_and_empty_is_missing(name: str) -> None:
    [line] = errors_of(**{name: ""})

    assert line.startswith(f"{name} is missing")


@pytest.mark.parametrize(
    ("name", "value", "demand"),
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
        ("access_token", 12345678, "a string"),
        ("on_missing_id", "guess", "one of skip, match, create"),
        ("on_exit", "delete", "one of keep, clear"),
        ("on_null", "delete", "one of keep, clear"),
        ("map_standard_fields", {"email": "email"}, "must be an array"),
        ("access_token", "a b", "Copy it again"),
        ("access_token", "t0ken\n", "Copy it again"),
        ("access_token", "t\u00f6ken", "Copy it again"),
        ("store_hash", "store-abc123", "without the prefix store-"),
        ("store_hash", "https://store-abc123.mybigcommerce.com", "the hash alone"),
        ("store_hash", "abc123\n", "the hash alone"),
        ("store_hash", "abc/../def", "the hash alone"),
        ("id_field", "  ", "is missing"),
        ("rejects_path", " ", "must name a file"),
        ("api_url", "http://api.bigcommerce.com", "an https URL"),
        ("api_url", "http://127.0.0.1.example.com", "an https URL"),
        ("api_url", "https://user:pass@api.bigcommerce.com", "an https URL"),
        ("api_url", "https://api.bigcommerce.com?x=1", "an https URL"),
        ("api_url", "https://api.bigcommerce.com#x", "an https URL"),
        ("api_url", "https://[::1", "an https URL"),
        ("api_url", "https://host:port", "an https URL"),
        ("api_url", "ftp://127.0.0.1", "an https URL"),
        ("api_url", "", "an https URL"),
        ("user_agent", "two\nlines", "printable ASCII"),
        ("audience_attribute", "x" * 256, "more than 255 characters"),
        ("job_id", "x" * 241, "would have more than 255 characters"),
    ],
)
def test_a_setting_that_cannot_work_is_named_with_what_it_takes(
    name: str, value: object, demand: str
) -> None:
    [line] = errors_of(**{name: value})

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
    assert errors_of(job_id="x" * 241, audience_attribute="VIP") == []
    assert errors_of(job_id="x" * 240) == []


def test_an_audience_attribute_has_one_writer() -> None:
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


def test_all_errors_come_at_once() -> None:
    lines = errors_of(batch_size_rows="x", on_exit="x", map_standard_fields={})

    names = ["batch_size_rows", "map_standard_fields", "on_exit"]
    assert [line.split()[0] for line in sorted(lines)] == names


MARK = "s3cr3t m4rk"
VALUES = st.recursive(
    st.just(MARK) | st.booleans() | st.integers() | st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.just("from"), inner, max_size=1)
    ),
    max_leaves=4,
)


@pytest.mark.guarantee("no-token-leaks")
@given(changed=st.dictionaries(st.sampled_from(sorted(PROPERTIES)), VALUES, min_size=1))
def test_any_configuration_works_or_has_unquoted_errors(
    changed: Config,
) -> None:
    given_config = config(**deepcopy(changed))

    lines = validate(given_config)

    assert not any(MARK in line or "\n" in line for line in lines)
    if not lines:
        Settings.from_config(given_config)
