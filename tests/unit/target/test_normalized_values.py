"""A value that the store returns in another form is not written again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.customers import member, put_customers
from support.reworded import rewrite_responses
from target_bigcommerce.fields import ATTRIBUTE_TYPES, CUSTOMER_FIELDS

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.store import MakeBox
    from support.target_job import MakeJob

FORM = "form_fields"
CREDIT = "store_credit_amounts"
GROUP = "customer_group_id"
MAILS = "accepts_product_review_abandoned_cart_emails"


def form(value: object) -> list[dict[str, object]]:
    return [{"name": "Size", "value": value}]


@pytest.mark.guarantee("writes-only-differences")
@pytest.mark.parametrize(
    ("name", "stored", "new", "is_same"),
    [
        ("company", "Acme", " Acme ", True),
        ("company", "Acme Ltd", "Acme  Ltd", True),
        ("company", "Acme\u00a0Ltd", "Acme Ltd", True),
        ("company", "Caf\u00e9", "Cafe\u0301", True),
        ("company", "Acme Ltd", "AcmeLtd", False),
        ("company", 33, "33", True),
        ("company", 33.0, "33", True),
        ("company", 33, "33.00", True),
        ("company", 33, "34", False),
        ("company", True, "true", True),
        ("company", True, "false", False),
        ("notes", "a\nb", "a\r\nb", True),
        ("notes", "a\nb", "a\rb \n", True),
        ("notes", "a\nb", "a b", False),
        ("notes", "1.1", "1.10", False),
        ("notes", "007", "7", False),
        ("notes", "2026-11-24 10:00:00", "2026-11-24T10:00:00Z", True),
        ("notes", "2026-11-24 10:00:00", "2026-11-24T11:00:00Z", False),
        ("notes", "20261124", "2026328", False),
        ("phone", None, "", True),
        ("phone", [], "", True),
        ("phone", "+1 555", "+1555", False),
        ("email", "ada@example.com ", "Ada@Example.com", True),
        (GROUP, "33", 33, True),
        (GROUP, 33.0, 33, True),
        (GROUP, "33.00", 33, True),
        (GROUP, "34", 33, False),
        (GROUP, None, 0, False),
        (GROUP, "none", 33, False),
        (MAILS, "true", True, True),
        (MAILS, 0, False, True),
        (MAILS, "0", True, False),
        ("channel_ids", ["2", "1"], [1, 2], True),
        ("channel_ids", ["2", 3], [1, 2], False),
        ("channel_ids", ["x"], [1, 2], False),
        (CREDIT, [{"amount": "1.50"}], [{"amount": 1.5}], True),
        (CREDIT, [{"amount": 1.5, "currency": "EUR"}], [{"amount": 1.5}], True),
        (CREDIT, 1.5, [{"amount": 1.5}], True),
        (CREDIT, [{"amount": "1.51"}], [{"amount": 1.5}], False),
        (CREDIT, [{"amount": None}], [{"amount": 0}], False),
        (FORM, form("33"), form(33), True),
        (FORM, form("33.00"), form(33), True),
        (FORM, form(33), form("33"), True),
        (FORM, form("a"), form([" a "]), True),
        (FORM, form(["a", "b"]), form(["b", "a"]), False),
        (FORM, form(["a"]), form(["a", "b"]), False),
        (FORM, form("34"), form(33), False),
    ],
)
def test_field_in_another_form_is_the_same(
    name: str, stored: object, new: object, *, is_same: bool
) -> None:
    assert CUSTOMER_FIELDS[name].is_same(stored, new) is is_same


@pytest.mark.parametrize(
    ("kind", "stored", "new", "is_same"),
    [
        ("string", "gold", " gold\t", True),
        ("string", "a\nb", "a\r\nb", True),
        ("string", "1.1", "1.10", False),
        ("string", "2026-11-24T10:00:00+00:00", "2026-11-24T10:00:00Z", True),
        ("string", "2026-11-24 00:00:00", "2026-11-24", True),
        ("string", "2026-11-24", "2026-11-25", False),
        ("number", " 33.00 ", "33", True),
        ("number", "+33", "33", True),
        ("number", "3.3e1", "33", True),
        ("number", "33.5", "33", False),
        ("date", "2026-11-24 10:00:00", "2026-11-24T10:00:00Z", True),
        ("date", "2026-11-24T11:00:00+01:00", "2026-11-24T10:00:00Z", True),
        ("date", "Tue, 24 Nov 2026 10:00:00 +0000", "2026-11-24T10:00:00Z", True),
        ("date", "2026-11-24T10:00:00Z", "2026-11-24T10:00:00.75Z", True),
        ("date", "2026-11-24T10:00:00.5Z", "2026-11-24T10:00:00.75Z", False),
        ("date", "2026-11-24", "2026-11-24T10:00:00Z", True),
        ("date", "2026-11-24", "2026-11-25T01:00:00+02:00", True),
        ("date", "2026-11-25", "2026-11-24T10:00:00Z", False),
        ("date", "24/11/2026", "2026-11-24", False),
        ("date", "soon", "2026-11-24", False),
    ],
)
def test_attribute_in_another_form_is_the_same(
    kind: str, stored: str, new: str, *, is_same: bool
) -> None:
    assert ATTRIBUTE_TYPES[kind].is_same(stored, new) is is_same


NORMALIZING: list[dict[str, Any]] = [
    {"trims_text": True, "unix_line_ends": True},
    {"plain_numbers": True},
    {"numbers_change_type": True},
    {"dates_stored_as": "iso"},
    {"dates_stored_as": "space"},
    {"dates_stored_as": "date"},
]
FIELDS = ("company", "notes", "customer_group_id", "store_credit_amounts")
CONFIG: dict[str, Any] = {
    "map_standard_fields": [{"from": name, "to": name} for name in FIELDS],
    "map_custom_attributes": [
        {"from": "text", "to": "Text"},
        {"from": "points", "to": "Points", "type": "number"},
        {"from": "born", "to": "Born", "type": "date"},
        {"from": "seen", "to": "Seen"},
    ],
}
RECORD = {
    "company": " Acme Ltd ",
    "notes": "a\r\nb\r\n",
    "customer_group_id": 33,
    "store_credit_amounts": "1.50",
    "text": " gold ",
    "points": "+07.50",
    "born": "2026-11-24T10:00:00.25+01:00",
    "seen": "2026-11-24T10:00:00Z",
}


@pytest.mark.parametrize("options", NORMALIZING, ids=str)
def test_second_run_writes_nothing(
    make_box: MakeBox, make_job: MakeJob, options: dict[str, Any]
) -> None:
    box = make_box(**options)
    put_customers(box, 1)
    make_job(box, **CONFIG).write(member(1, **RECORD))
    box.journal.clear()

    outcomes = make_job(box, **CONFIG).write(member(1, **RECORD))

    assert outcomes == {"unchanged": 1}
    assert all(entry.method == "GET" for entry in box.journal)


@pytest.mark.parametrize("options", NORMALIZING, ids=str)
def test_change_by_others_is_overwritten(
    make_box: MakeBox, make_job: MakeJob, options: dict[str, Any]
) -> None:
    box = make_box(**options)
    put_customers(box, 1)
    make_job(box, **CONFIG).write(member(1, **RECORD))
    box.store.put_customer(1, company="Theirs", customer_group_id=5)
    [number] = [n for n, row in box.store.attributes.items() if row["name"] == "Text"]
    box.store.values[1, number] = "theirs"

    outcomes = make_job(box, **CONFIG).write(member(1, **RECORD))

    assert outcomes == {"updated": 1}
    assert box.store.customers[1]["company"].strip() == "Acme Ltd"
    assert box.store.customers[1]["customer_group_id"] == 33
    assert box.store.values[1, number]["attribute_value"].strip() == "gold"


@pytest.mark.parametrize("value", [33, 33.0, "33"], ids=repr)
def test_number_is_read_as_it_was_sent(
    box: Sandbox, make_job: MakeJob, value: object
) -> None:
    def rewrite(_method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"]:
            if row.get("attribute_value") == "33":
                row["attribute_value"] = value
        return content

    put_customers(box, 1)
    store = rewrite_responses(box, rewrite)
    config = {"map_custom_attributes": [{"from": "n", "to": "N"}]}
    make_job(store, map_standard_fields=[], **config).write(member(1, n=33))

    outcomes = make_job(store, map_standard_fields=[], **config).write(member(1, n=33))

    assert outcomes == {"unchanged": 1}


# Forms that no rule knows.

PHONE = {"from": "phone", "to": "phone"}
OTHER_FORMS: dict[str, Any] = {
    "map_standard_fields": [PHONE],
    "map_custom_attributes": [{"from": "tier", "to": "Tier"}],
}
MEMBER = member(1, phone="5550100", tier="gold")


@pytest.fixture
def reforming(box: Sandbox) -> Sandbox:
    """A store that returns phones and tiers in a form of its own."""

    def rewrite(_method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"]:
            if row.get("phone") == "5550100":
                row["phone"] = "(555) 0100"
            if row.get("attribute_value") == "gold":
                row["attribute_value"] = "GOLD"
        return content

    put_customers(box, 1)
    return rewrite_responses(box, rewrite)


def test_unknown_form_is_remembered(reforming: Sandbox, make_job: MakeJob) -> None:
    make_job(reforming, **OTHER_FORMS).write(MEMBER)
    reforming.journal.clear()

    outcomes = make_job(reforming, **OTHER_FORMS).write(MEMBER)

    assert outcomes == {"unchanged": 1}
    assert all(entry.method == "GET" for entry in reforming.journal)


def test_other_value_in_place_of_an_unknown_form_is_overwritten(
    reforming: Sandbox, make_job: MakeJob
) -> None:
    make_job(reforming, **OTHER_FORMS).write(MEMBER)
    reforming.store.put_customer(1, phone="999")
    [number] = [
        n for n, row in reforming.store.attributes.items() if row["name"] == "Tier"
    ]
    reforming.store.values[1, number] = "theirs"

    outcomes = make_job(reforming, **OTHER_FORMS).write(MEMBER)

    assert outcomes == {"updated": 1}
    assert reforming.store.customers[1]["phone"] == "5550100"
    assert reforming.store.values[1, number]["attribute_value"] == "gold"


@pytest.mark.parametrize("changed", [{"phone": "5550199"}, {"tier": "silver"}], ids=str)
def test_new_value_replaces_an_unknown_form(
    reforming: Sandbox, make_job: MakeJob, changed: dict[str, str]
) -> None:
    make_job(reforming, **OTHER_FORMS).write(MEMBER)

    outcomes = make_job(reforming, **OTHER_FORMS).write({**MEMBER, **changed})

    assert outcomes == {"updated": 1}


def test_unknown_form_is_written_again_without_a_history(
    reforming: Sandbox, make_job: MakeJob
) -> None:
    config = {**OTHER_FORMS, "history": False}
    make_job(reforming, **config).write(MEMBER)

    assert make_job(reforming, **config).write(MEMBER) == {"updated": 1}


def test_value_that_the_store_does_not_take_is_not_remembered(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, 1, phone="old")

    def keep_old(_method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        for row in content["data"]:
            row.update({"phone": "old"} if "phone" in row else {})
        return content

    store = rewrite_responses(box, keep_old)
    make_job(store, **OTHER_FORMS).write(MEMBER)

    assert make_job(store, **OTHER_FORMS).write(MEMBER) == {"updated": 1}
