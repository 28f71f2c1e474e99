"""What records of one run, or of several runs, write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.singer import companies, record, schema, state
from support.store import values_of, writes_of

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.plugins import RunTarget


@pytest.mark.guarantee("writes-only-differences")
def test_second_run_of_the_same_records_writes_nothing(
    box: Sandbox, run: RunTarget
) -> None:
    lines = [schema(), *companies(0, 30)]
    run(*lines)
    box.journal.clear()

    got = run(*lines)

    assert got.outcomes == {"unchanged": 30}
    assert got.state == {"n": 30}
    assert writes_of(box) == []


def test_entries_map_constants_tables_and_empty_fields(
    box: Sandbox, run: RunTarget
) -> None:
    one, two = box.store.customers[1001], box.store.customers[1002]
    one.update(company="Old & Sons")
    two.update(company="", customer_group_id=3)

    run(
        schema(),
        record(1001, tier="gold", company="Never"),
        record(1002, tier="bronze", company="Now"),
        map_standard_fields=[
            {"value": "From a job", "to": "notes"},
            {"from": "tier", "to": "customer_group_id", "values": {"gold": 7}},
            {"from": "company", "to": "company", "write": "if_empty"},
        ],
    )

    one, two = box.store.customers[1001], box.store.customers[1002]
    assert (one["notes"], one["customer_group_id"]) == ("From a job", 7)
    assert (two["notes"], two["customer_group_id"]) == ("From a job", 3)
    assert (one["company"], two["company"]) == ("Old & Sons", "Now")


def test_members_with_the_same_id_are_a_warning(run: RunTarget) -> None:
    lines = [record(1001, member="a"), record(1001, member="b")]

    got = run(schema(keys=("member",)), *lines)

    assert got.summary is not None
    assert got.summary["shared_ids"] == 1
    assert "same customer id" in got.stderr


def test_dropped_stream_needs_no_id_and_no_attribute(
    run: RunTarget, box: Sandbox
) -> None:
    orders = {
        "type": "SCHEMA",
        "stream": "orders",
        "schema": {"properties": {"number": {"type": "string"}}},
        "key_properties": ["number"],
    }
    order = {"type": "RECORD", "stream": "orders", "record": {"number": "1"}}

    got = run(
        orders, schema(), record(1001), order, state(2), stream_maps={"orders": None}
    )

    assert got.status == 0, got.stderr
    assert got.outcomes == {"updated": 1}
    assert got.state == {"n": 2}
    assert values_of(box) == {1001: "vip"}
