"""Customers are read: filters, pages and includes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.http import Response
    from support.store import MakeBox


def read(box: Sandbox, **query: object) -> Response:
    return box.store.call("GET", "/customers", **query)


def rows(box: Sandbox, **query: object) -> list[dict[str, Any]]:
    response = read(box, **query)
    assert response.status == 200
    found: list[dict[str, Any]] = response.json()["data"]
    return found


def test_default_page_has_50_customers(box: Sandbox) -> None:
    pagination = read(box).json()["meta"]["pagination"]

    assert pagination["per_page"] == pagination["count"] == 50
    assert pagination["total"] == len(box.store.customers)


@pytest.mark.parametrize("limit", [0, 251, "many"])
def test_invalid_page_limit_is_refused(box: Sandbox, limit: object) -> None:
    assert read(box, limit=limit).status == 422


@given(limit=st.integers(1, 250), members=st.integers(0, 300))
def test_numbered_pages_have_each_customer_once(limit: int, members: int) -> None:
    box = Sandbox(Options(members=members, others=1, newsletter=0, quota=10_000))
    first = read(box, limit=limit).json()

    pages = first["meta"]["pagination"]["total_pages"]
    found = [
        row["id"]
        for number in range(1, pages + 1)
        for row in rows(box, limit=limit, page=number)
    ]

    assert found == list(box.store.customers)


@given(limit=st.integers(1, 250))
def test_cursor_pages_have_each_customer_once(limit: int) -> None:
    box = Sandbox(Options(members=100, others=1, newsletter=0, quota=10_000))
    response = read(box, limit=limit).json()
    found = [row["id"] for row in response["data"]]

    while response["meta"]["cursor_pagination"]["links"].get("next"):
        cursor = response["meta"]["cursor_pagination"]["end_cursor"]
        response = read(box, limit=limit, after=cursor).json()
        found += [row["id"] for row in response["data"]]

    assert found == list(box.store.customers)


def test_page_before_cursor_ends_before_it(box: Sandbox) -> None:
    second = read(box, limit=5, page=2).json()
    third = read(box, limit=5, page=3).json()
    [first_of_third] = [row["id"] for row in third["data"]][:1]
    cursor = read(box, limit=1, id__in=first_of_third).json()["meta"]
    start = cursor["cursor_pagination"]["start_cursor"]

    before = rows(box, limit=5, before=start)

    assert before == second["data"]


def test_only_first_page_has_both_paginations(box: Sandbox) -> None:
    first = read(box, limit=5).json()["meta"]

    later = read(box, limit=5, page=2).json()["meta"]
    end = first["cursor_pagination"]["end_cursor"]
    by_cursor = read(box, limit=5, after=end, page=9).json()["meta"]

    assert first.keys() == {"pagination", "cursor_pagination"}
    assert later.keys() == {"pagination"}
    assert by_cursor.keys() == {"cursor_pagination"}


def test_unknown_ids_are_omitted(box: Sandbox) -> None:
    found = rows(box, id__in="1001,5,1003,1001")

    assert [row["id"] for row in found] == [1001, 1003]


def test_email_filter_ignores_case(box: Sandbox) -> None:
    email = box.store.customers[1001]["email"]

    [row] = rows(box, email__in=f"unknown@example.com,{email.upper()}")

    assert row["id"] == 1001


def test_changed_email_is_found(box: Sandbox) -> None:
    old = box.store.customers[1001]["email"]
    box.store.call("PUT", "/customers", [{"id": 1001, "email": "moved@example.com"}])

    assert [row["id"] for row in rows(box, email__in="moved@example.com")] == [1001]
    assert rows(box, email__in=old) == []


@pytest.mark.parametrize(
    ("query", "test"),
    [
        ({"name__like": "BRIEN"}, lambda row: row["last_name"] == "O'Brien"),
        ({"company__in": "Before Ltd"}, lambda row: row["company"] == "Before Ltd"),
        (
            {"date_created__min": "2024-01-01"},
            lambda row: row["date_created"] >= "2024-01-01",
        ),
        (
            {"date_created__max": "2024-01-01T00:00:00Z"},
            lambda row: row["date_created"] <= "2024-01-01T00:00:00Z",
        ),
        ({"customer_group_id__in": "0,5"}, lambda row: row["customer_group_id"] == 0),
    ],
)
def test_filter_finds_matching_customers(
    box: Sandbox, query: dict[str, str], test: Callable[[dict[str, Any]], bool]
) -> None:
    customers = [box.store.customers[n] for n in box.store.customers]

    found = read(box, limit=250, **query).json()["meta"]["pagination"]["total"]

    assert found == sum(map(test, customers)) > 0


def test_name_filter_matches_full_name(box: Sandbox) -> None:
    row = box.store.customers[1001]

    found = rows(box, name__in=f"{row['first_name']} {row['last_name']}", limit=250)

    assert 1001 in [row["id"] for row in found]
    assert len({(row["first_name"], row["last_name"]) for row in found}) == 1


def test_unknown_filter_is_named(box: Sandbox) -> None:
    response = read(box, foo="1")

    assert response.status == 422
    assert response.json()["errors"] == {}
    assert response.json()["title"] == (
        "The filter(s): foo are not valid filter parameter(s)."
    )


def test_non_integer_id_is_quoted(box: Sandbox) -> None:
    response = read(box, id__in="1001,hello")

    assert response.status == 422
    assert response.json()["title"] == (
        'Query parameter "id:in" value may contain only integer values. '
        'For input string: "hello".'
    )


@pytest.mark.parametrize(
    "query",
    [
        {"sort": "email:asc"},
        {"include": "everything"},
        {"after": "what"},
        {"date_created__min": "yesterday"},
    ],
)
def test_invalid_query_is_refused(box: Sandbox, query: dict[str, str]) -> None:
    assert read(box, **query).status == 422


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_customers_are_sorted(box: Sandbox, direction: str) -> None:
    found = rows(box, sort=f"date_created:{direction}", limit=250)

    dates = [row["date_created"] for row in found]
    assert dates == sorted(dates, reverse=direction == "desc")


def test_store_credit_is_returned_if_included(box: Sandbox) -> None:
    [plain] = rows(box, id__in=1001)
    [included] = rows(box, id__in=1001, include="storecredit")

    assert "store_credit_amounts" not in plain
    assert included["store_credit_amounts"] == [{"amount": 0}]


def test_included_attributes_are_capped(make_box: MakeBox) -> None:
    for cap, expected in ((10, 10), (0, 12)):
        box = make_box(included_attributes_cap=cap)
        for number in range(12):
            box.store.values[1001, box.store.add_attribute(f"A{number}")] = "x"

        [row] = rows(box, id__in=1001, include="attributes")

        assert len(row["attributes"]) == expected


def test_long_url_is_refused(box: Sandbox) -> None:
    many = ",".join(str(number) for number in range(1001, 1500))

    assert read(box, id__in=many).status == 414


def test_long_list_can_be_refused(make_box: MakeBox) -> None:
    box = make_box(in_list_limit=2)

    assert read(box, id__in="1001,1003").status == 200
    assert read(box, id__in="1001,1003,1004").status == 400
    assert read(box, email__in="a@b.co,b@b.co,c@b.co").status == 400


def test_large_id_can_be_refused(make_box: MakeBox) -> None:
    box = make_box(largest_id=2**31 - 1)

    response = read(box, id__in="1001,5000000000")

    assert response.status == 422
    assert 'For input string: "5000000000"' in response.json()["title"]
    assert read(box, id__in="1001,2000000000").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/customers/1001", 404),
        ("GET", "/orders", 404),
        ("PATCH", "/customers", 405),
    ],
)
def test_unknown_endpoint_is_refused(
    box: Sandbox, method: str, path: str, status: int
) -> None:
    assert box.store.call(method, path, []).status == status
