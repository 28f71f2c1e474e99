"""A hostile tap upstream: its lines cost a record or end the run, and no more."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.log_lines import assert_plain
from support.plugins import run_target
from support.store import contents, writes_of

if TYPE_CHECKING:
    from sandbox import Sandbox

SCHEMA = {
    "type": "SCHEMA",
    "stream": "vip",
    "schema": {"properties": {"id": {}, "email": {}, "company": {}}},
}
IN_PATIENCE_SECONDS = 20.0


def _record(**fields: object) -> dict[str, Any]:
    return {"type": "RECORD", "stream": "vip", "record": fields}


@pytest.mark.guarantee("hostile-input")
@pytest.mark.parametrize(
    "line",
    [
        "[" * 500_000,
        '{"type":"RECORD","stream":"vip","record":{"id":1001,"company":'
        + "[" * 100_000
        + "]" * 100_000
        + "}}",
        '{"type":' * 100_000,
    ],
    ids=["open", "closed", "objects"],
)
def test_deep_json_ends_the_run_in_one_line(sandbox: Sandbox, line: str) -> None:
    before = contents(sandbox)

    run = run_target(sandbox.target_config(id_field="id"), [SCHEMA, line])

    assert run.status == 1
    assert len(run.errors) == 1
    assert_plain(run)
    assert contents(sandbox) == before


@pytest.mark.guarantee("hostile-input")
@pytest.mark.parametrize("number", ["1" + "0" * 4000, "1e400", "-1e400", "1e-400"])
def test_a_huge_number_is_no_id_and_costs_only_its_record(
    sandbox: Sandbox, number: str
) -> None:
    huge = json.dumps(_record(id="?")).replace('"?"', number)
    lines = [SCHEMA, huge, _record(id=1001)]

    run = run_target(sandbox.target_config(id_field="id"), lines)

    assert run.status == 0
    assert run.outcomes == {"rejected": 1, "updated": 1}
    assert_plain(run)


@pytest.mark.guarantee("hostile-input")
def test_a_number_that_no_parser_reads_ends_the_run_in_one_line(
    sandbox: Sandbox,
) -> None:
    huge = json.dumps(_record(id="?")).replace('"?"', "1" + "0" * 5000)

    run = run_target(sandbox.target_config(id_field="id"), [SCHEMA, huge])

    assert run.status == 1
    assert len(run.errors) == 1
    assert_plain(run)
    assert not writes_of(sandbox)


@pytest.mark.guarantee("hostile-input")
def test_a_huge_value_is_rejected_and_never_cut(sandbox: Sandbox) -> None:
    config = sandbox.target_config(
        id_field="id", map_standard_fields=[{"from": "company", "to": "company"}]
    )

    run = run_target(config, [SCHEMA, _record(id=1001, company="x" * 10_000_000)])

    assert run.outcomes == {"rejected": 1}
    assert not writes_of(sandbox)


@pytest.mark.guarantee("quoted-names")
@pytest.mark.parametrize(
    "email",
    [
        "a@b.example&limit=1#",
        "a@b.example?id:in=1002",
        "../../v2/x@b.example",
        "%2e%2e@b.example",
    ],
)
def test_an_address_stays_a_value_of_the_query(sandbox: Sandbox, email: str) -> None:
    config = sandbox.target_config(id_field="id", on_missing_id="match")

    run = run_target(config, [SCHEMA, _record(id=None, email=email)])

    assert run.status == 0
    assert {entry.path for entry in sandbox.journal} <= {
        "/customers",
        "/customers/attributes",
    }
    asked = [e.query["email:in"] for e in sandbox.journal if "email:in" in e.query]
    assert asked in ([email], [])
    assert not writes_of(sandbox)


@pytest.mark.guarantee("offline-schemas")
def test_a_pattern_that_backtracks_costs_no_time(sandbox: Sandbox) -> None:
    schema = json.loads(json.dumps(SCHEMA))
    schema["schema"]["properties"]["company"] = {"pattern": "^(a+)+$"}
    records = [_record(id=1001, company="a" * 5000 + "!")]
    began = time.monotonic()

    run = run_target(sandbox.target_config(id_field="id"), [schema, *records])

    assert time.monotonic() - began < IN_PATIENCE_SECONDS
    assert run.outcomes == {"rejected": 1}


@pytest.mark.guarantee("offline-schemas")
def test_a_schema_makes_the_target_fetch_nothing(sandbox: Sandbox) -> None:
    schema = json.loads(json.dumps(SCHEMA))
    schema["schema"]["properties"]["company"] = {"$ref": f"{sandbox.url}/_sandbox/x"}

    run = run_target(sandbox.target_config(id_field="id"), [schema])

    assert run.status == 1
    assert len(sandbox.journal) == 0
