"""A customer gets what the record says, and keeps all that it does not speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.singer import record, schema, state
from support.store import companies_of, put_values, values_of, writes_of

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.plugins import RunTarget

NAMES = ("email", "first_name", "last_name", "company", "phone")
ALL = {
    "map_standard_fields": [{"from": name, "to": name} for name in NAMES],
    "map_custom_attributes": [{"from": "tier", "to": "Tier"}],
}
FULL = {
    "company": "Old & Sons",
    "phone": "+1 555 0100",
    "first_name": "Old",
    "last_name": "Name",
}


@pytest.fixture
def full(box: Sandbox) -> Sandbox:
    """One customer who has everything."""
    box.store.customers[1001].update(FULL)
    put_values(box, {1001: "gold"}, "Tier")
    return box


def fields_of(box: Sandbox, customer: int = 1001) -> dict[str, Any]:
    """Read the mapped fields of a customer and the attribute."""
    row = box.store.customers[customer]
    return {name: row[name] for name in NAMES} | {
        "tier": values_of(box, "Tier").get(customer)
    }


@pytest.mark.parametrize(
    ("on_null", "fields"),
    [
        ("keep", dict.fromkeys((*NAMES, "tier"))),
        ("keep", {}),
        ("clear", {}),
        ("keep", dict.fromkeys((*NAMES, "tier"), "")),
        ("clear", dict.fromkeys((*NAMES, "tier"), "")),
        ("clear", dict.fromkeys(("email", "first_name", "last_name"))),
    ],
    ids=[
        "nulls are kept",
        "left out",
        "left out, though nulls clear",
        "empty texts",
        "empty texts, though nulls clear",
        "a login and a name are never cleared",
    ],
)
def test_nothing_is_emptied_that_no_null_asks_for(
    on_null: str, fields: dict[str, Any], full: Sandbox, run: RunTarget
) -> None:
    before = fields_of(full)

    got = run(schema(), record(1001, **fields), on_null=on_null, **ALL)

    assert fields_of(full) == before
    assert got.outcomes == {"updated": 1}  # The audience's own value.
    assert full.store.diff()["customers"]["updated"] == {}


def test_a_null_empties_what_can_be_empty_if_it_shall(
    full: Sandbox, run: RunTarget
) -> None:
    before = fields_of(full)
    nulls = dict.fromkeys((*NAMES, "tier"))

    run(schema(), record(1001, **nulls), on_null="clear", **ALL)
    again = run(schema(), record(1001, **nulls), on_null="clear", **ALL)

    assert fields_of(full) == {**before, "company": "", "phone": "", "tier": None}
    assert again.outcomes == {"unchanged": 1}


def test_a_value_that_contradicts_its_schema_rejects_and_changes_nothing(
    full: Sandbox, run: RunTarget
) -> None:
    before = fields_of(full)

    got = run(schema(), record(1001, company={"a": 1}, phone="+1 555 0199"), **ALL)

    assert fields_of(full) == before
    assert got.rejects[1]["reject"]["code"] == "invalid_record"
    reason = "company does not match the stream's schema"
    assert got.rejects[1]["reject"]["reason"] == reason


def test_a_mapping_from_a_to_b_and_back_ends_at_a(box: Sandbox, run: RunTarget) -> None:
    lines = [
        record(1001, company="From A", phone="+1 555 0101", tier="gold"),
        record(1002, company="From A too", phone="+1 555 0102", tier="silver"),
    ]
    a = {
        "map_standard_fields": [{"from": "company", "to": "company"}],
        "map_custom_attributes": [{"from": "tier", "to": "Tier"}],
    }
    b = {
        "map_standard_fields": [{"from": "phone", "to": "company"}],
        "map_custom_attributes": [{"from": "company", "to": "Tier"}],
    }

    run(schema(), *lines, **a)
    first = (companies_of(box), values_of(box, "Tier"))
    run(schema(), *lines, **b)
    second = (companies_of(box), values_of(box, "Tier"))
    run(schema(), *lines, **a)

    assert second != first
    assert (companies_of(box), values_of(box, "Tier")) == first


def test_an_entry_can_be_a_constant_a_table_or_for_the_empty(
    full: Sandbox, run: RunTarget
) -> None:
    table = {"gold": 7, "silver": 8}
    fields = [
        {"value": "From a job", "to": "notes"},
        {"from": "tier", "to": "customer_group_id", "values": table},
        {"from": "company", "to": "company", "write": "if_empty"},
    ]
    full.store.customers[1002].update(company="", customer_group_id=3)

    run(
        schema(),
        record(1001, tier="gold", company="Never"),
        record(1002, tier="bronze", company="Now"),
        map_standard_fields=fields,
    )

    one, two = full.store.customers[1001], full.store.customers[1002]
    assert (one["notes"], one["customer_group_id"]) == ("From a job", 7)
    assert (two["notes"], two["customer_group_id"]) == ("From a job", 3)
    assert (one["company"], two["company"]) == ("Old & Sons", "Now")


@pytest.mark.parametrize("batch_size", [100, 1], ids=["one batch", "batch by batch"])
def test_records_of_one_customer_end_as_if_handled_in_order(
    batch_size: int, full: Sandbox, run: RunTarget
) -> None:
    lines = [
        record(1001, company="First", phone="+1 555 0111"),
        record(1002, company="Other"),
        record(1001, company="Second"),
        record(" 1001 ", tier="silver"),
    ]

    got = run(schema(), *lines, batch_size_rows=batch_size, **ALL)

    assert fields_of(full) == {
        **fields_of(full),
        "company": "Second",
        "phone": "+1 555 0111",
        "tier": "silver",
    }
    assert sum(got.outcomes.values()) == 4
    assert got.outcomes.get("merged", 0) == (2 if batch_size == 100 else 0)


def test_two_members_with_one_id_are_warned_about(run: RunTarget) -> None:
    lines = [record(1001, member="a"), record(1001, member="b")]

    got = run(schema(keys=("member",)), *lines)

    assert got.summary is not None
    assert got.summary["shared_ids"] == 1
    assert "same customer id" in got.stderr


@pytest.mark.guarantee("writes-only-differences")
def test_a_second_run_of_the_same_records_writes_nothing(
    box: Sandbox, run: RunTarget
) -> None:
    lines = [schema(), *(record(1001 + n, company=f"New {n}") for n in range(30))]
    run(*lines)
    box.journal.clear()

    got = run(*lines, state(30))

    assert got.outcomes == {"unchanged": 30}
    assert got.state == {"n": 30}
    assert writes_of(box) == []


@pytest.mark.parametrize(
    ("on_missing_id", "outcomes"),
    [
        ("skip", {"skipped": 3}),
        ("match", {"updated": 1, "skipped": 2}),
        ("create", {"updated": 1, "created": 1, "rejected": 1}),
    ],
)
def test_a_record_without_an_id_goes_the_chosen_way(
    on_missing_id: str, outcomes: dict[str, int], box: Sandbox, run: RunTarget
) -> None:
    known = box.store.customers[1001]["email"]
    lines = [
        record(None, email=known.upper(), company="Matched"),
        record("", email="new@example.com", first_name="N", last_name="E"),
        record(None, company="Nobody's"),
    ]

    got = run(schema(), *lines, on_missing_id=on_missing_id, **ALL)

    assert got.outcomes == outcomes
    assert len(box.store.customers) == (31 if on_missing_id == "create" else 30)
    assert box.store.customers[1001]["email"] == known


def test_states_of_any_form_come_back_as_they_were(run: RunTarget) -> None:
    value = {"bookmarks": {"vip": {"at": 1.5, "big": 12345678901234567890, "x": None}}}

    got = run(schema(), record(1001), {"type": "STATE", "value": value})

    assert got.state == value
