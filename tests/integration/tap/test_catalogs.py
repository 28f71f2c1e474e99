"""Catalogs edited by hand: what is sent fits them, or the run ends with one line."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.tap_in_process import FinishedRun, run_tap_in_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from sandbox import Sandbox

    Catalog = dict[str, Any]
    RunTap = Callable[..., FinishedRun]

VIP = "vip_customers"
ID = "bigcommerce_customer_id"
KEPT = {
    "__else__": None,
    "_member_id": "_member_id",
}  # Only what is named, and the key.


@pytest.fixture
def run(
    sandbox: Sandbox, config_of: Callable[..., dict[str, Any]], tmp_path: Path
) -> RunTap:
    """Run the tap over all members; keywords are settings, but the first three."""

    def run(
        *args: str,
        catalog: Catalog | None = None,
        state: Catalog | None = None,
        **settings: Any,  # noqa: ANN401 - JSON
    ) -> FinishedRun:
        given = {"config": config_of(sandbox, **settings), "catalog": catalog}
        options = list(args)
        for name, content in {**given, "state": state}.items():
            if content is not None:
                path = tmp_path / f"{name}.json"
                path.write_text(json.dumps(content), encoding="utf-8")
                options += [f"--{name}", str(path)]
        return run_tap_in_process(options)

    return run


@pytest.fixture
def catalog(run: RunTap) -> Catalog:
    """The catalog of the main audience, as discovery writes it."""
    found: Catalog = json.loads(run("--discover").stdout)
    return found


def properties(catalog: Catalog) -> dict[str, Any]:
    found: dict[str, Any] = catalog["streams"][0]["schema"]["properties"]
    return found


def select(catalog: Catalog, *fields: str, stream: object = True) -> Catalog:
    """Select these fields only."""
    for row in catalog["streams"][0]["metadata"]:
        name = row["breadcrumb"][-1] if row["breadcrumb"] else None
        row["metadata"]["selected"] = name in fields if name else stream
    return catalog


def warnings_of(run: FinishedRun) -> list[str]:
    return [text for level, _, text in run.log if level == 30]


def assert_fits(run: FinishedRun) -> None:
    """Every record fits its SCHEMA, and has the key and no other fields."""
    assert run.status == 0, run.log_text
    [schema] = [m["schema"] for m in run.messages if m["type"] == "SCHEMA"]
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    assert run.records
    for record in run.records:
        validator.validate(record)
        assert record["_member_id"]
        assert schema["properties"].keys() >= record.keys()


def keys(run: FinishedRun) -> list[str]:
    return [record["_member_id"] for record in run.records]


@pytest.mark.parametrize("name", ["VIPs", "", None, 7])
def test_name_beside_tap_stream_id_is_ignored(
    name: object, catalog: Catalog, run: RunTap
) -> None:
    catalog["streams"][0]["stream"] = name

    finished = run(catalog=catalog)

    assert_fits(finished)
    assert {m["stream"] for m in finished.messages if "stream" in m} == {VIP}
    assert len(warnings_of(finished)) == bool(name)


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        ("lifetime_value", {"type": ["string", "null"]}),
        ("lifetime_value", {"type": "string"}),
        ("lifetime_value", {"type": ["integer", "null"]}),
        ("orders_count", {"type": ["number", "null"]}),
        ("orders_count", {"type": "string", "maxLength": 1}),
        ("last_purchase_ts", {"type": ["string", "null"]}),
        ("last_purchase_ts", {"type": "string", "format": "date"}),
        ("email", {"type": "string"}),
        (ID, {"type": "integer"}),
        (ID, {"type": ["null", "integer"], "minimum": 1010}),
        ("country_codes", {"type": ["null", "string"]}),
        ("country_codes", {"type": "array", "items": {"enum": ["DE", "US"]}}),
        ("_modified", {"type": "string"}),
        ("company", {}),
    ],
    ids=str,
)
def test_records_fit_overridden_type(
    field: str, schema: dict[str, Any], catalog: Catalog, run: RunTap
) -> None:
    assert field in properties(catalog)
    properties(catalog)[field] = schema

    assert_fits(run(catalog=catalog))


@pytest.mark.parametrize(
    ("field", "schema", "reason"),
    [
        ("country_codes", {"type": "integer"}, "the type integer"),
        ("orders_count", {"type": "text"}, "no valid JSON Schema"),
        ("_modified", {"type": ["number", "null"]}, "the type number"),
    ],
)
def test_impossible_type_is_refused_in_one_line(
    field: str, schema: dict[str, Any], reason: str, catalog: Catalog, run: RunTap
) -> None:
    properties(catalog)[field] = schema

    finished = run(catalog=catalog)

    [error] = finished.errors
    assert f"Field {field} of stream {VIP}" in error
    assert reason in error
    assert not finished.records


def test_type_of_deselected_field_does_not_matter(
    catalog: Catalog, run: RunTap
) -> None:
    properties(catalog)["country_codes"] = {"type": "text"}

    assert_fits(run(catalog=select(catalog, "email")))


def trim(stream: Catalog, how: str) -> None:
    """Trim a stream of a catalog by hand."""
    fields = stream["schema"]["properties"]
    [root] = [row for row in stream["metadata"] if not row["breadcrumb"]]
    if "identities" in how:
        del fields["email"], fields["user_id"]
    if "marks" in how:
        del root["metadata"]["lytics-identities"]
    if how == "all but one field":
        stream["schema"]["properties"] = {"company": fields["company"]}
    if how == "metadata":
        del stream["metadata"]
    if how == "metadata of fields":
        stream["metadata"] = [{"breadcrumb": [], "metadata": {"selected": True}}]


@pytest.mark.parametrize(
    "how",
    [
        *("identities", "identities and marks", "all but one field", "metadata"),
        "metadata of fields",
    ],
)
def test_trimmed_catalog_keeps_member_ids(
    how: str, catalog: Catalog, run: RunTap
) -> None:
    whole = keys(run(catalog=catalog))
    trim(catalog["streams"][0], how)

    finished = run(catalog=catalog)

    assert_fits(finished)
    assert keys(finished) == whole
    assert set(finished.records[0]) == {"_member_id", *properties(catalog)}


def test_required_field_may_be_missing_from_catalog(
    catalog: Catalog, run: RunTap
) -> None:
    properties(catalog).pop(ID)

    finished = run(catalog=catalog, require_fields=[ID])

    assert_fits(finished)
    assert ID not in finished.records[0]


@pytest.mark.parametrize("part", ["key_properties", "type", "stream", "metadata"])
def test_missing_part_of_catalog_changes_nothing(
    part: str, catalog: Catalog, run: RunTap
) -> None:
    whole = run(catalog=catalog).records
    catalog["streams"][0].pop(part, None)
    catalog["streams"][0]["schema"].pop(part, None)

    finished = run(catalog=catalog)

    assert_fits(finished)
    assert finished.records == whole
    assert finished.messages[0]["key_properties"] == ["_member_id"]


@pytest.mark.parametrize("audiences", [[VIP], [VIP, "newsletter_readers"]])
@pytest.mark.parametrize("selected", [False, None, "false"])
def test_empty_selection_of_streams_is_refused(
    selected: object, audiences: list[str], run: RunTap
) -> None:
    catalog = json.loads(run("--discover", audiences=audiences).stdout)
    for stream in catalog["streams"]:
        [root] = [row for row in stream["metadata"] if not row["breadcrumb"]]
        root["metadata"] = {"inclusion": "available", "selected": selected}

    finished = run(catalog=catalog, audiences=audiences)

    [error] = finished.errors
    assert "No stream is selected" in error
    assert finished.status == 1
    assert not finished.messages


@pytest.mark.parametrize("fields", [[], ["_member_id"], ["_sdc_deleted_at"]])
def test_empty_selection_of_fields_is_refused(
    fields: list[str], catalog: Catalog, run: RunTap
) -> None:
    finished = run(catalog=select(catalog, *fields))

    [error] = finished.errors
    assert f"No field of stream {VIP} is selected" in error


def test_schema_without_properties_is_refused(catalog: Catalog, run: RunTap) -> None:
    catalog["streams"][0]["schema"] = {"type": "object", "properties": {}}

    [error] = run(catalog=catalog).errors

    assert f"No field of stream {VIP} is selected" in error


def test_deselected_audience_of_several_is_warned_about(run: RunTap) -> None:
    both = [VIP, "newsletter_readers"]
    catalog = json.loads(run("--discover", audiences=both).stdout)
    catalog["streams"].sort(key=lambda stream: stream["tap_stream_id"] != VIP)
    select(catalog, stream=False)

    finished = run(catalog=catalog, audiences=both)

    assert finished.status == 0
    [warning] = warnings_of(finished)
    assert f"Audience {VIP} is not exported" in warning


REPLACEMENTS: list[Any] = [
    *(None, True, False, 0, 1.5, "", "x", "true", VIP, [], {}, ["x"], [[]], {"a": 1}),
    *("integer", ["null"], {"type": "string"}, {"type": ["null", "integer"]}),
    *({"type": "array"}, {"$ref": "#/x"}, {"anyOf": [{"type": "integer"}]}),
]


def damage(catalog: Catalog, random: Random) -> None:
    """Remove or replace a part of a catalog."""
    owner: Any = catalog
    key: Any = "streams"
    while isinstance(owner[key], (dict, list)) and owner[key] and random.random() < 0.8:
        owner = owner[key]
        keys = list(owner) if isinstance(owner, dict) else range(len(owner))
        key = random.choice(keys)
    if random.random() < 0.3:
        del owner[key]
    else:
        owner[key] = deepcopy(random.choice(REPLACEMENTS))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=True), times=st.integers(1, 4))
def test_any_catalog_is_honoured_or_refused(
    random: Random, times: int, catalog: Catalog, run: RunTap
) -> None:
    damaged = deepcopy(catalog)
    for _ in range(times):
        if "streams" in damaged:
            damage(damaged, random)

    finished = run(catalog=damaged)

    assert "Traceback" not in finished.log_text
    if finished.status:
        assert len(finished.errors) == 1
        assert not finished.records
    else:
        assert_fits(finished)


# Stream maps.


@pytest.mark.parametrize(
    ("maps", "expected"),
    [
        ({"vip_custmers": {"email": None}}, "Did you mean vip_customers?"),
        ({"orders": None}, "an entry for orders, which is no stream"),
        ({VIP: {"emial": None}}, f"field emial from stream {VIP}, which has no such"),
        ({VIP: {"First_Name": None}}, "Did you mean first_name?"),
        ({"vip*": {"emial": "md5(email)"}}, "field email is sent as it is"),
    ],
    ids=str,
)
def test_misspelt_stream_map_is_warned_about(
    maps: dict[str, Any], expected: str, run: RunTap
) -> None:
    finished = run(stream_maps=maps)

    assert finished.status == 0
    [warning] = warnings_of(finished)
    assert expected in warning
    assert len(finished.records) == 50


def test_intended_stream_map_is_not_warned_about(run: RunTap) -> None:
    maps = {VIP: {"email": None, "name": "first_name", "__filter__": "email"}}

    finished = run(stream_maps=maps)

    assert not warnings_of(finished)
    assert "email" not in finished.records[0]


@pytest.mark.parametrize(
    "maps",
    [
        {VIP: {"email": None}},
        {VIP: {"x": "email"}},
        {VIP: None},
        {"copy": {"__source__": VIP}},
    ],
    ids=str,
)
def test_map_of_deselected_stream_is_ignored(maps: dict[str, Any], run: RunTap) -> None:
    both = [VIP, "newsletter_readers"]
    catalog = json.loads(run("--discover", audiences=both).stdout)
    catalog["streams"].sort(key=lambda stream: stream["tap_stream_id"] != VIP)
    select(catalog, stream=False)

    finished = run(catalog=catalog, audiences=both, stream_maps=maps)

    assert finished.status == 0
    assert finished.records
    assert f"an entry for stream {VIP}, which is not exported" in finished.log_text


@pytest.mark.parametrize(
    ("entry", "target"),
    [
        ({"name": "company"}, "name"),
        ({"company": "company.lower()"}, "company"),
        ({"__filter__": "company"}, "__filter__"),
    ],
    ids=str,
)
def test_map_of_deselected_field_is_refused(
    entry: dict[str, Any], target: str, catalog: Catalog, run: RunTap
) -> None:
    select(catalog, "email")

    finished = run(catalog=catalog, stream_maps={VIP: entry})

    [error] = finished.errors
    assert f"uses field company for {target} of stream {VIP}" in error
    assert "deselects it" in error


def test_removing_a_deselected_field_is_no_mistake(
    catalog: Catalog, run: RunTap
) -> None:
    select(catalog, "email")

    finished = run(catalog=catalog, stream_maps={VIP: {"company": None}})

    assert_fits(finished)
    assert not warnings_of(finished)


@pytest.mark.parametrize(
    "maps", [{VIP: None}, {"__else__": None}, {"vip_custmers": {}, "__else__": None}]
)
def test_maps_that_remove_every_stream_are_refused(
    maps: dict[str, Any], run: RunTap
) -> None:
    finished = run(stream_maps=maps)

    [error] = finished.errors
    assert "removes every stream" in error


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, {}),
        ({"n": "lifetime_value"}, {}),
        ({"n": "lifetime_value or 0"}, {"n": 0}),
        ({"lifetime_value": "lifetime_value and lifetime_value * 2"}, {}),
        ({"n": "email and 1"}, {"n": 1}),
        ({"lifetime_value": None, "n": "lifetime_value"}, {}),
    ],
    ids=str,
)
def test_map_may_use_a_field_whose_value_was_omitted(
    entry: dict[str, Any], expected: dict[str, Any], catalog: Catalog, run: RunTap
) -> None:
    select(catalog, "email", "lifetime_value")
    properties(catalog)["lifetime_value"] = {"type": "string", "maxLength": 0}

    finished = run(catalog=catalog, stream_maps={VIP: entry})

    assert finished.status == 0, finished.log_text
    sent = [dict(record) for record in finished.records]
    for record in sent:
        del record["_member_id"], record["email"]
    assert sent == [expected] * 50


# Exits.


@pytest.fixture
def exits(
    sandbox: Sandbox, run: RunTap, tmp_path: Path
) -> Callable[[dict[str, Any]], FinishedRun]:
    """Run a job that reports exits with these stream maps, after a member left."""

    def exits(maps: dict[str, Any]) -> FinishedRun:
        settings = {
            "ledger_path": str(tmp_path / "ledger"),
            "require_fields": [ID],
            "emit_exits": True,
        }
        state = run(**settings).states[-1]
        state["bookmarks"][VIP]["fingerprint"] = None  # The maps do not resend members.
        sandbox.lytics.leave(3)
        return run(state=state, stream_maps=maps, **settings)

    return exits


@pytest.mark.parametrize(
    "entry",
    [
        {"email": "email.lower()"},
        {"name": "first_name + ' ' + last_name", "email": None},
        {"__filter__": "email.endswith('.com') or email"},
        {"orders": "int(orders_count) + 1", **KEPT, ID: f"int({ID})"},
        {ID: f"int({ID})"},
        {"audience": "'vip'"},
    ],
    ids=str,
)
def test_map_of_members_does_not_block_exits(
    entry: dict[str, Any], exits: Callable[..., FinishedRun]
) -> None:
    finished = exits({VIP: entry})

    assert_fits(finished)
    [record] = [r for r in finished.records if r.get("_sdc_deleted_at")]
    assert record["_member_id"]
    assert record[ID]
    assert record.keys() <= {"_member_id", ID, "_sdc_deleted_at", "audience"}


@pytest.mark.parametrize(
    "maps",
    [
        {VIP: {"_sdc_deleted_at": None}},
        {VIP: {"_sdc_deleted_at": "__NULL__", "email": "email"}},
        {"vip*": {"_sdc_deleted_at": None, **KEPT, "email": "email"}},
    ],
    ids=str,
)
def test_map_that_removes_the_mark_of_exits_is_refused(
    maps: dict[str, Any], exits: Callable[..., FinishedRun]
) -> None:
    [error] = exits(maps).errors

    assert f"removes _sdc_deleted_at from stream {VIP}" in error


def test_renamed_mark_of_exits_is_sent(exits: Callable[..., FinishedRun]) -> None:
    entry = {"left_at": "_sdc_deleted_at", "_sdc_deleted_at": None}

    records = exits({VIP: entry}).records

    assert len([r for r in records if r.get("left_at")]) == 1


def test_derived_stream_without_mark_gets_no_exits(
    exits: Callable[..., FinishedRun],
) -> None:
    maps = {"copy": {"__source__": VIP, "_sdc_deleted_at": None}}

    messages = exits(maps).messages

    streams = [m["stream"] for m in messages if m["type"] == "RECORD"]
    assert streams == [VIP]


# What changed since the last run.

FIELDS = ("email", "company", ID)


def name_of(value: object) -> str:
    """Name a function by its name: its text differs between the workers."""
    edit = value.get("catalog") if isinstance(value, dict) else None
    return str(value if edit is None else edit.__name__)


def retyped(catalog: Catalog) -> Catalog:
    changed = deepcopy(catalog)
    properties(changed)[ID]["type"] = ["integer", "null"]
    return changed


def retitled(catalog: Catalog) -> Catalog:
    changed = deepcopy(catalog)
    properties(changed)[ID] |= {"title": "Customer", "description": "Its number"}
    changed["streams"][0]["schema"]["properties"] = dict(
        reversed(properties(changed).items())
    )
    return changed


@pytest.mark.parametrize("has_ledger", [False, True])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"select": ["email", ID]}, "the selected fields changed"),
        ({"select": [*FIELDS, "first_name"]}, "the selected fields changed"),
        ({"catalog": retyped}, "the types of the fields changed"),
        ({"stream_maps": {VIP: {"company": None}}}, "stream_maps"),
        ({"stream_maps": {"vip_*": {"company": None}}}, "stream_maps"),
        ({"flattening_enabled": True, "flattening_max_depth": 1}, "flattening"),
        ({"resend": True}, "resend is set"),
        ({"catalog": retitled}, ""),
        ({"stream_maps": {"newsletter_readers": {"company": None}}}, ""),
        ({"page_size": 7, "overlap_minutes": 5}, ""),
    ],
    ids=name_of,
)
def test_change_between_runs_sends_members_again(
    change: dict[str, Any],
    why: str,
    has_ledger: bool,  # noqa: FBT001 - a parameter
    run: RunTap,
    catalog: Catalog,
    tmp_path: Path,
) -> None:
    ledger = {"ledger_path": str(tmp_path / "ledger")} if has_ledger else {}
    first = run(catalog=select(catalog, *FIELDS), **ledger)
    changed = dict(change)
    fields = changed.pop("select", FIELDS)
    edit = changed.pop("catalog", deepcopy)

    second = run(
        catalog=edit(select(catalog, *fields)),
        state=first.states[-1],
        **ledger,
        **changed,
    )

    assert second.status == 0, second.errors
    count = sum(message["type"] == "RECORD" for message in first.messages)
    sent = sum(message["type"] == "RECORD" for message in second.messages)
    assert sent == (count if why else 0)
    assert why in second.log_text
