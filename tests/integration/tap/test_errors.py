"""Expected errors are one line that says what to do, with exit status 1."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import Run, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]

VIP = "vip_customers"


def error_of(run: Run) -> str:
    """Return the one line of an expected error."""
    assert run.status == 1
    assert "Traceback" not in run.stderr
    assert not run.records
    errors = [line for line in run.stderr.splitlines() if " ERROR " in line]
    assert len(errors) == 1, run.stderr
    assert run.stderr.splitlines()[-1] == errors[0]
    return errors[0]


@pytest.mark.parametrize("args", [[], ["--discover"], ["--test"]])
def test_wrong_token_names_setting(
    args: list[str], sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, api_token="wrong-token"), args=args)

    assert "api_token" in error_of(run)


@pytest.mark.parametrize("args", [[], ["--discover"]])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9", ["127.0.0.1:9 refused", "--environment=production"]),
        ("https://lytics.invalid", ["host lytics.invalid is unknown", "api_url"]),
    ],
)
def test_unreachable_host_fails_with_its_fix(
    url: str, words: list[str], args: list[str], sandbox: Sandbox, config_of: Config
) -> None:
    started = time.monotonic()

    error = error_of(run_tap(config_of(sandbox, api_url=url), args=args))

    assert [word for word in words if word not in error] == []
    assert time.monotonic() - started < 15


def test_insufficient_role_names_permissions(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=5, lytics_forbidden=True)

    error = error_of(run_tap(config_of(box)))

    assert "segments, tables and schemas" in error


def test_unknown_audience_suggests_nearest(sandbox: Sandbox, config_of: Config) -> None:
    error = error_of(run_tap(config_of(sandbox, audiences=["vip_custmers"])))

    assert "no audience vip_custmers" in error
    assert VIP in error


def test_sync_without_audience_lists_audiences(
    sandbox: Sandbox, config_of: Config
) -> None:
    error = error_of(run_tap(config_of(sandbox, audiences=[])))

    assert "newsletter_readers, nobody_yet, vip_customers" in error


def test_unknown_required_field_is_refused(sandbox: Sandbox, config_of: Config) -> None:
    error = error_of(run_tap(config_of(sandbox, require_fields=["customer_no"])))

    assert "customer_no" in error


def test_slug_that_filters_cannot_name_is_no_error(
    sandbox: Sandbox, config_of: Config
) -> None:
    sandbox.lytics.rename(VIP, "vip-customers")
    config = config_of(sandbox, audiences=["vip-customers"], require_fields=["email"])

    run = run_tap(config)

    assert len(run.records) == 50


@pytest.mark.parametrize("args", [[], ["--test"]])
@pytest.mark.parametrize(
    "maps",
    [
        {"first_name": "1 +"},  # Fails when it is parsed.
        {"first_name": "int(email)"},  # Fails on a record.
        {"__filter__": "email + 1"},
        {"__key_properties__": ["nowhere"]},
    ],
    ids=str,
)
def test_failing_stream_map_error_quotes_no_data(
    maps: dict[str, Any], args: list[str], sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, stream_maps={VIP: maps}), args=args)

    error = error_of(run)
    assert "stream_maps" in error
    assert "@" not in run.stderr
    assert not any(str(value) in error for value in maps.values())


def test_renamed_audience_ends_run_with_catalog(
    sandbox: Sandbox, config_of: Config
) -> None:
    config = config_of(sandbox)
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    sandbox.lytics.rename(VIP, "people_of_renown")

    error = error_of(run_tap(config, catalog=catalog))

    assert "renamed to people_of_renown" in error


@pytest.mark.guarantee("no-token-leaks")
def test_wrongly_typed_setting_is_not_quoted(
    sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, api_token=["secret-in-a-list"]))

    assert "api_token must be a string" in error_of(run)
    assert "secret-in-a-list" not in run.stderr


@pytest.mark.parametrize(
    "state", [{"bookmarks": [1]}, {"bookmarks": {VIP: {"bookmark": "soon"}}}]
)
def test_invalid_state_is_refused(
    state: dict[str, Any], sandbox: Sandbox, config_of: Config
) -> None:
    assert "state" in error_of(run_tap(config_of(sandbox), state=state))


def test_meltano_state_is_accepted(sandbox: Sandbox, config_of: Config) -> None:
    config = config_of(sandbox, existing_users=False)
    state = run_tap(config).state
    sandbox.lytics.change(3, {"company": "New"})

    run = run_tap(config, state={"singer_state": state})

    assert [record["company"] for record in run.records] == ["New"]


def test_invalid_catalog_is_refused(sandbox: Sandbox, config_of: Config) -> None:
    assert "--discover" in error_of(run_tap(config_of(sandbox), catalog={"a": 1}))


def test_missing_config_file_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "config.yml"

    error = error_of(run_tap(sandbox.tap_config(), args=["--config", str(path)]))

    assert f"Configuration file {path}" in error


def environment_of(box: Sandbox, **more: str) -> dict[str, str]:
    return {
        "TAP_LYTICS_API_URL": box.url,
        "TAP_LYTICS_API_TOKEN": box.options.lytics_token,
        "TAP_LYTICS_AUDIENCES": '["vip_customers"]',
        "TAP_LYTICS_EXISTING_USERS": "true",
        **{f"TAP_LYTICS_{name}": text for name, text in more.items()},
    }


def test_settings_can_come_from_environment(sandbox: Sandbox) -> None:
    env = environment_of(sandbox, REQUIRE_FIELDS="", LEDGER_PATH="")

    run = run_tap({}, args=["--config", "ENV"], env=env)

    assert len(run.records) == 50
    assert "deprecated" not in run.stderr


@pytest.mark.parametrize("args", [[], ["--discover"]])
def test_invalid_variable_is_named_at_any_log_level(
    args: list[str], sandbox: Sandbox
) -> None:
    env = environment_of(sandbox, PAGE_SIZE="s3cret", LOGLEVEL="ERROR")

    run = run_tap({}, args=["--config", "ENV", *args], env=env)

    assert "TAP_LYTICS_PAGE_SIZE must be an integer." in error_of(run)
    assert "s3cret" not in run.stderr


def test_future_start_date_is_only_a_warning(
    sandbox: Sandbox, config_of: Config
) -> None:
    config = config_of(sandbox, existing_users=False, start_date="2999-01-01")

    run = run_tap(config)

    assert run.status == 0
    warnings = [line for line in run.stderr.splitlines() if " WARNING " in line]
    assert len(warnings) == 1
    assert "start_date is in the future" in warnings[0]
