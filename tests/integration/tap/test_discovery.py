"""Discovery, catalogs, stream selection, and renamed audiences."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_tap
from support.tap_in_process import run_tap_in_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]

VIP = "vip_customers"


def streams_of(stdout: str) -> dict[str, dict[str, Any]]:
    return {s["tap_stream_id"]: s for s in json.loads(stdout)["streams"]}


def scans(box: Sandbox) -> list[Any]:
    return [entry for entry in box.journal if entry.path.endswith("/scan")]


def test_all_audiences_are_streams_by_default(
    sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, audiences=[]), args=["--discover"])

    assert run.status == 0, run.stderr
    assert set(streams_of(run.stdout)) == {VIP, "newsletter_readers", "nobody_yet"}


def test_audience_can_be_named_by_id_and_twice(
    sandbox: Sandbox, config_of: Config
) -> None:
    audience = sandbox.lytics.find(VIP)
    assert audience is not None

    run = run_tap(config_of(sandbox, audiences=[audience.id, VIP]), args=["--discover"])

    [stream] = streams_of(run.stdout).values()
    assert stream["key_properties"] == ["_member_id"]
    assert stream["schema"]["properties"]["_modified"]["format"] == "date-time"


def test_more_than_20_audiences_must_be_named(
    sandbox: Sandbox, config_of: Config
) -> None:
    for number in range(20):
        sandbox.lytics.add_audience(f"audience_{number}")

    run = run_tap(config_of(sandbox, audiences=[]), args=["--discover"])

    assert run.status == 1
    assert "23 audiences" in run.stderr
    assert "audience_19" in run.stderr


def test_wide_account_is_discovered_quickly(
    make_sandbox: Callable[..., Sandbox], config_of: Config, tmp_path: Path
) -> None:
    box = make_sandbox(members=10, extra_fields=1500)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config_of(box, audiences=[])), encoding="utf-8")
    start = time.process_time()

    run = run_tap_in_process(["--config", str(path), "--discover"])

    assert time.process_time() - start < 3, "seconds of processor time"
    streams = streams_of(run.stdout.decode())
    widths = [len(s["schema"]["properties"]) for s in streams.values()]
    assert len(widths) == 3
    assert min(widths) > 1500


def test_catalog_saves_discovery_calls(sandbox: Sandbox, config_of: Config) -> None:
    config = config_of(sandbox)
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    sandbox.journal.clear()

    run = run_tap(config, catalog=catalog)

    assert len(run.records) == 50
    assert {entry.endpoint for entry in sandbox.journal} == {
        "GET /v2/segment/{id}",
        "GET /api/segment/{id}/scan",
    }


def test_catalog_without_annotations_is_enough(
    sandbox: Sandbox, config_of: Config
) -> None:
    config = config_of(sandbox)
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    for row in catalog["streams"][0]["metadata"]:
        for name in [name for name in row["metadata"] if name.startswith("lytics-")]:
            del row["metadata"][name]

    bare, annotated = run_tap(config, catalog=catalog), run_tap(config)

    assert bare.status == 0, bare.stderr
    assert bare.records == annotated.records


def test_only_selected_fields_are_requested_and_sent(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=20, fields_on_post=False)
    config = config_of(box, require_fields=["bigcommerce_customer_id"])
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    for row in catalog["streams"][0]["metadata"]:
        row["metadata"]["selected"] = row["breadcrumb"] in ([], ["properties", "email"])

    run = run_tap(config, catalog=catalog)

    assert {frozenset(r) for r in run.records} == {frozenset({"_member_id", "email"})}
    schema = run.messages[0]["schema"]["properties"]
    assert set(schema) == {"_member_id", "email"}
    requested = scans(box)[0].query["fields"].split(",")
    assert set(requested) <= {
        "email",
        "user_id",
        "bigcommerce_customer_id",
        "_id",
        "_modified",
    }


def test_deselected_stream_is_not_read(sandbox: Sandbox, config_of: Config) -> None:
    config = config_of(sandbox, audiences=[VIP, "newsletter_readers"])
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    for stream in catalog["streams"]:
        root = next(row for row in stream["metadata"] if not row["breadcrumb"])
        root["metadata"]["selected"] = stream["tap_stream_id"] == VIP

    run = run_tap(config, catalog=catalog)

    assert {m["stream"] for m in run.messages if "stream" in m} == {VIP}


def test_exits_enabled_later_extend_older_catalog(
    sandbox: Sandbox, config_of: Config, tmp_path: Path
) -> None:
    config = config_of(sandbox)
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    exits = {
        "emit_exits": True,
        "ledger_path": str(tmp_path / "l"),
        "require_fields": ["bigcommerce_customer_id"],
    }

    run = run_tap({**config, **exits}, catalog=catalog)

    assert "_sdc_deleted_at" in run.messages[0]["schema"]["properties"]


def test_about_lists_settings_and_capabilities(sandbox: Sandbox) -> None:
    run = run_tap(sandbox.tap_config(), args=["--about", "--format", "json"])

    about = json.loads(run.stdout)
    assert {"catalog", "discover", "state"} <= set(about["capabilities"])
    assert "batch" not in about["capabilities"]
    assert "activate-version" not in about["capabilities"]
    assert about["settings"]["properties"]["api_token"]["writeOnly"] is True


@pytest.mark.parametrize(
    ("args", "expected"), [(["--version"], "tap-lytics v"), (["--help"], "--discover")]
)
def test_version_and_help(args: list[str], expected: str, sandbox: Sandbox) -> None:
    assert expected in run_tap(sandbox.tap_config(), args=args).stdout


def test_test_option_reads_one_record_per_stream(
    sandbox: Sandbox, config_of: Config, tmp_path: Path
) -> None:
    ledger = tmp_path / "l"
    config = config_of(sandbox, ledger_path=str(ledger), existing_users=False)

    run = run_tap(config, args=["--test"])

    assert run.status == 0, run.stderr
    assert len(run.records) == 1
    assert not ledger.exists()


NEW = "people_of_renown"


@pytest.fixture
def by_id(sandbox: Sandbox, config_of: Config) -> dict[str, Any]:
    """Settings that name the audience by its id, so that discovery finds its slug."""
    audience = sandbox.lytics.find(VIP)
    assert audience is not None
    return config_of(sandbox, audiences=[audience.id], existing_users=False)


@pytest.mark.parametrize("has_ledger", [False, True])
def test_rename_is_reported_for_audience_named_by_id(
    has_ledger: bool,  # noqa: FBT001 - a parameter
    sandbox: Sandbox,
    by_id: dict[str, Any],
    tmp_path: Path,
) -> None:
    ledger = {"ledger_path": str(tmp_path / "ledger")} if has_ledger else {}
    state = run_tap(by_id | ledger).state
    sandbox.lytics.rename(VIP, NEW)
    sandbox.lytics.enter(60, NEW)

    run = run_tap(by_id | ledger, state=state)

    assert run.status == 1
    assert not run.records
    part = {**state["bookmarks"][VIP], "pass_status": None}
    assert all(each["bookmarks"] == {VIP: part} for each in run.states)
    [error] = run.errors
    assert f"{VIP} was renamed to {NEW}" in error
    assert "rename the part of stream" in error


def test_renamed_state_continues_under_new_name(
    sandbox: Sandbox, by_id: dict[str, Any]
) -> None:
    state = run_tap(by_id).state
    sandbox.lytics.rename(VIP, NEW)
    sandbox.lytics.enter(60, NEW)
    assert state is not None
    moved = {"bookmarks": {NEW: state["bookmarks"][VIP]}}

    run = run_tap(by_id, state=moved)

    assert run.status == 0, run.stderr
    assert [m["stream"] for m in run.messages if m["type"] == "RECORD"] == [NEW]


def test_state_of_former_name_may_remain(
    sandbox: Sandbox, by_id: dict[str, Any]
) -> None:
    state = run_tap(by_id).state
    sandbox.lytics.rename(VIP, NEW)
    assert state is not None
    copied = {"bookmarks": {VIP: state["bookmarks"][VIP], NEW: state["bookmarks"][VIP]}}

    run = run_tap(by_id, state=copied)

    assert run.status == 0, run.stderr


def test_dropped_audience_does_not_stop_others(
    sandbox: Sandbox, config_of: Config
) -> None:
    state = run_tap(config_of(sandbox)).state

    run = run_tap(config_of(sandbox, audiences=["newsletter_readers"]), state=state)

    assert run.status == 0, run.stderr
    assert run.records


@pytest.mark.parametrize("with_catalog", [False, True])
@pytest.mark.parametrize("existing_users", [False, True])
def test_renamed_audience_is_named_with_the_fix(
    with_catalog: bool,  # noqa: FBT001 - a parameter
    existing_users: bool,  # noqa: FBT001 - a parameter
    sandbox: Sandbox,
    config_of: Config,
) -> None:
    config = config_of(sandbox, existing_users=existing_users)
    found = json.loads(run_tap(config, args=["--discover"]).stdout)
    catalog = found if with_catalog else None
    state = run_tap(config, catalog=catalog).state
    sandbox.lytics.rename(VIP, NEW)

    run = run_tap(config, catalog=catalog, state=state)

    [error] = run.errors
    assert f"Audience {VIP} was renamed to {NEW}. Set audiences to the new" in error
    assert f"rename the part of stream {VIP} to {NEW}" in error
    assert state is not None
    bookmarks = [each["bookmarks"][VIP]["bookmark"] for each in (state, *run.states)]
    assert len(set(bookmarks)) == 1
