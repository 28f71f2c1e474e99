"""Attribute definitions and values: limits, errors and filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from sandbox.http import Response
    from support.store import MakeBox

DEFINITIONS = "/customers/attributes"
VALUES = "/customers/attribute-values"
MISSING = "JSON data is missing or invalid"
FAILED = "Upsert customer attribute values failed."


def define(box: Sandbox, *rows: object) -> Response:
    return box.store.call("POST", DEFINITIONS, list(rows))


def put(box: Sandbox, *rows: object) -> Response:
    return box.store.call("PUT", VALUES, list(rows))


def row(value: object = "x", customer: object = 1001, **more: object) -> dict[str, Any]:
    return {"attribute_id": 1, "customer_id": customer, "value": value, **more}


def refused(response: Response) -> tuple[str, dict[str, str]]:
    assert response.status == 422
    content = response.json()
    return content["title"], content["errors"]


@pytest.fixture
def box(make_box: MakeBox) -> Sandbox:
    """A sandbox whose store has the attribute 1, a string."""
    return tiered(make_box())


def tiered(box: Sandbox) -> Sandbox:
    box.store.add_attribute("Tier")
    return box


# Definitions.


def test_created_definition_is_found_by_name(box: Sandbox) -> None:
    made = define(box, {"name": "Born", "type": "date"}).json()["data"]

    found = box.store.call("GET", DEFINITIONS, name="Born").json()["data"]

    assert made == found
    assert found[0].keys() == {"id", "name", "type", "date_created", "date_modified"}


def test_definitions_cannot_be_filtered_by_id(box: Sandbox) -> None:
    response = box.store.call("GET", DEFINITIONS, id__in="1")

    title = "The filter(s): id:in are not valid filter parameter(s)."
    assert refused(response) == (title, {})


@pytest.mark.parametrize(
    ("given_row", "errors"),
    [
        ({"type": "string"}, {"0.name": "error.path.missing"}),
        ({"name": "", "type": "string"}, {"0.name": "error.minLength"}),
        ({"name": "x" * 256, "type": "string"}, {"0.name": "error.maxLength"}),
        ({"name": 5, "type": "string"}, {"0.name": "error.expected.jsstring"}),
        ({"name": "A"}, {"0.type": "error.path.missing"}),
        ({"name": "A", "type": "boolean"}, {"0.type": "error.expected.type"}),
        (5, {"0": "error.expected.jsobject"}),
    ],
)
def test_refused_definition_has_errors(
    box: Sandbox, given_row: object, errors: dict[str, str]
) -> None:
    assert refused(define(box, given_row)) == (MISSING, errors)


def test_duplicate_definition_name_is_refused(box: Sandbox) -> None:
    title, errors = refused(define(box, {"name": "Tier", "type": "string"}))

    assert title == "Create attributes failed."
    assert "already in use" in errors[".attribute_create"]


def test_duplicate_definition_names_can_be_allowed(make_box: MakeBox) -> None:
    box = tiered(make_box(allow_duplicate_attributes=True))

    define(box, {"name": "Tier", "type": "string"})

    found = box.store.call("GET", DEFINITIONS, name="Tier").json()["data"]
    assert [one["id"] for one in found] == [1, 2]


def test_store_has_at_most_fifty_definitions(box: Sandbox) -> None:
    for number in range(49):
        assert define(box, {"name": f"A{number}", "type": "string"}).status == 200

    title, errors = refused(define(box, {"name": "Last", "type": "string"}))

    assert (title, *errors) == ("Create attributes failed.", ".attribute_create")


def test_at_most_ten_definitions_per_call(box: Sandbox) -> None:
    rows = [{"name": f"A{n}", "type": "string"} for n in range(11)]

    assert refused(define(box, *rows)) == ("Max batch size allowed is 10", {})


def test_definition_type_never_changes(box: Sandbox) -> None:
    rows = [{"id": 1, "name": "Rank", "type": "number"}]

    response = box.store.call("PUT", DEFINITIONS, rows).json()["data"][0]

    assert (response["name"], response["type"]) == ("Rank", "string")


def test_deleting_definition_deletes_values(box: Sandbox) -> None:
    put(box, row())

    response = box.store.call("DELETE", DEFINITIONS, id__in="1,99")

    assert (response.status, response.body) == (204, b"")
    assert len(box.store.values) == len(box.store.attributes) == 0


# Values.


@given(st.text(max_size=255))
def test_value_round_trips(text: str) -> None:
    box = tiered(Sandbox(Options(members=3)))

    put(box, row(text))

    [found] = box.store.call("GET", VALUES, customer_id__in=1001).json()["data"]
    assert found["attribute_value"] == text


def test_changed_value_keeps_its_id(box: Sandbox) -> None:
    first = put(box, row("silver")).json()["data"][0]
    box.clock.advance(60)

    second = put(box, row("gold")).json()["data"][0]

    assert first.keys() == {
        *("id", "attribute_id", "customer_id", "attribute_value"),
        *("date_created", "date_modified"),
    }
    assert second["id"] == first["id"]
    assert second["date_created"] == first["date_created"] < second["date_modified"]


@pytest.mark.parametrize(
    ("given_row", "expected"),
    [
        (row(customer=7), (FAILED, {"1.customer_id": "invalid customer ID"})),
        (
            {**row(), "attribute_id": 99},
            (FAILED, {"1.attribute_id": "invalid attribute ID"}),
        ),
        (row(5), (MISSING, {"1.value": "error.expected.jsstring"})),
        (row(None), (MISSING, {"1.value": "error.expected.jsstring"})),
        (row("x" * 256), (MISSING, {"1.value": "error.maxLength"})),
        (
            row(customer="1001"),
            (MISSING, {"1.customer_id": "error.expected.jsnumber"}),
        ),
        (
            {"attribute_id": 1, "value": "x"},
            (MISSING, {"1.customer_id": "error.path.missing"}),
        ),
        (5, (MISSING, {"1.attribute_id": "error.path.missing"})),
    ],
)
def test_refused_value_has_errors_and_writes_nothing(
    box: Sandbox, given_row: object, expected: tuple[str, dict[str, str]]
) -> None:
    response = put(box, row(), given_row)

    assert refused(response) == expected
    assert len(box.store.values) == 0


def test_valid_values_can_survive_refused_call(make_box: MakeBox) -> None:
    box = tiered(make_box(apply_valid_rows=True))

    response = put(box, row(customer=7), row("gold"))

    assert response.status == 422
    assert box.store.values[1001, 1]["attribute_value"] == "gold"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("number", ["1", "-2.5", "1e3", ""], ["one", "1,5", "0x1"]),
        ("date", ["2025-01-31", "2025-01-31T10:00:00Z"], ["31.01.2025", "2025-13-01"]),
    ],
)
def test_value_must_fit_its_type(
    make_box: MakeBox, kind: str, good: list[str], bad: list[str]
) -> None:
    strict, lax = make_box(), make_box(accept_any_value=True)
    for box in (strict, lax):
        box.store.add_attribute("Typed", kind)

    assert {put(strict, row(value)).status for value in good} == {200}
    assert {put(strict, row(value)).status for value in bad} == {422}
    assert {put(lax, row(value)).status for value in bad} == {200}


def test_at_most_ten_values_per_call(box: Sandbox) -> None:
    rows = [row(customer=n) for n in list(box.store.customers)[:11]]

    assert put(box, *rows[:10]).status == 200
    assert put(box, *rows).status == 413


def test_value_limit_can_count_customers(make_box: MakeBox) -> None:
    box = tiered(make_box(cap_counts_customers=True))
    box.store.add_attribute("Other")
    customers = list(box.store.customers)[:11]
    rows = [row(customer=n, attribute_id=a) for n in customers for a in (1, 2)]

    assert put(box, *rows[:20]).status == 200
    assert put(box, *rows).status == 413


def test_empty_value_is_kept_or_removed(make_box: MakeBox) -> None:
    keeping, removing = make_box(), make_box(empty_value_removes=True)

    for box in (keeping, removing):
        put(tiered(box), row("gold"))
        put(box, row(""))

    assert keeping.store.values[1001, 1]["attribute_value"] == ""
    assert (1001, 1) not in removing.store.values


def test_value_can_touch_its_customer(make_box: MakeBox) -> None:
    quiet, loud = make_box(), make_box(values_touch_customer=True)
    before = quiet.store.customers[1001]["date_modified"]

    for box in (quiet, loud):
        put(tiered(box), row())

    assert quiet.store.customers[1001]["date_modified"] == before
    assert loud.store.customers[1001]["date_modified"] > before


def test_values_are_deleted_by_id(box: Sandbox) -> None:
    deleted = put(box, row()).json()["data"][0]["id"]
    put(box, row(customer=1003))

    response = box.store.call("DELETE", VALUES, id__in=f"{deleted},999")

    assert response.status == 204
    assert list(box.store.values) == [(1003, 1)]


def test_delete_without_ids_does_nothing(box: Sandbox) -> None:
    put(box, row())

    response = box.store.call("DELETE", VALUES)

    assert response.status == 204
    assert len(box.store.values) == 1


def test_values_are_paged(box: Sandbox) -> None:
    for customer in list(box.store.customers)[:30]:
        box.store.values[customer, 1] = "gold"

    pages = [
        box.store.call("GET", VALUES, attribute_id__in=1, limit=20, page=n).json()
        for n in (1, 2, 3)
    ]

    assert [len(page["data"]) for page in pages] == [20, 10, 0]
    assert pages[0]["meta"]["pagination"]["total_pages"] == 2


def test_values_are_filtered(box: Sandbox) -> None:
    other = box.store.add_attribute("Other")
    for key in ((1001, 1), (1001, other), (1003, 1)):
        box.store.values[key] = "x"

    def found(**query: object) -> set[tuple[int, int]]:
        data = box.store.call("GET", VALUES, **query).json()["data"]
        return {(one["customer_id"], one["attribute_id"]) for one in data}

    assert found(customer_id__in="1001") == {(1001, 1), (1001, other)}
    assert found(customer_id__in="1001,1003", attribute_id__in="1") == {
        (1001, 1),
        (1003, 1),
    }
    assert found(name="Other") == {(1001, other)}
    assert found(date_modified__min="2100-01-01") == set()


def test_diff_counts_values_by_attribute(box: Sandbox) -> None:
    box.store.values[1001, 1] = "old"
    box.store.values[1003, 1] = "old"
    deleted = box.store.values[1003, 1]["id"]
    put(box, row("new"), row("new", customer=1004))
    box.store.call("DELETE", VALUES, id__in=deleted)
    define(box, {"name": "Fresh", "type": "string"})

    diff = box.store.diff()

    assert diff["values"] == {
        "set": {"Tier": 1},
        "changed": {"Tier": 1},
        "cleared": {"Tier": 1},
    }
    assert diff["attributes"] == {"created": ["Fresh"], "deleted": []}
