"""Switches of the store: partial success, bad rows, error bodies, normalised values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.http import Response
    from support.store import MakeBox

GOOD = {"id": 1001, "company": "Written"}
TOO_LONG = {"id": 1003, "company": "x" * 256}
VALUES = "/customers/attribute-values"


def put(box: Sandbox, *rows: dict[str, Any]) -> Response:
    return box.store.call("PUT", "/customers", list(rows))


def put_value(box: Sandbox, text: str, kind: str = "string") -> Any:  # noqa: ANN401 - any JSON
    number = box.store.add_attribute("Tier", kind)
    row = {"attribute_id": number, "customer_id": 1001, "value": text}
    written = box.store.call("PUT", VALUES, [row]).json()["data"]
    read = box.store.call("GET", VALUES).json()["data"]
    assert written == read
    return read[0]["attribute_value"]


# Partial success.


def test_207_writes_valid_rows(make_box: MakeBox) -> None:
    box = make_box(partial_207=True)

    response = put(box, GOOD, TOO_LONG)

    assert response.status == 207
    assert [row["id"] for row in response.json()["data"]] == [1001]
    assert response.json()["meta"] == {"total": 2, "success": 1, "failed": 1}
    assert response.json()["errors"] == {"1.company": "error.maxLength"}
    assert box.store.customers[1001]["company"] == "Written"


@pytest.mark.parametrize(
    ("form", "found"),
    [("detail", {"detail": "error.maxLength"}), ("title", {})],
)
def test_207_can_lack_errors(
    make_box: MakeBox, form: str, found: dict[str, str]
) -> None:
    box = make_box(partial_207=True, error_body=form)

    body = put(box, TOO_LONG).json()

    assert body == {
        "data": [],
        "meta": {"total": 1, "success": 0, "failed": 1},
        **found,
    }


def test_207_is_for_values_too(make_box: MakeBox) -> None:
    box = make_box(partial_207=True)
    number = box.store.add_attribute("Tier")
    rows = [
        {"attribute_id": number, "customer_id": customer, "value": "gold"}
        for customer in (77, 1001)
    ]

    response = box.store.call("PUT", VALUES, rows)

    assert response.status == 207
    assert response.json()["errors"] == {"0.customer_id": "invalid customer ID"}
    assert [row["customer_id"] for row in response.json()["data"]] == [1001]


def test_valid_rows_are_no_207(make_box: MakeBox) -> None:
    assert put(make_box(partial_207=True), GOOD).status == 200


# Bad rows.


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 415, 500, 503, 507])
@pytest.mark.parametrize("text", ["1003", "bad"])
def test_bad_row_refuses_its_call(make_box: MakeBox, text: str, status: int) -> None:
    box = make_box(bad_rows={text: status})
    bad = {"id": 1003, "company": "a bad one"}

    statuses = [put(box, *rows).status for rows in ((GOOD, bad), (bad,), (GOOD,))]

    assert statuses == [status, status, 200]
    assert box.store.customers[1003]["company"] != "a bad one"


def test_bad_row_of_values_and_creations(make_box: MakeBox) -> None:
    box = make_box(bad_rows={"bad": 404, "1003": 500})
    number = box.store.add_attribute("Tier")
    value = {"attribute_id": number, "customer_id": 1003, "value": "gold"}
    new = {"email": "bad@example.com", "first_name": "A", "last_name": "B"}

    assert box.store.call("PUT", VALUES, [value]).status == 500
    assert box.store.call("POST", "/customers", [new]).status == 404
    assert box.store.call("GET", "/customers", id__in="1003").status == 200


def test_other_rows_of_bad_call_can_be_written(make_box: MakeBox) -> None:
    box = make_box(bad_rows={"1003": 500}, apply_valid_rows=True)

    assert put(box, GOOD, {"id": 1003, "company": "Written"}).status == 500
    companies = [box.store.customers[n]["company"] for n in (1001, 1003)]
    assert companies[0] == "Written" != companies[1]


# Error bodies.


@pytest.mark.parametrize(
    ("form", "keys"),
    [("errors", {"errors"}), ("detail", {"detail"}), ("title", set())],
)
def test_error_body_has_a_form(make_box: MakeBox, form: str, keys: set[str]) -> None:
    box = make_box(error_body=form)

    for response in (put(box, TOO_LONG), box.store.call("GET", "/nothing")):
        assert response.json().keys() == {"status", "title", "type"} | keys


def test_detail_has_the_first_reason(make_box: MakeBox) -> None:
    body = put(make_box(error_body="detail"), TOO_LONG).json()

    assert body["detail"] == "error.maxLength"


def test_request_id_is_the_number_in_the_journal(box: Sandbox) -> None:
    answers = [put(box, GOOD), put(box, TOO_LONG), box.store.call("GET", "/nothing")]

    numbers = [answer.headers["X-Request-Id"] for answer in answers]
    assert numbers == [f"sandbox-{entry.n}" for entry in box.journal]


# Customers with one email.


def test_two_customers_can_have_one_email(box: Sandbox) -> None:
    email = box.store.customers[1001]["email"]
    box.store.put_customer(90_001, email=email.upper())

    found = box.store.call("GET", "/customers", email__in=email).json()["data"]
    change = put(box, {"id": 1003, "email": email})

    assert [row["id"] for row in found] == [1001, 90_001]
    assert change.status == 422
    assert box.store.customers.by_email(email) == 1001
    del box.store.customers[1001]
    assert box.store.customers.owners(email) == {90_001}


def test_changed_email_is_free_again(box: Sandbox) -> None:
    email = box.store.customers[1001]["email"]
    put(box, {"id": 1001, "email": "other@example.com"})

    assert put(box, {"id": 1003, "email": email}).status == 200
    assert box.store.customers.owners(email) == {1003}


# Normalised values.


@pytest.mark.parametrize(
    ("options", "sent", "kept"),
    [
        ({"trims_text": True}, "  a\tb\n", "a\tb"),
        ({"unix_line_ends": True}, "a\r\nb\r\n", "a\nb\n"),
        ({"trims_text": True, "unix_line_ends": True}, "a\r\nb\r\n", "a\nb"),
        ({"plain_numbers": True}, "+07.50", "+07.50"),
        ({}, " a\r\n", " a\r\n"),
    ],
)
def test_texts_are_normalised(
    make_box: MakeBox, options: dict[str, bool], sent: str, kept: str
) -> None:
    box = make_box(**options)

    assert put(box, {"id": 1001, "company": sent}).json()["data"][0]["company"] == kept
    assert put_value(box, sent) == kept


@pytest.mark.parametrize(
    ("options", "kind", "sent", "kept"),
    [
        ({"plain_numbers": True}, "number", "+07.50", "7.5"),
        ({"plain_numbers": True}, "number", "1e3", "1000"),
        ({"plain_numbers": True}, "number", "-0.0", "0"),
        ({"plain_numbers": True}, "number", "", ""),
        ({"numbers_change_type": True}, "number", "33", 33),
        ({"numbers_change_type": True}, "number", "7.5", 7.5),
        ({"numbers_change_type": True}, "string", "33", "33"),
        ({"dates_stored_as": "date"}, "date", "2026-11-24T23:30-01:00", "2026-11-25"),
        ({"dates_stored_as": "iso"}, "date", "2026-11-24", "2026-11-24T00:00:00+00:00"),
        ({"dates_stored_as": "space"}, "date", "2026-11-24", "2026-11-24 00:00:00"),
        ({"dates_stored_as": "date"}, "string", "2026-11-24 10:00", "2026-11-24 10:00"),
        ({}, "number", "07.50", "07.50"),
    ],
)  # fmt: skip
def test_values_are_normalised(
    make_box: MakeBox, options: dict[str, Any], kind: str, sent: str, kept: object
) -> None:
    assert put_value(make_box(**options), sent, kind) == kept


def test_group_can_come_as_text(make_box: MakeBox) -> None:
    box = make_box(numbers_change_type=True)

    written = put(box, {"id": 1001, "customer_group_id": 33}).json()["data"]
    read = box.store.call("GET", "/customers", id__in="1001").json()["data"]

    assert [row["customer_group_id"] for row in written + read] == ["33", "33"]
