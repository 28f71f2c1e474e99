"""Runs with dry_run write nothing, and runs with limit change few customers."""

from __future__ import annotations

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


def test_dry_run_writes_nothing(
    config: dict[str, Any], run: RunTarget, box: Sandbox
) -> None:
    put_values(box, {1001: "vip", 1002: "vip"})
    folder = Path(config["rejects_path"]).parent
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
        changes_path=str(folder / "changes.jsonl"),
    )

    assert got.status == 0, got.stderr
    assert contents(box) == before
    assert writes_of(box) == []
    assert attribute_names(box) == {AUDIENCE}
    assert got.stdout == ""
    assert {path.name for path in folder.iterdir()} == {"summary.json"}
    assert got.outcomes == {"updated": 1, "rejected": 1, "created": 1, "cleared": 1}


def test_dry_run_logs_totals_and_no_values(run: RunTarget, box: Sandbox) -> None:
    names = [f"Ada Lovelace the {n}th" for n in range(30)]
    for number, customer in box.store.customers.items():
        customer["company"] = f"Former {number}"
    lines = [
        record(1001 + n, company=name, email=f"new{n}@example.com", tier="gold-plated")
        for n, name in enumerate(names)
    ]

    got = run(
        schema(),
        *lines,
        dry_run=True,
        map_standard_fields=[{"from": n, "to": n} for n in ("company", "email")],
        map_custom_attributes=[{"from": "tier", "to": "Tier"}],
    )

    [line] = [line for line in got.stderr.splitlines() if "Dry run:" in line]
    assert "120 values would change for 30 customers" in line
    for total in ("company 30", "email 30", "Tier 30", f"{AUDIENCE} 30"):
        assert total in line
    assert "Customer ids: 1001, 1002" in line
    assert "1010, …" in line
    assert "1011" not in line
    for secret in ("Lovelace", "Former", "gold-plated", "example.com", "***"):
        assert secret not in got.stderr


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["not JSON"], "what would change is not known"),
        ([schema(), "not JSON"], "what would change is not known"),
        ([schema(), record(1001), activate(1), "not JSON"], "So far, 1 value would"),
    ],
    ids=["first line", "second line", "after a drain"],
)
def test_failed_dry_run_does_not_say_nothing_changes(
    lines: list[Any], expected: str, run: RunTarget
) -> None:
    got = run(*lines, dry_run=True, on_exit="clear", map_standard_fields=[])

    assert got.status == 1
    assert "The dry run did not finish" in got.stderr
    assert expected in got.stderr
    assert "0 values would change" not in got.stderr
    assert "Calls:" not in got.stderr


def test_dry_run_estimates_the_calls_of_the_run(run: RunTarget, box: Sandbox) -> None:
    lines = [schema(), *companies(0, 30)]

    dry = run(*lines, dry_run=True)
    box.journal.clear()
    run(*lines)

    reads = len(box.journal) - len(writes_of(box))
    assert f"Calls: {reads} reads and {len(writes_of(box))} writes" in dry.stderr
    assert "minutes of the store's quota" in dry.stderr


def test_limit_ends_run_without_state_or_clearing(run: RunTarget, box: Sandbox) -> None:
    put_values(box, {1030: "vip"})

    got = run(schema(), left(1030), *companies(0, 20), limit=3, on_exit="clear")

    assert got.status == 0
    assert got.stdout == ""
    assert list(values_of(box)) == [1001, 1002, 1003, 1030]
    assert "limit 3 reached" in got.stderr
    assert got.outcomes == {"kept": 1, "updated": 3}


def test_limit_ignores_unchanged_customers(run: RunTarget, box: Sandbox) -> None:
    first = [schema(), *companies(0, 10)]
    run(*first)

    got = run(*first, *companies(10, 10), limit=2)

    assert got.outcomes["updated"] == 2
    assert list(values_of(box)) == [*range(1001, 1011), 1011, 1012]


def test_limit_covers_all_audiences_together(run: RunTarget, box: Sandbox) -> None:
    vips = [record(number, company="New") for number in (1001, 1002, 1003)]
    golds = [record(n, stream="gold", company="New") for n in range(1011, 1021)]

    got = run(schema(), schema(stream="gold"), *vips, *golds, limit=5)

    assert got.outcomes == {"updated": 5}
    changed = {number for number, text in companies_of(box).items() if text == "New"}
    assert changed == {1001, 1002, 1003, 1011, 1012}
