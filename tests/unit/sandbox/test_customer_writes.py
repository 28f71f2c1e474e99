"""Customers are created and updated: limits, errors, and what is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from sandbox.http import Response
    from support.store import MakeBox

MISSING = "JSON data is missing or invalid"
NEW = {"email": "new@example.com", "first_name": "New", "last_name": "Person"}
GOOD = {"id": 1001, "company": "Good"}
UNKNOWN = {"id": 7, "company": "Unknown"}


def put(box: Sandbox, *rows: object) -> Response:
    return box.store.call("PUT", "/customers", list(rows))


def post(box: Sandbox, *rows: object) -> Response:
    return box.store.call("POST", "/customers", list(rows))


def refused(response: Response) -> tuple[int, str, dict[str, str]]:
    content: dict[str, Any] = response.json()
    assert content["status"] == response.status
    assert content["type"].startswith("https://developer.bigcommerce.com/")
    return response.status, content["title"], content["errors"]


def test_update_changes_only_sent_fields(box: Sandbox) -> None:
    before = dict(box.store.customers[1001])

    response = put(box, {"id": 1001, "company": "New & Sons"})

    after = box.store.customers[1001]
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"company", "date_modified"}
    assert response.json()["data"][0]["company"] == "New & Sons"


def test_update_returns_the_documented_row(box: Sandbox) -> None:
    response = put(box, GOOD).json()

    assert response["meta"] == {}
    assert response["data"][0].keys() == {
        *("id", "authentication", "company", "customer_group_id", "email"),
        *("first_name", "last_name", "notes", "phone", "registration_ip_address"),
        *("tax_exempt_category", "date_created", "date_modified"),
        *("accepts_product_review_abandoned_cart_emails", "store_credit_amounts"),
        *("origin_channel_id", "channel_ids"),
    }


def test_new_customer_has_store_defaults(box: Sandbox) -> None:
    row = post(box, NEW).json()["data"][0]

    assert row["id"] not in {*range(1001, 1551)}
    assert row["company"] == row["phone"] == row["notes"] == ""
    assert row["customer_group_id"] == 0
    assert row["store_credit_amounts"] == [{"amount": 0}]
    assert row["origin_channel_id"] == 1
    assert row["channel_ids"] is None
    assert box.store.customers[row["id"]]["email"] == "new@example.com"


def test_attribute_values_can_be_created_inline(box: Sandbox) -> None:
    number = box.store.add_attribute("Tier")
    inline = [{"attribute_id": number, "attribute_value": "gold"}]

    row = post(box, {**NEW, "attributes": inline}).json()["data"][0]

    assert box.store.values[row["id"], number]["attribute_value"] == "gold"


def test_welcome_mail_is_sent_only_on_request(box: Sandbox) -> None:
    post(box, NEW)
    with_mail = {**NEW, "email": "b@example.com"}

    post(box, {**with_mail, "trigger_account_created_notification": True})

    assert box.store.welcome_mails == 1


@pytest.mark.parametrize(
    ("rows", "title", "errors"),
    [
        ([UNKNOWN], "Update customers failed.", {"0.id": "invalid customer ID"}),
        (
            [GOOD, UNKNOWN, {"id": 8}],
            "Update customers failed.",
            {"1.id": "invalid customer ID"},
        ),
        ([GOOD, {"company": "x"}], MISSING, {"id": "error.path.missing"}),
        ([GOOD, 5], MISSING, {"id": "error.path.missing"}),
        ([{"id": "1001"}], MISSING, {"0.id": "error.expected.jsnumber"}),
        ([{**GOOD, "company": 5}], MISSING, {"0.company": "error.expected.jsstring"}),
        ([{**GOOD, "phone": None}], MISSING, {"0.phone": "error.expected.jsstring"}),
        ([{**GOOD, "phone": "5" * 51}], MISSING, {"0.phone": "error.maxLength"}),
        ([{**GOOD, "company": "x" * 256}], MISSING, {"0.company": "error.maxLength"}),
        ([{**GOOD, "first_name": ""}], MISSING, {"0.first_name": "error.minLength"}),
        ([{**GOOD, "email": "no.address"}], MISSING, {"0.email": "error.email"}),
        (
            [{**GOOD, "customer_group_id": True}],
            MISSING,
            {"0.customer_group_id": "error.expected.jsnumber"},
        ),
        (
            [{**GOOD, "form_fields": "x"}],
            MISSING,
            {"0.form_fields": "error.expected.jsarray"},
        ),
        (
            [{**GOOD, "channel_ids": []}],
            MISSING,
            {"0.channel_ids": "error.expected.jsnumber"},
        ),
    ],
)
def test_refused_update_has_errors(
    box: Sandbox, rows: list[object], title: str, errors: dict[str, str]
) -> None:
    assert refused(put(box, *rows)) == (422, title, errors)


@pytest.mark.parametrize(
    ("row", "errors"),
    [
        ({"email": "a@b.co", "first_name": "A"}, {"0.last_name": "error.path.missing"}),
        ({**NEW, "email": "x"}, {"0.email": "error.minLength"}),
        ({**NEW, "last_name": "x" * 101}, {"0.last_name": "error.maxLength"}),
        (
            {**NEW, "attributes": [{"attribute_id": 1, "attribute_value": "x"}] * 11},
            {"0.attributes": "error.maxLength"},
        ),
    ],
)
def test_refused_creation_has_errors(
    box: Sandbox, row: dict[str, object], errors: dict[str, str]
) -> None:
    assert refused(post(box, row)) == (422, MISSING, errors)


def test_duplicate_email_is_named_in_error(box: Sandbox) -> None:
    taken = box.store.customers[1003]["email"].upper()

    creating = refused(post(box, {**NEW, "email": taken}))
    updating = refused(put(box, {"id": 1001, "email": taken}))

    assert creating == (
        422,
        "Create customers failed.",
        {".customer_create": f"Error creating customers: email {taken} already in use"},
    )
    assert updating[2] == {
        ".customer_update": f"Error updating customers: email {taken} already in use"
    }


def test_email_freed_in_same_call_is_available(box: Sandbox) -> None:
    old = box.store.customers[1001]["email"]

    response = put(
        box, {"id": 1001, "email": "moved@example.com"}, {"id": 1003, "email": old}
    )

    assert response.status == 200
    assert box.store.customers[1003]["email"] == old


def test_own_email_is_accepted(box: Sandbox) -> None:
    email = box.store.customers[1001]["email"]

    assert put(box, {"id": 1001, "email": email.upper()}).status == 200


def test_new_customers_cannot_share_an_email(box: Sandbox) -> None:
    assert post(box, NEW, {**NEW, "email": "NEW@example.com"}).status == 422


@pytest.mark.parametrize("verb", [put, post])
def test_more_than_ten_rows_are_refused(
    box: Sandbox, verb: Callable[..., Response]
) -> None:
    response = verb(box, *[{"id": n, **NEW} for n in range(1001, 1012)])

    assert response.status == 413
    assert box.store.diff()["customers"]["updated"] == {}


def test_batch_limit_and_status_are_options(make_box: MakeBox) -> None:
    box = make_box(overflow_status=422, rows_per_call=2)

    assert refused(put(box, GOOD, GOOD, GOOD)) == (
        422,
        "Max batch size allowed is 2",
        {},
    )


@pytest.mark.parametrize("apply_valid_rows", [False, True])
def test_invalid_row_fails_the_call(
    make_box: MakeBox,
    apply_valid_rows: bool,  # noqa: FBT001 - a parameter
) -> None:
    box = make_box(apply_valid_rows=apply_valid_rows)

    response = put(box, GOOD, UNKNOWN)

    assert response.status == 422
    assert (box.store.customers[1001]["company"] == "Good") == apply_valid_rows


def test_errors_can_omit_row_number(make_box: MakeBox) -> None:
    box = make_box(errors_name_the_row=False)

    assert refused(put(box, GOOD, UNKNOWN))[2] == {".id": "invalid customer ID"}


def test_response_rows_can_be_reordered(make_box: MakeBox) -> None:
    box = make_box(answer_order="reversed")

    response = put(box, GOOD, {"id": 1003})

    assert [row["id"] for row in response.json()["data"]] == [1003, 1001]


def test_null_can_clear_a_field(make_box: MakeBox) -> None:
    box = make_box(null_clears=True)

    responses = [put(box, {"id": 1001, name: None}) for name in ("company", "email")]

    assert [response.status for response in responses] == [200, 422]
    assert box.store.customers[1001]["company"] == ""


def test_empty_text_is_stored_or_refused(make_box: MakeBox) -> None:
    row = {"id": 1001, "company": ""}
    storing, refusing = make_box(), make_box(empty_refused=True)

    assert put(storing, row).json()["data"][0]["company"] == ""
    assert refused(put(refusing, row))[2] == {"0.company": "error.minLength"}


def test_duplicate_rows_can_be_refused(make_box: MakeBox) -> None:
    twice = GOOD, {"id": 1001, "company": "Later"}

    assert put(make_box(duplicate_rows_refused=True), *twice).status == 422
    assert put(make_box(), *twice).status == 200


def test_unknown_keys_are_ignored_and_recorded(box: Sandbox) -> None:
    response = put(
        box, {**GOOD, "date_created": "2000-01-01T00:00:00Z", "attributes": 1}
    )

    assert response.status == 200
    assert box.store.customers[1001]["date_created"] != "2000-01-01T00:00:00Z"
    assert box.journal[-1].extra_keys == ("attributes", "date_created")


def test_unknown_keys_can_be_refused(make_box: MakeBox) -> None:
    box = make_box(unknown_keys_refused=True)

    assert refused(put(box, {**GOOD, "nickname": "x"}))[2] == {
        "0.nickname": "error.unknown"
    }


@pytest.mark.parametrize(
    ("content_type", "body", "status", "text"),
    [
        ("application/json", "[{", 400, "Input is invalid"),
        ("application/json", '{"id": 1001}', 422, ""),
        ("", "[]", 415, ""),
    ],
    ids=["invalid JSON", "no array", "no content type"],
)
def test_unusable_body_is_refused(
    box: Sandbox, content_type: str, body: str, status: int, text: str
) -> None:
    headers = {"X-Auth-Token": box.options.store_token, "Content-Type": content_type}

    response = box.store.handle(
        "PUT", "/stores/sandbox1/v3/customers", headers=headers, body=body
    )

    assert response.status == status
    assert text in response.body.decode()


def test_diff_lists_changes(box: Sandbox) -> None:
    put(box, GOOD)
    created = post(box, NEW).json()["data"][0]["id"]

    diff = box.store.diff()["customers"]

    assert diff == {
        "created": [created],
        "updated": {"1001": ["company"]},
        "fields": {"company": 1},
    }
