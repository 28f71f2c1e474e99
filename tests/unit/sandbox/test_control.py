"""The control API under `/_sandbox/`, the journal and the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Clock, Options, Sandbox
from sandbox.clock import timestamp, timestamp_nanos

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.journal import Entry
    from support.store import MakeBox

NOW = 1_780_000_000.0


@pytest.fixture
def box() -> Iterator[Sandbox]:
    options = Options(members=20, others=5, newsletter=0)
    with Sandbox(options, clock=Clock.still(NOW)) as box:
        yield box


def get(box: Sandbox, path: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{box.url}/_sandbox/{path}", timeout=5).json()
    return found


def post(box: Sandbox, path: str, **what: object) -> requests.Response:
    return requests.post(f"{box.url}/_sandbox/{path}", json=what, timeout=5)


def test_journal_lists_calls(box: Sandbox) -> None:
    box.lytics.call("GET", "/v2/segment/vip_customers")
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "A", "odd": 1}])

    journal = get(box, "journal")

    assert journal["total"] == 2
    assert journal["counts"] == {"GET /v2/segment/{id}": 1, "PUT /customers": 1}
    assert journal["statuses"] == {"lytics 200": 1, "store 200": 1}
    assert journal["entries"][1] == {
        "n": 2,
        "at": NOW,
        "side": "store",
        "method": "PUT",
        "path": "/customers",
        "endpoint": "PUT /customers",
        "query": {},
        "status": 200,
        "rows": 1,
        "fault": "",
        "extra_keys": ["odd"],
    }


def test_journal_can_be_read_from_a_number(box: Sandbox) -> None:
    for _ in range(3):
        box.store.call("GET", "/customers")

    assert [entry["n"] for entry in get(box, "journal?since=2")["entries"]] == [3]


def test_store_is_returned_as_a_whole(box: Sandbox) -> None:
    number = box.store.add_attribute("Tier")
    box.store.values[1001, number] = "gold"

    store = get(box, "store")

    assert [row["id"] for row in store["customers"]] == list(box.store.customers)
    assert [row["name"] for row in store["attributes"]] == ["Tier"]
    assert [row["attribute_value"] for row in store["values"]] == ["gold"]


def test_mark_starts_a_new_diff(box: Sandbox) -> None:
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "A"}])
    before = get(box, "diff")

    post(box, "mark")

    assert before["customers"]["updated"] == {"1001": ["company"]}
    assert get(box, "diff")["customers"]["updated"] == {}


def test_faults_are_queued_rated_and_cleared(box: Sandbox) -> None:
    queued = post(box, "faults", queue=[{"kind": "503", "times": 2}]).json()
    post(box, "faults", rates={"500": 1.0})
    statuses = [box.store.call("GET", "/customers").status for _ in range(3)]

    post(box, "faults", clear=True)

    assert queued == {"queued": 1}
    assert statuses == [503, 503, 500]
    assert box.store.call("GET", "/customers").status == 200


def test_members_are_added_changed_and_moved(box: Sandbox) -> None:
    index = post(box, "members", do="put", fields={"email": "a@example.com"}).json()
    post(box, "members", do="change", index=0, fields={"company": "New"})
    post(box, "members", do="leave", index=1)
    post(box, "members", do="enter", index=22, touch=False)

    members = set(box.lytics.members())

    assert members == {*range(20), index["index"], 22} - {1}
    assert box.lytics.member(0)["company"] == "New"


def test_audiences_are_edited(box: Sandbox) -> None:
    post(box, "audiences", do="rename", slug="vip_customers", new="best")
    post(box, "audiences", do="invalidate", slug="best", reason="a field is gone")
    post(box, "audiences", do="delete", slug="nobody_yet")

    rows = box.lytics.call("GET", "/v2/segment").json()["data"]

    found = {row["slug_name"]: row["invalid_reason"] for row in rows}
    assert found == {"newsletter_readers": "", "best": "a field is gone"}


def test_clock_is_moved(box: Sandbox) -> None:
    moved = post(box, "clock", advance=60).json()
    set_to = post(box, "clock", set=5).json()

    assert (moved, set_to) == ({"now": NOW + 60}, {"now": 5})


def test_reset_restores_the_seeded_state(box: Sandbox) -> None:
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "A"}])

    post(box, "reset")

    assert get(box, "journal")["total"] == 0
    assert box.store.customers[1001]["company"] != "A"


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("faults", {"queue": [{"kind": "418"}]}),
        ("faults", {"queue": [{"sort": "503"}]}),
        ("members", {"do": "dance", "index": 1}),
        ("members", {"index": 1}),
        ("members", {"do": "change", "index": 999}),
        ("members", {"do": "leave", "index": 999}),
        ("members", {"do": "enter", "index": 1, "audience": "unnotified_of"}),
        ("audiences", {"do": "delete", "slug": "unnotified_of"}),
        ("audiences", {"do": "find", "slug": "vip_customers"}),
        ("clock", {"advance": "long"}),
    ],
)
def test_invalid_call_gets_400_with_reason(
    box: Sandbox, path: str, what: dict[str, Any]
) -> None:
    response = post(box, path, **what)

    assert response.status_code == 400
    assert response.json()["error"]


def test_body_that_is_not_an_object_gets_400(box: Sandbox) -> None:
    response = requests.post(f"{box.url}/_sandbox/faults", data="[1]", timeout=5)

    assert response.status_code == 400


def test_unknown_call_gets_404_with_all_calls(box: Sandbox) -> None:
    response = requests.get(f"{box.url}/_sandbox/what", timeout=5)

    assert response.status_code == 404
    assert "GET /_sandbox/journal" in response.json()["calls"]


def test_control_calls_are_not_in_journal(box: Sandbox) -> None:
    get(box, "store")

    assert len(box.journal) == 0


def test_journal_counts_rows_sent_or_returned(box: Sandbox) -> None:
    box.store.call("GET", "/customers", id__in="1001,1003")
    box.store.call("PUT", "/customers", [{"id": 1001}] * 5)
    box.store.call("GET", "/customers", foo=1)
    box.lytics.call("GET", "/api/segment/vip_customers/scan", limit=7)
    box.lytics.call("GET", "/api/schema/user")

    assert [entry.rows for entry in box.journal] == [2, 5, 0, 7, 0]


def test_journal_keeps_last_calls_and_counts_all(make_box: MakeBox) -> None:
    box = make_box(journal_length=2)

    for _ in range(5):
        box.store.call("GET", "/customers")

    assert [entry.n for entry in box.journal] == [4, 5]
    assert box.journal.counts == {"GET /customers": 5}


def test_journal_bodies_are_optional(make_box: MakeBox) -> None:
    rows = [{"id": 1001, "company": "A"}]
    with_bodies, without = make_box(), make_box(journal_bodies=False)

    for box in (with_bodies, without):
        box.store.call("PUT", "/customers", rows)

    assert with_bodies.journal[0].sent() == rows
    assert without.journal[0].body == b""


def test_journal_notifies_subscribers(box: Sandbox) -> None:
    notified: list[Entry] = []
    box.journal.subscribe(notified.append)

    box.store.call("GET", "/customers")

    assert notified == [box.journal[0]]


def test_cleared_journal_continues_numbering(box: Sandbox) -> None:
    box.store.call("GET", "/customers")
    box.journal.clear()

    box.store.call("GET", "/customers")

    assert [entry.n for entry in box.journal] == [2]
    assert box.journal.counts == {"GET /customers": 1}


@given(st.integers(-2_000_000_000, 10_000_000_000))
def test_timestamp_agrees_with_the_calendar(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, tz=UTC)

    assert timestamp(seconds) == at.isoformat().replace("+00:00", "Z")


def test_timestamp_has_no_trailing_zeros() -> None:
    assert timestamp_nanos(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert timestamp_nanos(1) == "1970-01-01T00:00:00.000000001Z"
    assert timestamp_nanos(0) == "1970-01-01T00:00:00Z"


def test_still_clock_moves_only_when_advanced() -> None:
    clock = Clock.still(1000)

    clock.advance(5)
    moved = clock.now()
    clock.set(50)

    assert (moved, clock.now()) == (1005, 50)


def test_scaled_clock_runs_faster_from_then_on() -> None:
    running = [100.0]
    clock = Clock(source=lambda: running[0], start=0)
    running[0] += 10
    clock.scale = 60
    running[0] += 1

    assert clock.now() == 70


def test_bad_rows_and_customers_can_be_set(box: Sandbox) -> None:
    email = box.store.customers[1001]["email"]
    post(box, "faults", bad_rows={"1002": 500})
    added = post(box, "customers", id=90_001, fields={"email": email}).json()
    rows = [{"id": 1002, "company": "A"}]

    assert box.store.call("PUT", "/customers", rows).status == 500
    assert added == {"id": 90_001}
    assert box.store.customers.owners(email) == {1001, 90_001}
