"""Ways to look before one leaps: dry_run, limit, changes_path, summary_path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.singer import activate, companies, left, record, schema, state
from support.store import (
    AUDIENCE,
    attribute_names,
    companies_of,
    contents,
    put_values,
    values_of,
    writes_of,
)

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.plugins import RunTarget

EMAIL = [{"from": "email", "to": "email"}]


# A dry run.


def test_a_dry_run_changes_nothing_anywhere(
    config: dict[str, Any], run: RunTarget, box: Sandbox
) -> None:
    put_values(box, {1001: "vip", 1002: "vip"})
    before = contents(box)

    got = run(
        schema(),
        record(1001, company="New", version=1),
        record(4_000_000, version=1),
        record(None, email="new@example.com", first_name="N", last_name="E"),
        left(1002),
        activate(1),
        state(4),
        dry_run=True,
        on_exit="clear",
        on_missing_id="create",
        map_standard_fields=[
            {"from": name, "to": name}
            for name in ("company", "email", "first_name", "last_name")
        ],
        map_custom_attributes=[{"from": "tier", "to": "Tier"}],
        changes_path=str(Path(config["rejects_path"]).with_name("changes.jsonl")),
    )

    assert got.status == 0, got.stderr
    assert contents(box) == before
    assert writes_of(box) == []
    assert attribute_names(box) == {AUDIENCE}
    assert got.stdout == ""
    assert {path.name for path in Path(config["rejects_path"]).parent.iterdir()} == {
        "summary.json"
    }
    assert got.outcomes == {"updated": 1, "rejected": 1, "created": 1, "cleared": 1}


def test_a_dry_run_shows_what_would_change_with_addresses_masked(
    run: RunTarget, box: Sandbox
) -> None:
    box.store.customers[1001]["email"] = "old.address@example.org"

    got = run(
        schema(),
        record(1001, email="new.address@example.com"),
        dry_run=True,
        map_standard_fields=EMAIL,
    )

    rows = [line.split() for line in got.stderr.splitlines() if line.startswith("  ")]
    assert ["customer", "field", "old", "new"] in rows
    assert ["1001", "email", "o***@e***.org", "n***@e***.com"] in rows
    assert ["1001", AUDIENCE, "-", "vip"] in rows
    assert "Dry run: 2 values would change." in got.stderr


def test_a_dry_run_foretells_the_calls_of_the_run(run: RunTarget, box: Sandbox) -> None:
    lines = [schema(), *companies(0, 30)]

    dry = run(*lines, dry_run=True)
    box.journal.clear()
    run(*lines)

    reads = len(box.journal) - len(writes_of(box))
    foretold = f"Calls: {reads} reads and {len(writes_of(box))} writes"
    assert foretold in dry.stderr
    assert "minutes of the store's quota" in dry.stderr


# A limit.


def test_a_limit_ends_the_reading_in_peace(run: RunTarget, box: Sandbox) -> None:
    put_values(box, {1030: "vip"})

    got = run(
        schema(),
        left(1030),
        *companies(0, 20),
        limit=3,
        on_exit="clear",
    )

    assert got.status == 0
    assert got.stdout == ""
    assert list(values_of(box)) == [1001, 1002, 1003, 1030]
    assert "limit 3 reached" in got.stderr
    assert got.outcomes == {"kept": 1, "updated": 3}


def test_a_limit_does_not_count_who_is_unchanged(run: RunTarget, box: Sandbox) -> None:
    first = [schema(), *companies(0, 10)]
    run(*first)

    got = run(*first, *companies(10, 10), limit=2)

    assert got.outcomes["updated"] == 2
    assert list(values_of(box)) == [*range(1001, 1011), 1011, 1012]


def test_a_limit_holds_for_all_audiences_together(run: RunTarget, box: Sandbox) -> None:
    vips = [record(number, company="New") for number in (1001, 1002, 1003)]
    golds = [record(n, stream="gold", company="New") for n in range(1011, 1021)]

    got = run(schema(), schema(stream="gold"), *vips, *golds, limit=5)

    assert got.outcomes == {"updated": 5}
    changed = {number for number, text in companies_of(box).items() if text == "New"}
    assert changed == {1001, 1002, 1003, 1011, 1012}


# Files.


def test_every_value_written_is_a_line_of_changes(
    run: RunTarget, box: Sandbox, tmp_path: Path
) -> None:
    put_values(box, {1002: "vip", 1003: "vip"})
    number = put_values(box, {1001: "silver"}, "Tier")
    box.store.customers[1001]["company"] = "Old"
    path = tmp_path / "changes.jsonl"

    run(
        schema(),
        record(1001, company="New", tier=None, version=1),
        left(1002),
        activate(1),
        on_exit="clear",
        on_null="clear",
        map_custom_attributes=[{"from": "tier", "to": "Tier"}],
        changes_path=str(path),
    )

    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        assert row.pop("at").endswith("+00:00")
        assert row.pop("stream") == "vip"
    assert sorted(rows, key=str) == sorted(
        [
            {"customer_id": 1001, "field": "company", "old": "Old", "new": "New"},
            {"customer_id": 1001, "attribute": "Tier", "old": "silver", "new": None},
            {"customer_id": 1001, "attribute": AUDIENCE, "old": None, "new": "vip"},
            {"customer_id": 1002, "attribute": AUDIENCE, "old": "vip", "new": None},
            {"customer_id": 1003, "attribute": AUDIENCE, "old": "vip", "new": None},
        ],
        key=str,
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert box.store.values.text((1001, number)) is None


def test_a_created_customer_is_in_the_changes_with_the_new_id(
    run: RunTarget, box: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "changes.jsonl"
    before = set(box.store.customers)

    run(
        schema(),
        record(None, email="new@example.com", first_name="N", last_name="E"),
        on_missing_id="create",
        map_standard_fields=[
            {"from": name, "to": name} for name in ("email", "first_name", "last_name")
        ],
        changes_path=str(path),
    )

    [created] = set(box.store.customers) - before
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert {row["customer_id"] for row in rows} == {created}
    assert {row.get("field", row.get("attribute")) for row in rows} == {
        "email",
        "first_name",
        "last_name",
        AUDIENCE,
    }


@pytest.mark.guarantee("unwritable-file-found-first")
@pytest.mark.parametrize("setting", ["rejects_path", "changes_path", "summary_path"])
def test_a_file_that_cannot_be_written_is_told_before_anything_is(
    setting: str, run: RunTarget, box: Sandbox, tmp_path: Path
) -> None:
    lines = [schema(), record(1001, company="New"), state(1)]

    got = run(*lines, **{setting: str(tmp_path / "no" / "folder")})

    assert got.status == 1
    [complaint] = got.errors
    assert f"{setting} cannot be written: No such file or directory" in complaint
    assert got.state is None
    assert writes_of(box) == []


def test_the_summary_has_every_figure(run: RunTarget) -> None:
    got = run(
        schema(),
        record(1001, company="New"),
        record(4_000_000),
        record(None),
    )

    assert got.summary is not None
    assert got.summary["records"] == 3
    assert got.outcomes == {"updated": 1, "skipped": 1, "rejected": 1}
    assert got.summary["rejects"] == {"unknown_customer": 1}
    assert got.summary["changes"] == {"company": 1, AUDIENCE: 1}
    assert got.summary["calls"]["PUT /customers"] == 1
    assert got.summary["attributes_created"] == [AUDIENCE]
    assert got.summary["exit_status"] == 0
    assert "3 records: 1 updated, 1 skipped, 1 rejected" in got.stderr


def test_a_setting_that_nobody_knows_is_told(run: RunTarget, box: Sandbox) -> None:
    got = run(schema(), record(1001, company="New"), on_exits="clear")

    assert got.status == 0
    assert "Unknown setting on_exits is ignored. Did you mean on_exit?" in (got.stderr)
    assert companies_of(box)[1001] == "New"
