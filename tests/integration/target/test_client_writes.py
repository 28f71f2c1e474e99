"""Lists are written in few requests, under every reading of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from singer_kit.errors import RetriesExhaustedError
from target_bigcommerce.api.models import AttributeValue
from target_bigcommerce.api.writes import UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.store_client import Edge


READINGS: list[dict[str, Any]] = [
    {},
    {"apply_valid_rows": True},
    {"errors_name_the_row": False},
    {"apply_valid_rows": True, "errors_name_the_row": False},
    {"answer_order": "reversed"},
    {"rows_per_call": 3},
    {"rows_per_call": 3, "overflow_status": 422, "errors_name_the_row": False},
]
readings = pytest.mark.parametrize(
    "options", READINGS, ids=lambda options: ",".join(options) or "default"
)


def new_customers(count: int) -> list[dict[str, Any]]:
    return [
        {"email": f"new{n}@example.com", "first_name": "New", "last_name": f"N{n}"}
        for n in range(count)
    ]


def emails_of(edge: Edge) -> list[str]:
    return [row["email"].lower() for row in edge.box.store.customers.values()]


@readings
def test_only_bad_customers_are_rejected(
    open_store: Callable[..., Edge], options: dict[str, Any]
) -> None:
    edge = open_store(**options)
    ids = sorted(edge.box.store.customers)[:47]
    taken = edge.box.store.customers[max(edge.box.store.customers)]["email"]
    rows: list[dict[str, Any]] = [{"id": n, "company": f"C{n}"} for n in ids]
    rows[3]["first_name"] = ""
    rows[11] = {"id": 987654321, "company": "none"}
    rows[12]["email"] = taken
    rows[29]["phone"] = "9" * 51

    written = edge.client.update_customers(rows)

    assert sorted(written.rejected) == [3, 11, 12, 29]
    assert sorted(written.done) == [n for n in range(47) if n not in {3, 11, 12, 29}]
    for index, row in written.done.items():
        assert row["id"] == ids[index]
        assert edge.box.store.customers[ids[index]]["company"] == f"C{ids[index]}"
    assert edge.asked["PUT /customers"] <= 2 * len(rows)
    updated = edge.box.store.diff()["customers"]["updated"]
    assert sorted(map(int, updated)) == sorted(ids[n] for n in written.done)


@readings
def test_only_bad_values_are_rejected(
    open_store: Callable[..., Edge], options: dict[str, Any]
) -> None:
    edge = open_store(**options)
    number = edge.box.store.add_attribute("Points", "number")
    text = edge.box.store.add_attribute("Tier")
    ids = sorted(edge.box.store.customers)[:15]
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

    written = edge.client.upsert_values(values)

    assert sorted(written.rejected) == sorted(bad)
    assert sorted(written.done) == [n for n in range(30) if n not in bad]
    assert len(edge.box.store.values) == 27


@readings
def test_creation_rejects_bad_rows_without_duplicates(
    open_store: Callable[..., Edge], options: dict[str, Any]
) -> None:
    edge = open_store(**options)
    there = edge.box.store.customers[min(edge.box.store.customers)]["email"]
    rows = new_customers(25)
    rows[7]["last_name"] = ""
    rows[13]["email"] = there.upper()
    rows[20]["email"] = "no address"

    written = edge.client.create_customers(rows)

    assert sorted(written.rejected) == [7, 20]
    assert sorted(written.done) == [n for n in range(25) if n not in {7, 20}]
    assert written.done[13]["_found"] is True
    emails = emails_of(edge)
    assert len(emails) == len(set(emails))
    assert {f"new{n}@example.com" for n in written.done if n != 13} <= set(emails)


@pytest.mark.guarantee("no-duplicate-customer")
@pytest.mark.parametrize(
    "kind", ["500", "503_after", "cut", "cut_after", "truncated", "not_json", "429"]
)
@pytest.mark.parametrize("times", [1, 3])
def test_creation_with_unknown_outcome_makes_no_duplicate(
    open_store: Callable[..., Edge], kind: str, times: int
) -> None:
    edge = open_store()
    edge.box.faults.queue(Fault(kind=kind, match="POST *", times=times))

    written = edge.client.create_customers(new_customers(12))

    assert sorted(written.done) == list(range(12))
    emails = emails_of(edge)
    assert all(emails.count(f"new{n}@example.com") == 1 for n in range(12))


@pytest.mark.parametrize("kind", ["503_after", "cut_after", "truncated"])
def test_applied_creation_is_looked_up_not_repeated(
    open_store: Callable[..., Edge], kind: str
) -> None:
    edge = open_store()
    edge.box.faults.queue(Fault(kind=kind, match="POST *"))

    written = edge.client.create_customers(new_customers(10))

    assert all(row["_found"] for row in written.done.values())
    assert edge.asked == {"POST /customers": 1, "GET /customers": 1}


def test_rejection_after_a_lost_response_hits_the_right_row(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store()
    edge.box.store.put_customer(5000, email="new0@example.com")
    edge.box.faults.queue(Fault(kind="500", match="POST *"))
    rows = new_customers(6)
    rows[4]["last_name"] = ""

    written = edge.client.create_customers(rows)

    assert sorted(written.rejected) == [4]
    assert [n for n, row in written.done.items() if row.get("_found")] == [0]


def test_creation_exhausts_its_attempts(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store()
    edge.box.faults.queue(Fault(kind="500", match="POST *", times=100))

    with pytest.raises(RetriesExhaustedError, match="after 10 attempts"):
        edge.client.create_customers(new_customers(1))

    assert edge.asked["POST /customers"] == 10


def test_unconfirmed_row_does_not_count_as_written(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store()
    ids = sorted(edge.box.store.customers)[:10]
    edge.box.faults.queue(Fault(kind="row_missing", match="PUT *", times=2))

    written = edge.client.update_customers([{"id": n, "notes": "x"} for n in ids])

    assert list(written.rejected.values()) == [UNCONFIRMED]
    assert len(written.done) == 9
    assert [entry.rows for entry in edge.box.journal.calls("PUT /customers")] == [10, 1]


def test_unconfirmed_row_is_confirmed_by_resending(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store()
    edge.box.faults.queue(Fault(kind="row_missing", match="POST *"))

    written = edge.client.create_customers(new_customers(10))

    assert sorted(written.done) == list(range(10))
    assert written.done[9]["_found"] is True


def test_lowered_size_lasts_for_the_run(
    open_store: Callable[..., Edge],
) -> None:
    edge = open_store(rows_per_call=5)
    rows = [{"id": n, "notes": "x"} for n in sorted(edge.box.store.customers)[:100]]

    edge.client.update_customers(rows)
    before = edge.box.journal.total
    edge.client.update_customers(rows)

    again = edge.box.journal.since(before)
    assert {entry.status for entry in again} == {200}
    assert len(again) == 20


def test_values_are_deleted_100_per_request(open_store: Callable[..., Edge]) -> None:
    edge = open_store()
    attribute = edge.box.store.add_attribute("Tier")
    ids = sorted(edge.box.store.customers)[:110]
    edge.client.upsert_values(
        [AttributeValue(customer_id=n, attribute_id=attribute, value="x") for n in ids]
    )
    values = list(edge.client.values_of(attribute))

    edge.client.delete_values([value.id for value in values] + [987654321])

    assert len(edge.box.store.values) == 0
    assert edge.asked["DELETE /customers/attribute-values"] == 2


def test_only_documented_keys_are_sent(open_store: Callable[..., Edge]) -> None:
    edge = open_store(unknown_keys_refused=True)
    attribute = edge.client.create_attribute("Tier", "string").id
    customer_id = min(edge.box.store.customers)

    edge.client.create_customers(new_customers(1))
    edge.client.update_customers([{"id": customer_id, "notes": "x"}])
    edge.client.upsert_values(
        [AttributeValue(customer_id=customer_id, attribute_id=attribute, value="x")]
    )

    assert {entry.status for entry in edge.box.journal} == {200}
    assert not any(entry.extra_keys for entry in edge.box.journal)


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
@readings
def test_faults_change_no_outcome(
    open_store: Callable[..., Edge], options: dict[str, Any], seed: int
) -> None:
    edge = open_store(**options, seed=seed, fault_rates=FAULTS)
    ids = sorted(edge.box.store.customers)[:60]
    updates = [{"id": n, "company": "" if n % 3 else f"C{n}"} for n in ids]
    bad_updates = {at for at in range(60) if at % 17 == 5}
    for at in bad_updates:
        updates[at]["first_name"] = ""
    creations = new_customers(30)
    bad_creations = {at for at in range(30) if at % 13 == 4}
    for at in bad_creations:
        creations[at]["last_name"] = ""

    updated = edge.client.update_customers(updates)
    created = edge.client.create_customers(creations)

    assert set(updated.rejected) == bad_updates
    assert set(updated.done) == set(range(60)) - bad_updates
    assert set(created.rejected) == bad_creations
    emails = emails_of(edge)
    counts = [emails.count(f"new{n}@example.com") for n in range(30)]
    assert counts == [int(n not in bad_creations) for n in range(30)]
