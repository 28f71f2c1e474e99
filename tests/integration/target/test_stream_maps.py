"""The SDK's stream maps: errors in the user's expressions are reported as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.singer import record, schema, state
from support.store import companies_of, values_of, writes_of

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.plugins import RunTarget

GOOD = (schema(), record(1001, company="New"), state(1))


def test_an_expression_that_fails_on_a_record_rejects_that_record(
    run: RunTarget, box: Sandbox
) -> None:
    maps = {"vip": {"company": "company.upper()"}}

    got = run(*GOOD, record(1002, company=None), state(2), stream_maps=maps)

    assert got.status == 0, got.stderr
    assert got.outcomes == {"updated": 1, "rejected": 1}
    assert got.rejects[1]["record"] == {"id": 1002, "company": None}
    assert got.rejects[1]["reject"]["code"] == "failed_map"
    assert companies_of(box)[1001] == "NEW"
    assert got.state == {"n": 2}


@pytest.mark.parametrize("rule", [{"company": "1 +"}, {"company": 5}, 5, "no stream"])
def test_maps_that_are_none_are_told_as_a_setting(
    rule: object, run: RunTarget, box: Sandbox
) -> None:
    got = run(*GOOD, stream_maps={"vip": rule})

    assert got.status == 1
    [complaint] = got.errors
    assert "stream_maps" in complaint
    assert "vip" in complaint
    assert "defect" not in complaint
    assert writes_of(box) == []


def test_a_stream_that_maps_drop_needs_no_id_and_has_no_attribute(
    run: RunTarget, box: Sandbox
) -> None:
    other = {
        "type": "SCHEMA",
        "stream": "orders",
        "schema": {"properties": {"number": {"type": "string"}}},
        "key_properties": ["number"],
    }
    order = {"type": "RECORD", "stream": "orders", "record": {"number": "1"}}

    got = run(other, *GOOD, order, state(2), stream_maps={"orders": None})

    assert got.status == 0, got.stderr
    assert got.outcomes == {"updated": 1}
    assert got.state == {"n": 2}
    assert values_of(box) == {1001: "vip"}


def test_an_alias_names_the_attribute_and_its_value(
    run: RunTarget, box: Sandbox
) -> None:
    run(*GOOD, stream_maps={"vip": {"__alias__": "gold"}})

    assert values_of(box, "LyticsAudience_gold") == {1001: "gold"}
