"""Each expected error is one line that says what to do, with status 1."""

from __future__ import annotations

import json
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
    """Give the one line of an expected error."""
    assert run.status == 1
    assert "Traceback" not in run.stderr
    assert not run.records
    errors = [line for line in run.stderr.splitlines() if " ERROR " in line]
    assert len(errors) == 1, run.stderr
    assert run.stderr.splitlines()[-1] == errors[0]
    return errors[0]


@pytest.mark.parametrize("args", [[], ["--discover"], ["--test"]])
def test_a_wrong_token_names_the_setting(
    args: list[str], sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, api_token="wrong-token"), args=args)

    assert "api_token" in error_of(run)


def test_a_role_that_does_not_reach_names_what_it_needs(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=5, lytics_forbidden=True)

    error = error_of(run_tap(config_of(box)))

    assert "segments, tables and schemas" in error


def test_an_unknown_audience_is_told_with_the_nearest(
    sandbox: Sandbox, config_of: Config
) -> None:
    error = error_of(run_tap(config_of(sandbox, audiences=["vip_custmers"])))

    assert "no audience vip_custmers" in error
    assert VIP in error


def test_a_sync_of_no_audience_names_those_there_are(
    sandbox: Sandbox, config_of: Config
) -> None:
    error = error_of(run_tap(config_of(sandbox, audiences=[])))

    assert "newsletter_readers, nobody_yet, vip_customers" in error


def test_a_required_field_that_the_account_has_not_is_told(
    sandbox: Sandbox, config_of: Config
) -> None:
    error = error_of(run_tap(config_of(sandbox, require_fields=["customer_no"])))

    assert "customer_no" in error


@pytest.mark.parametrize("existing_users", [False, True])
def test_a_slug_that_no_filter_could_name_is_refused_by_the_first_run(
    existing_users: bool,  # noqa: FBT001 - a table
    sandbox: Sandbox,
    config_of: Config,
) -> None:
    sandbox.lytics.rename(VIP, "vip-customers")
    config = config_of(
        sandbox, audiences=["vip-customers"], existing_users=existing_users
    )

    error = error_of(run_tap(config))

    assert "'vip-customers' is not an audience slug" in error


@pytest.mark.parametrize("args", [[], ["--test"]])
@pytest.mark.parametrize(
    "maps",
    [
        {"first_name": "1 +"},
        {"first_name": "unknown_name"},
        {"first_name": "int(email)"},
        {"__filter__": "email + 1"},
        {"__alias__": "1/0"},
        {"__key_properties__": ["nowhere"]},
        {"__else__": "all"},
    ],
    ids=str,
)
def test_a_map_that_fails_is_told_and_quotes_neither_itself_nor_a_member(
    maps: dict[str, Any], args: list[str], sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, stream_maps={VIP: maps}), args=args)

    error = error_of(run)
    assert "stream_maps" in error
    assert "@" not in run.stderr
    assert not any(str(value) in error for value in maps.values())


@pytest.mark.parametrize(
    ("happening", "expected"),
    [("delete", "no audience"), ("rename", "renamed to"), ("invalidate", "invalid")],
)
def test_an_audience_that_is_not_what_it_was_ends_the_run(
    happening: str, expected: str, sandbox: Sandbox, config_of: Config
) -> None:
    config = config_of(sandbox)
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    extra = ("people_of_renown",) if happening == "rename" else ()
    getattr(sandbox.lytics, happening)(VIP, *extra)

    error = error_of(run_tap(config, catalog=catalog))

    assert expected in error


@pytest.mark.guarantee("no-token-leaks")
def test_settings_of_the_wrong_type_are_named_and_never_quoted(
    sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, api_token=["secret-in-a-list"]))

    assert "api_token must be a string" in error_of(run)
    assert "secret-in-a-list" not in run.stderr


@pytest.mark.parametrize(
    "state",
    [
        {"bookmarks": [1]},
        {"bookmarks": {VIP: {"bookmark": "soon"}}},
        {VIP: {"bookmark": "2026-01-31T08:00:00Z"}},
    ],
)
def test_a_state_of_somebody_else_is_refused(
    state: dict[str, Any], sandbox: Sandbox, config_of: Config
) -> None:
    assert "state" in error_of(run_tap(config_of(sandbox), state=state))


def test_a_state_as_meltano_prints_it_goes_on_where_it_says(
    sandbox: Sandbox, config_of: Config
) -> None:
    config = config_of(sandbox, existing_users=False)
    state = run_tap(config).state
    sandbox.lytics.change(3, {"company": "New"})

    run = run_tap(config, state={"singer_state": state})

    assert [record["company"] for record in run.records] == ["New"]


def test_a_catalog_of_somebody_else_is_refused(
    sandbox: Sandbox, config_of: Config
) -> None:
    assert "--discover" in error_of(run_tap(config_of(sandbox), catalog={"a": 1}))


@pytest.mark.parametrize(
    "text", ["api_token: x", "[1]", "[]", '[["api_token", "x"]]', "[" * 10**5, None]
)
def test_a_configuration_file_that_is_none_is_told(
    text: str | None, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "config.yml"
    if text is not None:
        path.write_text(text)

    error = error_of(run_tap(sandbox.tap_config(), args=["--config", str(path)]))

    assert f"Configuration file {path}" in error


def test_a_redirect_is_not_followed_as_it_would_carry_the_token(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=5, fault_rates={"redirect": 1.0})

    assert "api_url" in error_of(run_tap(config_of(box)))


def environment_of(box: Sandbox, **more: str) -> dict[str, str]:
    return {
        "TAP_LYTICS_API_URL": box.url,
        "TAP_LYTICS_API_TOKEN": box.options.lytics_token,
        "TAP_LYTICS_AUDIENCES": '["vip_customers"]',
        "TAP_LYTICS_EXISTING_USERS": "true",
        **{f"TAP_LYTICS_{name}": text for name, text in more.items()},
    }


def test_settings_may_come_from_the_environment(sandbox: Sandbox) -> None:
    env = environment_of(sandbox, REQUIRE_FIELDS="", LEDGER_PATH="")

    run = run_tap({}, args=["--config", "ENV"], env=env)

    assert len(run.records) == 50
    assert "deprecated" not in run.stderr


@pytest.mark.parametrize("args", [[], ["--discover"]])
def test_a_variable_that_cannot_be_read_is_named_whatever_is_logged(
    args: list[str], sandbox: Sandbox
) -> None:
    env = environment_of(sandbox, PAGE_SIZE="s3cret", LOGLEVEL="ERROR")

    run = run_tap({}, args=["--config", "ENV", *args], env=env)

    assert "TAP_LYTICS_PAGE_SIZE must be an integer." in error_of(run)
    assert "s3cret" not in run.stderr
