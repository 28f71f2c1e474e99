"""Reads by the client: few requests, and every row of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Fault
from target_bigcommerce.api.models import AttributeDefinition
from target_bigcommerce.errors import AttributeConflictError

if TYPE_CHECKING:
    from support.store import MakeBox
    from support.store_client import Connect, ConnectedClient


# Reading.


@pytest.mark.parametrize(
    ("digits", "calls"), [(4, 2), (6, 2), (7, 2), (9, 3), (10, 3), (18, 4)]
)
def test_customers_are_read_250_ids_per_request(
    connect_store: Connect, digits: int, calls: int
) -> None:
    connected = connect_store(members=0, others=0, newsletter=0)
    ids = [10 ** (digits - 1) + number for number in range(400)]
    for number in ids[:10]:
        connected.box.store.put_customer(number, email=f"m{number}@example.com")

    found = connected.client.customers_by_id([*ids, *ids])

    assert sorted(found) == ids[:10]
    assert {entry.status for entry in connected.box.journal} == {200}
    assert connected.calls == {"GET /customers": calls}


def test_customers_have_what_is_included(
    connect_store: Connect,
) -> None:
    connected = connect_store()
    customer_id = min(connected.box.store.customers)

    plain = connected.client.customers_by_id([customer_id])
    full = connected.client.customers_by_id(
        [customer_id], ["storecredit", "formfields"]
    )

    assert "store_credit_amounts" not in plain[customer_id]
    assert "store_credit_amounts" in full[customer_id]
    assert "form_fields" in full[customer_id]


UNUSUAL = [
    "o'brien+x@example.com",
    "UPPER@Example.com",
    "a&b=c@example.com",
    "percent%20@example.com",
    "hash#tag?@example.com",
    "grüne@example.com",
]


@pytest.mark.parametrize("email", UNUSUAL)
def test_customer_with_unusual_email_is_found(
    connect_store: Connect, email: str
) -> None:
    connected = connect_store(members=5)
    connected.box.store.put_customer(5000, email=email)

    found = connected.client.customers_by_email(
        [email.swapcase(), "unknown@example.com"]
    )

    assert list(found) == [email.lower()]
    assert [row["id"] for row in found[email.lower()]] == [5000]


def test_email_with_a_comma_matches_no_other(
    connect_store: Connect,
) -> None:
    connected = connect_store(members=5)
    connected.box.store.put_customer(5000, email="ann@example.com")

    found = connected.client.customers_by_email(
        ["x,ann@example.com", "ann@example.com"]
    )

    assert set(found) == {"ann@example.com"}


@pytest.mark.parametrize(
    "options",
    [
        {"in_list_limit": 100},
        {"in_list_limit": 50},
        {"in_list_limit": 7},
        {"url_limit": 300},
    ],
)
def test_lists_are_halved_until_accepted(
    connect_store: Connect, options: dict[str, int]
) -> None:
    connected = connect_store(**options)
    customers = dict(connected.box.store.customers.items())

    by_id = connected.client.customers_by_id(list(customers))
    by_email = connected.client.customers_by_email(
        [r["email"] for r in customers.values()]
    )
    before = connected.box.journal.total
    connected.client.customers_by_id(list(customers)[:40])

    assert set(by_id) == set(customers)
    assert {row["id"] for rows in by_email.values() for row in rows} == set(customers)
    rejected = [e for e in connected.box.journal.since(before) if e.status != 200]
    assert rejected == []


def test_all_pages_of_values_are_read(connect_store: Connect) -> None:
    connected = connect_store()
    attributes = [connected.box.store.add_attribute(f"A{n}") for n in range(5)]
    ids = sorted(connected.box.store.customers)[:100]
    rows = [
        {"customer_id": n, "attribute_id": a, "value": f"{n}/{a}"}
        for n in ids
        for a in attributes
    ]
    for at in range(0, len(rows), 10):
        connected.box.store.call(
            "PUT", "/customers/attribute-values", rows[at : at + 10]
        )
    connected.box.journal.clear()

    values = connected.client.values(ids, attributes)
    one = list(connected.client.values_of(attributes[0]))
    count = connected.client.count_values(attributes[0])

    expected = {(n, a): f"{n}/{a}" for n in ids for a in attributes}
    assert {(v.customer_id, v.attribute_id): v.value for v in values} == expected
    assert sorted(v.customer_id for v in one) == ids
    assert count == 100
    assert connected.calls == {"GET /customers/attribute-values": 2 + 1 + 1}


def test_empty_lists_send_no_request(connected: ConnectedClient) -> None:
    client = connected.client

    results = [
        client.customers_by_id([]),
        client.customers_by_email([]),
        client.values([], [1]),
        client.values([1], []),
        client.update_customers([]).done,
        client.upsert_values([]).done,
    ]
    client.delete_values([])

    assert not any(results)
    assert connected.box.journal.total == 0


# Attributes.


def test_attribute_is_created_once(connected: ConnectedClient) -> None:
    made = connected.client.create_attribute("Tier", "string")
    again = connected.client.create_attribute("Tier", "string")

    assert made == again == AttributeDefinition(id=made.id, name="Tier", type="string")
    assert connected.client.attributes() == [made]


@pytest.mark.parametrize("kind", ["500_after", "cut_after", "truncated", "500", "cut"])
def test_lost_response_makes_no_duplicate_attribute(
    make_sandbox: MakeBox, connect: Connect, kind: str
) -> None:
    connected = connect(make_sandbox(members=5, allow_duplicate_attributes=True))
    connected.box.faults.queue(Fault(kind=kind, match="POST *"))

    made = connected.client.create_attribute("Tier", "string")

    assert [row["name"] for row in connected.box.store.attributes.values()] == ["Tier"]
    assert made.name == "Tier"


def test_full_store_is_an_error_with_its_limit(connect_store: Connect) -> None:
    connected = connect_store(members=5)
    for n in range(50):
        connected.box.store.add_attribute(f"A{n}")

    with pytest.raises(AttributeConflictError, match=r"'Tier'.*50 is the maximum"):
        connected.client.create_attribute("Tier", "string")


def test_attribute_of_another_type_is_an_error(connected: ConnectedClient) -> None:
    connected.box.store.add_attribute("Tier", "number")

    with pytest.raises(AttributeConflictError, match="of type number"):
        connected.client.create_attribute("Tier", "string")
