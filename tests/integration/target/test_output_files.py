"""The files of a run: rejects, changes and the summary."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.live_target import PATIENCE, LiveTarget
from support.plugins import run_target
from support.singer import activate, left, record, schema, state
from support.store import AUDIENCE, companies_of, put_values, values_of, writes_of

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.plugins import RunTarget


def mapped(*names: str) -> list[dict[str, str]]:
    return [{"from": name, "to": name} for name in names]


# Rejects.


@pytest.mark.guarantee("private-files")
@pytest.mark.guarantee("schema-change")
def test_rejects_are_singer_lines_below_their_schema(
    config: dict[str, Any], run: RunTarget
) -> None:
    changed = schema(keys=("id",))
    first = record(4_000_001, company="Gone")
    long = record(1001, company="x" * 256)

    got = run(schema(), first, changed, long, record(4_000_002))

    rejects = [line.pop("reject", None) for line in got.rejects]
    assert list(got.rejects) == [schema(), first, changed, long, record(4_000_002)]
    assert [each and each["code"] for each in rejects] == [
        None,
        "unknown_customer",
        None,
        "too_long",
        "unknown_customer",
    ]
    assert rejects[1].keys() == {"reason", "code", "status", "request_id", "at"}
    assert Path(config["rejects_path"]).stat().st_mode & 0o777 == 0o600


def test_too_many_rejects_end_run_after_the_drain(run: RunTarget, box: Sandbox) -> None:
    lines = [
        line
        for n in range(10)
        for line in (
            record(1001 + n, company=f"New {n}"),
            record(4_000_000 + n),
            state(2 * n + 2),
        )
    ]

    got = run(schema(), *lines, max_rejects=3, batch_size_rows=4)

    assert got.status == 1
    [error] = got.errors
    assert "max_rejects 3" in error
    assert got.outcomes == {"updated": 4, "rejected": 4}
    assert got.state == {"n": 6}
    assert list(values_of(box)) == [1001, 1002, 1003, 1004]


def test_only_the_rejected_record_of_a_customer_is_kept(
    run: RunTarget, box: Sandbox
) -> None:
    taken = box.store.customers[1002]["email"]

    got = run(
        schema(),
        record(1001, company="First"),
        record(1001, email=taken, company="Second"),
        record(1001, tier="gold"),
        map_standard_fields=mapped("company", "email"),
        map_custom_attributes=[{"from": "tier", "to": "Tier"}],
    )

    assert [line["record"] for line in got.rejects[1:]] == [
        {"id": 1001, "email": taken, "company": "Second"}
    ]
    assert got.outcomes == {"updated": 2, "rejected": 1}
    assert companies_of(box)[1001] == "First"
    assert values_of(box, "Tier") == {1001: "gold"}


@pytest.mark.guarantee("unconfirmed-is-not-written")
def test_row_missing_from_every_response_is_read_back(
    run: RunTarget, box: Sandbox
) -> None:
    match = "PUT /customers/attribute-values"
    box.faults.queue(Fault(kind="row_missing", match=match, times=99))

    got = run(schema(), record(1001), record(1002), state(2))

    assert got.outcomes == {"updated": 2}
    assert values_of(box) == {1001: "vip", 1002: "vip"}
    assert got.rejects == ()


@pytest.mark.guarantee("full-disk")
def test_full_disk_for_rejects_ends_run(run: RunTarget, box: Sandbox) -> None:
    lines = [record(1001, company="New"), state(1), record("no. 2"), state(2)]

    got = run(schema(), *lines, rejects_path="/dev/full")

    assert got.status == 1
    [error] = got.errors
    assert "rejects_path cannot be written" in error
    assert got.summary is not None
    assert got.summary["left"] == 2
    assert got.state is None
    assert writes_of(box) == []


# Changes.


def test_every_value_written_is_a_change(
    run: RunTarget, box: Sandbox, tmp_path: Path
) -> None:
    put_values(box, {1002: "vip", 1003: "vip"})
    put_values(box, {1001: "silver"}, "Tier")
    box.store.customers[1001]["company"] = "Old"
    path = tmp_path / "changes.jsonl"
    customers = set(box.store.customers)

    run(
        schema(),
        record(1001, company="New", tier=None, version=1),
        record(None, email="new@example.com", first_name="N", last_name="E", version=1),
        left(1002),
        activate(1),
        on_exit="clear",
        on_null="clear",
        on_missing_id="create",
        map_standard_fields=mapped("email", "first_name", "last_name", "company"),
        map_custom_attributes=[{"from": "tier", "to": "Tier"}],
        changes_path=str(path),
    )

    [new] = set(box.store.customers) - customers
    changes = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for change in changes:
        assert change.pop("at").endswith("+00:00")
        assert change.pop("stream") == "vip"
    rows = {
        (each["customer_id"], each.get("field", each.get("attribute"))): (
            each["old"],
            each["new"],
        )
        for each in changes
    }
    assert len(rows) == len(changes)
    assert rows == {
        (1001, "company"): ("Old", "New"),
        (1001, "Tier"): ("silver", None),
        (1001, AUDIENCE): (None, "vip"),
        (1002, AUDIENCE): ("vip", None),
        (1003, AUDIENCE): ("vip", None),
        (new, "email"): (None, "new@example.com"),
        (new, "first_name"): (None, "N"),
        (new, "last_name"): (None, "E"),
        (new, AUDIENCE): (None, "vip"),
    }
    assert path.stat().st_mode & 0o777 == 0o600


# All files.


@pytest.mark.guarantee("unwritable-file-found-first")
@pytest.mark.parametrize("setting", ["rejects_path", "changes_path", "summary_path"])
def test_unwritable_file_is_found_before_any_write(
    setting: str, run: RunTarget, box: Sandbox
) -> None:
    lines = [schema(), record(1001, company="New"), state(1)]

    got = run(*lines, **{setting: "/dev/null/file"})

    assert got.status == 1
    [error] = got.errors
    assert f"{setting} cannot be written: Not a directory" in error
    assert got.state is None
    assert writes_of(box) == []


def test_summary_has_every_figure(run: RunTarget) -> None:
    got = run(schema(), record(1001, company="New"), record(4_000_000), record(None))

    assert got.summary is not None
    assert got.summary["records"] == 3
    assert got.outcomes == {"updated": 1, "skipped": 1, "rejected": 1}
    assert got.summary["rejects"] == {"unknown_customer": 1}
    assert got.summary["changes"] == {"company": 1, AUDIENCE: 1}
    assert got.summary["calls"]["PUT /customers"] == 1
    assert got.summary["attributes_created"] == [AUDIENCE]
    assert got.summary["exit_status"] == 0
    assert "3 records: 1 updated, 1 skipped, 1 rejected" in got.stderr


# The summary of a run that fails.


@pytest.fixture
def earlier(config: dict[str, Any], run: RunTarget) -> Path:
    """The summary of an earlier run that succeeded."""
    got = run(schema(), record(1001))
    assert got.summary is not None
    assert got.summary["exit_status"] == 0
    return Path(config["summary_path"])


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"access_token": "wrong"}, "401"),
        ({"store_hash": "other"}, "store_hash"),
        ({"store_hash": "not/a/hash"}, "store_hash"),
        ({"id_field": ""}, "id_field is missing"),
        ({"batch_size_rows": "many"}, "batch_size_rows"),
        ({"map_standard_fields": [{"from": "x", "to": "y"}]}, "map_standard_fields"),
        ({"stream_maps": "none"}, "stream_maps"),
        ({"rejects_path": "/dev/null/rejects"}, "rejects_path cannot be written"),
        ({"changes_path": "/dev/null/changes"}, "changes_path cannot be written"),
        ({"api_url": "http://127.0.0.1:1"}, "127.0.0.1"),
        ({"map_custom_attributes": [{"from": "id", "to": AUDIENCE}]}, AUDIENCE),
        (
            {
                "map_custom_attributes": [
                    {"from": "id", "to": AUDIENCE, "type": "number"},
                ],
                "audience_attribute": "Other",
            },
            AUDIENCE,
        ),
    ],
    ids=str,
)
def test_failed_run_overwrites_the_summary(
    settings: dict[str, Any], error: str, earlier: Path, run: RunTarget
) -> None:
    run(schema(), record(1001), state(1), **settings)

    summary = json.loads(earlier.read_text())
    assert (summary["status"], summary["exit_status"]) == ("failed", 1)
    assert error in summary["error"]
    assert summary["start"] <= summary["end"]


@pytest.mark.parametrize("text", ["{", "[]", '"x"', ""])
def test_unreadable_config_overwrites_the_summary(
    text: str, earlier: Path, config: dict[str, Any], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(text)

    got = run_target(config, [], args=["--config", str(broken)])

    assert got.status == 1
    summary = json.loads(earlier.read_text())
    assert summary["exit_status"] == 1
    assert "broken.json" in summary["error"]


def test_invalid_environment_overwrites_the_summary(
    earlier: Path, config: dict[str, Any]
) -> None:
    names = ("summary_path", "rejects_path", "api_url", "store_hash", "access_token")
    env = {f"TARGET_BIGCOMMERCE_{name.upper()}": config[name] for name in names}
    env["TARGET_BIGCOMMERCE_LIMIT"] = "few"

    got = run_target({}, [schema()], args=["--config", "ENV"], env=env)

    assert got.status == 1
    summary = json.loads(earlier.read_text())
    assert summary["exit_status"] == 1
    assert "LIMIT" in summary["error"]
    assert summary["store"] == config["store_hash"]


@pytest.mark.parametrize(
    "lines",
    [
        ["{"],
        [schema(), "not JSON"],
        [record(1001)],
        [{"type": "BATCH", "stream": "vip"}],
        [schema(), {"type": "RECORD", "stream": "vip"}],
    ],
    ids=str,
)
def test_unreadable_input_overwrites_the_summary(
    lines: list[Any], earlier: Path, run: RunTarget
) -> None:
    got = run(*lines)

    assert got.status == 1
    summary = json.loads(earlier.read_text())
    assert (summary["exit_status"], summary["records"]) == (1, 0)
    assert got.errors == [summary["error"]]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing.jsonl", "No such file or directory"),
        ("", "Is a directory"),
        ("nu\\0l", "No such file or directory"),
    ],
)
def test_missing_input_overwrites_the_summary(
    name: str, why: str, earlier: Path, config: dict[str, Any], tmp_path: Path
) -> None:
    got = run_target(config, [], args=["--input", str(tmp_path / name)])

    assert got.status == 1
    assert why in got.errors[0]
    assert json.loads(earlier.read_text())["error"] == got.errors[0]


def test_signal_overwrites_the_summary(
    earlier: Path, config: dict[str, Any], tmp_path: Path
) -> None:
    (folder := tmp_path / "live").mkdir()
    with LiveTarget(config, folder) as target:
        target.send(schema(), record(1001), state(1))
        await_summary(earlier, "running")
        target.signal(signal.SIGTERM)
        got = target.end()

    assert got.summary is not None
    assert (got.summary["status"], got.summary["exit_status"]) == ("stopped", 143)
    assert got.summary["end"]


def test_killed_run_leaves_a_running_summary(
    earlier: Path, config: dict[str, Any], tmp_path: Path
) -> None:
    (folder := tmp_path / "live").mkdir()
    with LiveTarget(config, folder) as target:
        target.send(schema(), record(1001))
        summary = await_summary(earlier, "running")

    assert (summary["exit_status"], summary["end"]) == (None, None)
    assert json.loads(earlier.read_text()) == summary


def await_summary(path: Path, status: str) -> dict[str, Any]:
    """Wait until the summary has a status."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        summary: dict[str, Any] = json.loads(path.read_text())
        if summary["status"] == status:
            return summary
        time.sleep(0.05)
    raise AssertionError(f"no summary has the status {status}")


