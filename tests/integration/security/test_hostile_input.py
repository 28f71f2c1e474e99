"""Hostile messages and settings: they cost a record or end the run, nothing more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.log_lines import FORGED, assert_plain
from support.plugins import run_target
from support.store import contents, writes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    Message = dict[str, Any]


def schema(stream: str, *fields: str, keys: tuple[str, ...] = ()) -> Message:
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {"type": "object", "properties": {name: {} for name in fields}},
        "key_properties": list(keys),
    }


def record(stream: str = "vip", **fields: object) -> Message:
    return {"type": "RECORD", "stream": stream, "record": fields}


SCHEMA = schema("vip", "id", "email", "company")


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
        json.dumps(record(id="?")).replace('"?"', "1" + "0" * 5000),
    ],
    ids=["open lists", "closed lists", "objects", "huge integer"],
)
def test_extreme_json_ends_run_in_one_line(sandbox: Sandbox, line: str) -> None:
    before = contents(sandbox)

    run = run_target(sandbox.target_config(id_field="id"), [SCHEMA, line])

    assert run.status == 1
    assert len(run.errors) == 1
    assert_plain(run)
    assert contents(sandbox) == before


@pytest.mark.guarantee("hostile-input")
def test_huge_value_is_rejected(sandbox: Sandbox) -> None:
    config = sandbox.target_config(
        id_field="id", map_standard_fields=[{"from": "company", "to": "company"}]
    )

    run = run_target(config, [SCHEMA, record(id=1001, company="x" * 10_000_000)])

    assert run.outcomes == {"rejected": 1}
    assert not writes_of(sandbox)


@pytest.mark.guarantee("hostile-input")
@pytest.mark.parametrize("depth", [100, 450, 900])
@pytest.mark.parametrize("to", ["company", "addresses", "store_credit_amounts"])
def test_deeply_nested_value_costs_its_record(
    sandbox: Sandbox, to: str, depth: int
) -> None:
    config = sandbox.target_config(
        id_field="id",
        map_standard_fields=[{"from": "company", "to": to}],
    )
    deep = json.dumps(record(id=1001, company="?")).replace(
        '"?"', "[" * depth + "1" + "]" * depth
    )

    run = run_target(config, [SCHEMA, deep, record(id=1002)])

    assert run.status == 0
    assert run.summary is not None
    assert run.summary["records"] == 2
    assert not run.errors


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
def test_email_stays_one_value_of_the_query(sandbox: Sandbox, email: str) -> None:
    config = sandbox.target_config(id_field="id", on_missing_id="match")

    run = run_target(config, [SCHEMA, record(id=None, email=email)])

    assert run.status == 0
    paths = {entry.path for entry in sandbox.journal}
    assert paths <= {"/customers", "/customers/attributes"}
    queries = [e.query["email:in"] for e in sandbox.journal if "email:in" in e.query]
    assert queries in ([email], [])
    assert not writes_of(sandbox)


@pytest.mark.guarantee("offline-schemas")
def test_schema_makes_no_request(sandbox: Sandbox) -> None:
    remote = schema("vip", "id")
    remote["schema"]["properties"]["id"] = {"$ref": f"{sandbox.url}/_sandbox/x"}

    run = run_target(sandbox.target_config(id_field="id"), [remote])

    assert run.status == 0
    assert {entry.path for entry in sandbox.journal} <= {"/customers/attributes"}


@pytest.mark.guarantee("log-injection")
@pytest.mark.parametrize(
    "lines_with",
    [
        lambda name: [record(name, id=1)],
        lambda name: [schema(name, "no")],
        lambda name: [schema("vip", f"ids{name}")],
        lambda name: [schema(name, "id"), schema(name, "id", "more")],
        lambda name: [
            schema(name, "id", keys=(name,)),
            record(name, id=1001, **{name: name}),
        ],
        lambda name: [{"type": name, "stream": name}],
    ],
    ids=["no schema", "no id", "similar id", "new schema", "key", "type"],
)
def test_names_in_messages_forge_no_log_line(
    sandbox: Sandbox, lines_with: Callable[[str], list[Message]]
) -> None:
    run = run_target(sandbox.target_config(id_field="id"), lines_with(FORGED))

    assert_plain(run)


@pytest.mark.guarantee("log-injection")
def test_settings_forge_no_log_line(sandbox: Sandbox) -> None:
    config = sandbox.target_config(
        id_field=FORGED,
        map_standard_fields=[{"from": FORGED, "to": FORGED}],
        **{FORGED: 1},
    )

    run = run_target(config, [SCHEMA])

    assert run.status == 1
    assert_plain(run)
