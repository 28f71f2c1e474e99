"""The files of a run: rejects, changes and the summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
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
    changed = schema(loyalty={"type": ["string", "null"]})
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
    assert rejects[1].keys() == {"reason", "code", "status", "at"}
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
def test_row_that_is_never_confirmed_is_rejected(run: RunTarget, box: Sandbox) -> None:
    match = "PUT /customers/attribute-values"
    box.faults.queue(Fault(kind="row_missing", match=match, times=99))

    got = run(schema(), record(1001), record(1002), state(2))

    assert got.outcomes == {"updated": 1, "rejected": 1}
    assert got.rejects[1]["reject"]["code"] == "unconfirmed"
    assert got.rejects[1]["record"]["id"] == 1002


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
    setting: str, run: RunTarget, box: Sandbox, tmp_path: Path
) -> None:
    lines = [schema(), record(1001, company="New"), state(1)]

    got = run(*lines, **{setting: str(tmp_path / "no" / "folder")})

    assert got.status == 1
    [error] = got.errors
    assert f"{setting} cannot be written: No such file or directory" in error
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
