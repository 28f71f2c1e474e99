"""Writes by the client: few requests, bad rows, duplicates, parallel requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from singer_kit.errors import (
    AuthError,
    ShutdownRequestedError,
)
from target_bigcommerce.api.models import AttributeValue

if TYPE_CHECKING:
    from support.store_client import Connect, ConnectedClient


# The vendor's documents leave these open; the client works with each of them.
VARIANTS: list[dict[str, Any]] = [
    {},
    {"apply_valid_rows": True},
    {"errors_name_the_row": False},
    {"apply_valid_rows": True, "errors_name_the_row": False},
    {"answer_order": "reversed"},
    {"rows_per_call": 3},
    {"rows_per_call": 3, "overflow_status": 422, "errors_name_the_row": False},
    {"cap_counts_customers": True},
    {"cap_counts_customers": True, "apply_valid_rows": True},
    {"cap_counts_customers": True, "errors_name_the_row": False},
    {"cap_counts_customers": True, "partial_207": True},
    {"cap_counts_customers": True, "rows_per_call": 3},
]
variants = pytest.mark.parametrize(
    "options", VARIANTS, ids=lambda options: ",".join(options) or "default"
)


def new_customers(count: int) -> list[dict[str, Any]]:
    return [
        {"email": f"new{n}@example.com", "first_name": "New", "last_name": f"N{n}"}
        for n in range(count)
    ]


def updates(connected: ConnectedClient, count: int) -> list[dict[str, Any]]:
    ids = sorted(connected.box.store.customers)[:count]
    return [{"id": number, "notes": "x"} for number in ids]


def emails_of(connected: ConnectedClient) -> list[str]:
    return [row["email"].lower() for row in connected.box.store.customers.values()]


@variants
def test_only_bad_customers_are_rejected(
    connect_store: Connect, options: dict[str, Any]
) -> None:
    connected = connect_store(**options)
    ids = sorted(connected.box.store.customers)[:47]
    taken = connected.box.store.customers[max(connected.box.store.customers)]["email"]
    rows: list[dict[str, Any]] = [{"id": n, "company": f"C{n}"} for n in ids]
    rows[3]["first_name"] = ""
    rows[11] = {"id": 987654321, "company": "none"}
    rows[12]["email"] = taken
    rows[29]["phone"] = "9" * 51

    written = connected.client.update_customers(rows)

    assert sorted(written.rejected) == [3, 11, 12, 29]
    assert sorted(written.done) == [n for n in range(47) if n not in {3, 11, 12, 29}]
    for index, row in written.done.items():
        assert row["id"] == ids[index]
        assert connected.box.store.customers[ids[index]]["company"] == f"C{ids[index]}"
    assert connected.calls["PUT /customers"] <= 2 * len(rows)
    updated = connected.box.store.diff()["customers"]["updated"]
    assert sorted(map(int, updated)) == sorted(ids[n] for n in written.done)


@variants
def test_only_bad_values_are_rejected(
    connect_store: Connect, options: dict[str, Any]
) -> None:
    connected = connect_store(**options)
    number = connected.box.store.add_attribute("Points", "number")
    text = connected.box.store.add_attribute("Tier")
    ids = sorted(connected.box.store.customers)[:15]
    values = [
        AttributeValue(customer_id=n, attribute_id=a, value=str(n))
        for n in ids
        for a in (number, text)
    ]
    bad = {
        4: AttributeValue(customer_id=ids[2], attribute_id=number, value="many"),
        17: AttributeValue(customer_id=987654321, attribute_id=text, value="x"),
        29: AttributeValue(customer_id=ids[14], attribute_id=999, value="x"),
    }
    for index, value in bad.items():
        values[index] = value

    written = connected.client.upsert_values(values)

    assert sorted(written.rejected) == sorted(bad)
    assert sorted(written.done) == [n for n in range(30) if n not in bad]
    assert len(connected.box.store.values) == 27


@variants
def test_creation_rejects_bad_rows_without_duplicates(
    connect_store: Connect, options: dict[str, Any]
) -> None:
    connected = connect_store(**options)
    existing = connected.box.store.customers[min(connected.box.store.customers)][
        "email"
    ]
    rows = new_customers(25)
    rows[7]["last_name"] = ""
    rows[13]["email"] = existing.upper()
    rows[20]["email"] = "no address"

    written = connected.client.create_customers(rows)

    assert sorted(written.rejected) == [7, 20]
    assert sorted(written.done) == [n for n in range(25) if n not in {7, 20}]
    assert written.done[13]["_found"] is True
    emails = emails_of(connected)
    assert len(emails) == len(set(emails))
    assert {f"new{n}@example.com" for n in written.done if n != 13} <= set(emails)


@pytest.mark.guarantee("no-duplicate-customer")
@pytest.mark.parametrize(
    "kind", ["500", "503_after", "cut", "cut_after", "truncated", "not_json", "429"]
)
@pytest.mark.parametrize("times", [1, 3])
def test_creation_with_unknown_outcome_makes_no_duplicate(
    connect_store: Connect, kind: str, times: int
) -> None:
    connected = connect_store()
    connected.box.faults.queue(Fault(kind=kind, match="POST *", times=times))

    written = connected.client.create_customers(new_customers(12))

    assert sorted(written.done) == list(range(12))
    emails = emails_of(connected)
    assert all(emails.count(f"new{n}@example.com") == 1 for n in range(12))


@pytest.mark.parametrize("kind", ["503_after", "cut_after", "truncated"])
def test_applied_creation_is_looked_up_not_repeated(
    connect_store: Connect, kind: str
) -> None:
    connected = connect_store()
    connected.box.faults.queue(Fault(kind=kind, match="POST *"))

    written = connected.client.create_customers(new_customers(10))

    assert all(row["_found"] for row in written.done.values())
    assert connected.calls == {"POST /customers": 1, "GET /customers": 1}


def test_rejection_after_a_lost_response_hits_the_right_row(
    connect_store: Connect,
) -> None:
    connected = connect_store()
    connected.box.store.put_customer(5000, email="new0@example.com")
    connected.box.faults.queue(Fault(kind="500", match="POST *"))
    rows = new_customers(6)
    rows[4]["last_name"] = ""

    written = connected.client.create_customers(rows)

    assert sorted(written.rejected) == [4]
    assert [n for n, row in written.done.items() if row.get("_found")] == [0]


def test_creation_exhausts_its_attempts(
    connect_store: Connect,
) -> None:
    connected = connect_store()
    connected.box.faults.queue(Fault(kind="500", match="POST *", times=100))

    written = connected.client.create_customers(new_customers(1))

    assert {at: d.status for at, d in written.rejected.items()} == {0: 500}
    assert connected.calls["POST /customers"] == 10


@pytest.mark.parametrize("kind", ["row_missing", "503_after", "cut_after"])
def test_unconfirmed_row_is_read_back(connect_store: Connect, kind: str) -> None:
    connected = connect_store()
    connected.box.faults.queue(Fault(kind=kind, match="PUT *", times=40))

    written = connected.client.update_customers(updates(connected, 3))

    assert not written.rejected
    assert len(written.done) == 3


def test_unconfirmed_row_is_confirmed_by_resending(
    connect_store: Connect,
) -> None:
    connected = connect_store()
    connected.box.faults.queue(Fault(kind="row_missing", match="POST *"))

    written = connected.client.create_customers(new_customers(10))

    assert sorted(written.done) == list(range(10))
    assert written.done[9]["_found"] is True


def test_lowered_size_lasts_for_the_run(
    connect_store: Connect,
) -> None:
    connected = connect_store(rows_per_call=5)
    rows = updates(connected, 100)

    connected.client.update_customers(rows)
    before = connected.box.journal.total
    connected.client.update_customers(rows)

    again = connected.box.journal.since(before)
    assert {entry.status for entry in again} == {200}
    assert len(again) == 20


def test_values_are_deleted_100_per_request(connect_store: Connect) -> None:
    connected = connect_store()
    attribute = connected.box.store.add_attribute("Tier")
    ids = sorted(connected.box.store.customers)[:110]
    connected.client.upsert_values(
        [AttributeValue(customer_id=n, attribute_id=attribute, value="x") for n in ids]
    )
    values = list(connected.client.values_of(attribute))

    connected.client.delete_values([value.id for value in values] + [987654321])

    assert len(connected.box.store.values) == 0
    assert connected.calls["DELETE /customers/attribute-values"] == 2


def test_only_documented_keys_are_sent(connect_store: Connect) -> None:
    connected = connect_store(unknown_keys_refused=True)
    attribute = connected.client.create_attribute("Tier", "string").id
    customer_id = min(connected.box.store.customers)

    connected.client.create_customers(new_customers(1))
    connected.client.update_customers([{"id": customer_id, "notes": "x"}])
    connected.client.upsert_values(
        [AttributeValue(customer_id=customer_id, attribute_id=attribute, value="x")]
    )

    assert {entry.status for entry in connected.box.journal} == {200}
    assert not any(entry.extra_keys for entry in connected.box.journal)


# Parallel requests.


def test_three_requests_at_most_are_in_flight(
    connect_store: Connect,
) -> None:
    connected = connect_store(latency_ms=10, in_flight=3)
    most, quota = [0], connected.box.store.quota
    rows = updates(connected, 120)
    connected.box.journal.subscribe(
        lambda _: most.append(1 + max(quota.in_flight.values(), default=0))
    )

    connected.client.update_customers(rows)

    assert connected.box.journal.statuses == {"store 200": 12}
    assert max(most) <= 3


def test_writes_are_spread_over_a_small_window(
    connect_store: Connect,
) -> None:
    connected = connect_store(quota=10)
    rows = updates(connected, 100)

    written = connected.client.update_customers(rows)

    assert len(written.done) == 100
    assert min(connected.waits) < 10
    assert connected.box.journal.statuses == {"store 200": 10}


def test_concurrency_adapts_to_the_store(
    connect_store: Connect,
) -> None:
    connected = connect_store(latency_ms=10, in_flight=1, members=300)
    rows = updates(connected, 300)

    written = connected.client.update_customers(rows)

    assert len(written.done) == 300
    assert connected.throttle.concurrency_limit == 1
    assert connected.box.journal.statuses["store 429"] <= 4


def test_no_request_starts_after_an_error(
    connect_store: Connect,
) -> None:
    connected = connect_store()
    connected.box.faults.queue(Fault(kind="401", match="PUT *", times=50))
    rows = updates(connected, 120)

    written = connected.client.update_customers(rows)

    assert isinstance(written.error, AuthError)
    assert connected.box.journal.total <= 3


def test_signal_lets_requests_in_flight_finish(
    connect_store: Connect,
) -> None:
    connected = connect_store(latency_ms=5)
    rows = updates(connected, 120)
    connected.box.journal.subscribe(
        lambda entry: connected.shutdown.set(15) if entry.n == 4 else None
    )

    written = connected.client.update_customers(rows)

    assert isinstance(written.error, ShutdownRequestedError)
    total = connected.box.journal.total
    assert 4 <= total <= 6
    assert len(connected.box.store.diff()["customers"]["updated"]) == 10 * total
    assert len(written.done) == 10 * total


# Faults.

FAULTS = {
    "429": 0.03,
    "429_bare": 0.03,
    "423": 0.02,
    "503": 0.05,
    "500_after": 0.05,
    "cut": 0.03,
    "cut_after": 0.05,
    "truncated": 0.03,
    "not_json": 0.02,
    "empty_body": 0.02,
}


@pytest.mark.parametrize("seed", range(3))
@variants
def test_faults_change_no_outcome(
    connect_store: Connect, options: dict[str, Any], seed: int
) -> None:
    connected = connect_store(**options, seed=seed, fault_rates=FAULTS)
    ids = sorted(connected.box.store.customers)[:60]
    changes = [{"id": n, "company": "" if n % 3 else f"C{n}"} for n in ids]
    bad_updates = {at for at in range(60) if at % 17 == 5}
    for at in bad_updates:
        changes[at]["first_name"] = ""
    creations = new_customers(30)
    bad_creations = {at for at in range(30) if at % 13 == 4}
    for at in bad_creations:
        creations[at]["last_name"] = ""

    updated = connected.client.update_customers(changes)
    created = connected.client.create_customers(creations)

    assert set(updated.rejected) == bad_updates
    assert set(updated.done) == set(range(60)) - bad_updates
    assert set(created.rejected) == bad_creations
    emails = emails_of(connected)
    counts = [emails.count(f"new{n}@example.com") for n in range(30)]
    assert counts == [int(n not in bad_creations) for n in range(30)]
