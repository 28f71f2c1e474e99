"""What there is to export, and what the command line prints."""

from __future__ import annotations

import json
import resource
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]

VIP = "vip_customers"


def streams_of(stdout: str) -> dict[str, dict[str, Any]]:
    return {s["tap_stream_id"]: s for s in json.loads(stdout)["streams"]}


def spent_by_processes() -> float:
    """Seconds of processor time, so that other processes' load does not count."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def scans(box: Sandbox) -> list[Any]:
    return [entry for entry in box.journal if entry.path.endswith("/scan")]


def test_every_audience_is_a_stream_when_none_is_named(
    sandbox: Sandbox, config_of: Config
) -> None:
    run = run_tap(config_of(sandbox, audiences=[]), args=["--discover"])

    assert run.status == 0, run.stderr
    assert set(streams_of(run.stdout)) == {VIP, "newsletter_readers", "nobody_yet"}


def test_an_audience_may_be_named_by_its_id_and_more_than_once(
    sandbox: Sandbox, config_of: Config
) -> None:
    audience = sandbox.lytics.find(VIP)
    assert audience is not None

    run = run_tap(config_of(sandbox, audiences=[audience.id, VIP]), args=["--discover"])

    [stream] = streams_of(run.stdout).values()
    assert stream["key_properties"] == ["_member_id"]
    assert stream["schema"]["properties"]["_modified"]["format"] == "date-time"


def test_above_twenty_audiences_some_must_be_named(
    sandbox: Sandbox, config_of: Config
) -> None:
    for number in range(20):
        sandbox.lytics.add_audience(f"audience_{number}")

    run = run_tap(config_of(sandbox, audiences=[]), args=["--discover"])

    assert run.status == 1
    assert "23 audiences" in run.stderr
    assert "audience_19" in run.stderr


def test_a_wide_account_is_discovered_in_under_three_seconds(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=10, extra_fields=1500)
    began = spent_by_processes()

    run = run_tap(config_of(box, audiences=[]), args=["--discover"])

    assert spent_by_processes() - began < 3
    widths = [len(s["schema"]["properties"]) for s in streams_of(run.stdout).values()]
    assert len(widths) == 3
    assert min(widths) > 1500


def test_with_a_catalog_there_is_no_discovery_call(
    sandbox: Sandbox, config_of: Config
) -> None:
    config = config_of(sandbox)
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    sandbox.journal.clear()

    run = run_tap(config, catalog=catalog)

    assert len(run.records) == 50
    assert {entry.endpoint for entry in sandbox.journal} == {
        "GET /v2/segment/{id}",
        "GET /api/segment/{id}/scan",
    }


def test_a_catalog_without_our_notes_is_enough(
    sandbox: Sandbox, config_of: Config
) -> None:
    config = config_of(sandbox)
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    for row in catalog["streams"][0]["metadata"]:
        for note in [name for name in row["metadata"] if name.startswith("lytics-")]:
            del row["metadata"][note]

    bare, noted = run_tap(config, catalog=catalog), run_tap(config)

    assert bare.status == 0, bare.stderr
    assert bare.records == noted.records


def test_selection_reaches_the_request_and_nothing_else_leaves_the_tap(
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
    asked = scans(box)[0].query["fields"].split(",")
    assert set(asked) <= {
        "email",
        "user_id",
        "bigcommerce_customer_id",
        "_id",
        "_modified",
    }


def test_a_deselected_stream_is_not_read(sandbox: Sandbox, config_of: Config) -> None:
    config = config_of(sandbox, audiences=[VIP, "newsletter_readers"])
    catalog = json.loads(run_tap(config, args=["--discover"]).stdout)
    for stream in catalog["streams"]:
        root = next(row for row in stream["metadata"] if not row["breadcrumb"])
        root["metadata"]["selected"] = stream["tap_stream_id"] == VIP

    run = run_tap(config, catalog=catalog)

    assert {m["stream"] for m in run.messages if "stream" in m} == {VIP}


def test_exits_switched_on_later_are_in_the_schema_of_an_older_catalog(
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


def test_about_tells_every_setting_and_capability(sandbox: Sandbox) -> None:
    run = run_tap(sandbox.tap_config(), args=["--about", "--format", "json"])

    about = json.loads(run.stdout)
    assert {"catalog", "discover", "state"} <= set(about["capabilities"])
    assert "batch" not in about["capabilities"]
    assert "activate-version" not in about["capabilities"]
    assert about["settings"]["properties"]["api_token"]["writeOnly"] is True


@pytest.mark.parametrize(
    ("args", "expected"), [(["--version"], "tap-lytics v"), (["--help"], "--discover")]
)
def test_the_command_line_tells_what_it_is(
    args: list[str], expected: str, sandbox: Sandbox
) -> None:
    assert expected in run_tap(sandbox.tap_config(), args=args).stdout


def test_a_trial_reads_one_record_of_every_stream_and_keeps_nothing(
    sandbox: Sandbox, config_of: Config, tmp_path: Path
) -> None:
    ledger = tmp_path / "l"
    config = config_of(sandbox, ledger_path=str(ledger), existing_users=False)

    run = run_tap(config, args=["--test"])

    assert run.status == 0, run.stderr
    assert len(run.records) == 1
    assert not ledger.exists()
