"""Records that could not be written are kept, and are replayed once they are fixed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.live_target import LiveTarget
from support.plugins import BIN, Run
from support.singer import record, schema, state
from support.store import companies_of, values_of, writes_of

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.plugins import RunTarget
    from support.store import MakeBox

LONG = "x" * 256
TAKEN = [{"from": "email", "to": "email"}]


def test_mended_rejects_complete_the_store(
    config: dict[str, Any], run: RunTarget, box: Sandbox
) -> None:
    bad = [
        record(1001, company=LONG),
        record("no. 2", company="Two"),
        record(4_000_000, company="Three"),
        record(1004, company=4),
    ]
    first = run(schema(), record(1005, company="Five"), *bad, state(5))
    Path(config["rejects_path"]).unlink()
    announced, *lines = first.rejects
    for line in lines:
        place = {LONG: 1, "Two": 2, "Three": 3, 4: 4}[line["record"]["company"]]
        line["record"] = {"id": 1000 + place, "company": f"Fixed {place}"}

    second = run(announced, *lines)

    assert first.outcomes == {"updated": 1, "rejected": 4}
    assert first.status == 0
    assert first.state == {"n": 5}
    assert second.outcomes == {"updated": 4}
    assert second.rejects == ()
    assert [companies_of(box)[number] for number in range(1001, 1006)] == [
        "Fixed 1",
        "Fixed 2",
        "Fixed 3",
        "Fixed 4",
        "Five",
    ]
    assert values_of(box).keys() == {1001, 1002, 1003, 1004, 1005}


@pytest.mark.guarantee("private-files")
def test_a_reject_is_a_singer_line_with_its_reason_for_its_owner_alone(
    config: dict[str, Any], run: RunTarget
) -> None:
    run(schema(), record(4_000_000, company="Gone"))

    announced, line = (
        json.loads(text)
        for text in Path(config["rejects_path"]).read_text("utf-8").splitlines()
    )
    assert announced == schema()
    reject = line.pop("reject")
    assert line == record(4_000_000, company="Gone")
    assert reject.keys() == {"reason", "code", "status", "at"}
    assert reject["code"] == "unknown_customer"
    assert Path(config["rejects_path"]).stat().st_mode & 0o777 == 0o600


@pytest.mark.guarantee("schema-change")
def test_each_reject_stands_below_the_schema_that_it_came_under(
    run: RunTarget,
) -> None:
    changed = schema(loyalty={"type": ["string", "null"]})

    got = run(
        schema(),
        record(4_000_001),
        changed,
        record(4_000_002),
        record(1001, company=LONG),
    )

    assert [line["type"] for line in got.rejects] == [
        "SCHEMA",
        "RECORD",
        "SCHEMA",
        "RECORD",
        "RECORD",
    ]
    assert got.rejects[2] == changed
    assert got.rejects[1]["record"]["id"] == 4_000_001


def test_the_rejects_in_use_are_no_input(
    config: dict[str, Any], run: RunTarget, tmp_path: Path
) -> None:
    run(schema(), record(4_000_000))
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    before = Path(config["rejects_path"]).read_bytes()

    with Path(config["rejects_path"]).open() as stdin:
        done = subprocess.run(
            [str(BIN / "target-bigcommerce"), "--config", str(path)],
            stdin=stdin,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    got = Run(status=done.returncode, stdout=done.stdout, stderr=done.stderr)
    assert got.status == 1
    [complaint] = got.errors
    assert "mv rejects.jsonl replay.jsonl" in complaint
    assert Path(config["rejects_path"]).read_bytes() == before


def test_more_rejects_than_allowed_end_the_run_after_the_drain(
    run: RunTarget, box: Sandbox
) -> None:
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
    [complaint] = got.errors
    assert "max_rejects 3" in complaint
    assert got.outcomes == {"updated": 4, "rejected": 4}
    assert got.state == {"n": 6}
    assert list(values_of(box)) == [1001, 1002, 1003, 1004]


def test_a_record_that_comes_again_is_one_reject(run: RunTarget) -> None:
    again = [record(4_000_000)] * 5

    got = run(schema(), *again, max_rejects=1)

    assert got.status == 0
    assert got.outcomes == {"rejected": 5}


def test_no_state_comes_before_its_rejects_are_kept(
    config: dict[str, Any], tmp_path: Path
) -> None:
    with LiveTarget({**config, "batch_wait_limit_seconds": 1}, tmp_path) as target:
        target.send(schema(), record("no. 1"), state(1))

        printed = target.state()
        kept = Path(config["rejects_path"]).read_text("utf-8")

    assert printed == {"n": 1}
    assert '"no. 1"' in kept


@pytest.mark.guarantee("full-disk")
def test_rejects_that_cannot_be_kept_end_the_run(run: RunTarget, box: Sandbox) -> None:
    lines = [record(1001, company="New"), state(1), record("no. 2"), state(2)]

    got = run(schema(), *lines, rejects_path="/dev/full")

    assert got.status == 1
    [complaint] = got.errors
    assert "rejects_path cannot be written" in complaint
    assert got.summary is not None
    assert got.summary["left"] == 2
    assert got.state is None
    assert writes_of(box) == []


def test_a_customer_whose_fields_are_refused_gets_no_attribute_value(
    run: RunTarget, box: Sandbox
) -> None:
    taken = box.store.customers[1002]["email"]

    got = run(
        schema(),
        record(1001, email=taken, tier="gold"),
        record(1003, email="free@example.com", tier="gold"),
        map_standard_fields=TAKEN,
        map_custom_attributes=[{"from": "tier", "to": "Tier"}],
    )

    assert got.outcomes == {"updated": 1, "rejected": 1}
    assert got.rejects[1]["reject"]["code"] == "email_taken"
    assert values_of(box) == {1003: "vip"}
    assert values_of(box, "Tier") == {1003: "gold"}


def test_of_a_customers_records_only_the_refused_one_is_rejected(
    run: RunTarget, box: Sandbox
) -> None:
    taken = box.store.customers[1002]["email"]
    fields = ("company", "email")

    got = run(
        schema(),
        record(1001, company="First"),
        record(1001, email=taken, company="Second"),
        record(1001, tier="gold"),
        map_standard_fields=[{"from": name, "to": name} for name in fields],
        map_custom_attributes=[{"from": "tier", "to": "Tier"}],
    )

    assert [line["record"] for line in got.rejects[1:]] == [
        {"id": 1001, "email": taken, "company": "Second"}
    ]
    assert got.outcomes == {"updated": 2, "rejected": 1}
    assert companies_of(box)[1001] == "First"
    assert values_of(box, "Tier") == {1001: "gold"}


@pytest.mark.parametrize("names_the_row", [True, False])
@pytest.mark.parametrize("applies_valid_rows", [True, False])
def test_refused_calls_lose_only_the_guilty_customers(
    names_the_row: bool,  # noqa: FBT001 - a column of the table
    applies_valid_rows: bool,  # noqa: FBT001 - the same
    make_box: MakeBox,
    run: RunTarget,
) -> None:
    box = make_box(
        errors_name_the_row=names_the_row, apply_valid_rows=applies_valid_rows
    )
    taken = box.store.customers[1030]["email"]
    guilty = {1003, 1004, 1012}
    lines = [
        record(n, email=taken if n in guilty else f"new.{n}@example.com")
        for n in range(1001, 1016)
    ]

    got = run(schema(), *lines, **box.target_config(), map_standard_fields=TAKEN)

    assert got.outcomes == {"updated": 12, "rejected": 3}
    rejected = {line["record"]["id"] for line in got.rejects[1:]}
    assert rejected == guilty
    assert {line["reject"]["code"] for line in got.rejects[1:]} == {"email_taken"}
    assert values_of(box).keys() == set(range(1001, 1016)) - guilty


def test_an_id_that_the_store_cannot_even_read_is_nobodys(
    make_box: MakeBox, run: RunTarget
) -> None:
    box = make_box(largest_id=2**31 - 1)
    lines = [record(1001 + n, company=f"New {n}") for n in range(20)]

    got = run(schema(), *lines, record(5_000_000_000), **box.target_config())

    assert got.status == 0, got.stderr
    assert got.outcomes == {"updated": 20, "rejected": 1}
    assert got.rejects[1]["reject"]["code"] == "unknown_customer"


@pytest.mark.guarantee("unconfirmed-is-not-written")
def test_a_row_that_is_never_confirmed_is_not_taken_for_written(
    run: RunTarget, box: Sandbox
) -> None:
    values = "PUT /customers/attribute-values"
    box.faults.queue(Fault(kind="row_missing", match=values, times=99))

    got = run(schema(), record(1001), record(1002), state(2))

    assert got.outcomes == {"updated": 1, "rejected": 1}
    assert got.rejects[1]["reject"]["code"] == "unconfirmed"
    assert got.rejects[1]["record"]["id"] == 1002


def test_a_dry_run_keeps_no_rejects(config: dict[str, Any], run: RunTarget) -> None:
    got = run(schema(), record(4_000_000), dry_run=True)

    assert got.outcomes == {"rejected": 1}
    assert not Path(config["rejects_path"]).exists()