# Whether the tap got to its end.

LYTICS = schema(keys=("_member_id",), _member_id={"type": "string"})
MEMBER = record(1001, _member_id="u1")


def lytics_state(status: str) -> dict[str, Any]:
    return {"type": "STATE", "value": {"bookmarks": {"vip": {"pass_status": status}}}}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "cut_off"),
        ([LYTICS], "cut_off"),
        ([LYTICS, lytics_state("running"), MEMBER], "cut_off"),
        ([LYTICS, MEMBER, lytics_state("complete")], "complete"),
        ([LYTICS, {**MEMBER, "reject": {"code": "too_long"}}], "unknown"),
        ([schema(), record(1001), state(1)], "unknown"),
    ],
    ids=["empty", "schema", "page", "whole", "rejects", "other tap"],
)
def test_summary_says_whether_the_input_is_complete(
    lines: list[Any], expected: str, run: RunTarget
) -> None:
    got = run(*lines)

    assert got.status == 0
    assert got.summary is not None
    assert got.summary["input"] == expected
    assert ("The input was cut off" in got.stderr) == (expected == "cut_off")


def test_input_beyond_a_limit_is_not_cut_off(run: RunTarget) -> None:
    members = [record(number, _member_id=f"u{number}") for number in (1001, 1002)]

    got = run(LYTICS, lytics_state("running"), *members, limit=1, batch_size_rows=1)

    assert got.summary is not None
    assert (got.summary["status"], got.summary["input"]) == ("succeeded", "unknown")
    assert "The input was cut off" not in got.stderr
