"""The sandbox's own calls under `/_sandbox/`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from sandbox import Clock, Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_780_000_000.0


@pytest.fixture
def box() -> Iterator[Sandbox]:
    options = Options(members=20, others=5, newsletter=0)
    with Sandbox(options, clock=Clock.still(NOW)) as box:
        yield box


def look(box: Sandbox, path: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{box.url}/_sandbox/{path}", timeout=5).json()
    return found


def tell(box: Sandbox, path: str, **what: object) -> requests.Response:
    return requests.post(f"{box.url}/_sandbox/{path}", json=what, timeout=5)


def test_the_journal_tells_what_was_asked(box: Sandbox) -> None:
    box.lytics.call("GET", "/v2/segment/vip_customers")
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "A", "odd": 1}])

    journal = look(box, "journal")

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


def test_the_journal_can_be_read_on_from_a_number(box: Sandbox) -> None:
    for _ in range(3):
        box.store.call("GET", "/customers")

    assert [entry["n"] for entry in look(box, "journal?since=2")["entries"]] == [3]


def test_the_store_can_be_looked_at_as_a_whole(box: Sandbox) -> None:
    number = box.store.add_attribute("Tier")
    box.store.values[1001, number] = "gold"

    store = look(box, "store")

    assert [row["id"] for row in store["customers"]] == list(box.store.customers)
    assert [row["name"] for row in store["attributes"]] == ["Tier"]
    assert [row["attribute_value"] for row in store["values"]] == ["gold"]


def test_the_diff_and_its_mark_can_be_reached(box: Sandbox) -> None:
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "A"}])
    before = look(box, "diff")

    tell(box, "mark")

    assert before["customers"]["updated"] == {"1001": ["company"]}
    assert look(box, "diff")["customers"]["updated"] == {}


def test_faults_can_be_queued_rated_and_cleared(box: Sandbox) -> None:
    queued = tell(box, "faults", queue=[{"kind": "503", "times": 2}]).json()
    tell(box, "faults", rates={"500": 1.0})
    statuses = [box.store.call("GET", "/customers").status for _ in range(3)]

    tell(box, "faults", clear=True)

    assert queued == {"queued": 1}
    assert statuses == [503, 503, 500]
    assert box.store.call("GET", "/customers").status == 200


def test_members_can_be_put_changed_and_let_in_and_out(box: Sandbox) -> None:
    index = tell(box, "members", do="put", fields={"email": "a@example.com"}).json()
    tell(box, "members", do="change", index=0, fields={"company": "New"})
    tell(box, "members", do="leave", index=1)
    tell(box, "members", do="enter", index=22, touch=False)

    members = set(box.lytics.members())

    assert members == {*range(20), index["index"], 22} - {1}
    assert box.lytics.member(0)["company"] == "New"


def test_audiences_can_be_altered(box: Sandbox) -> None:
    tell(box, "audiences", do="rename", slug="vip_customers", new="best")
    tell(box, "audiences", do="invalidate", slug="best", reason="a field is gone")
    tell(box, "audiences", do="delete", slug="nobody_yet")

    rows = box.lytics.call("GET", "/v2/segment").json()["data"]

    found = {row["slug_name"]: row["invalid_reason"] for row in rows}
    assert found == {"newsletter_readers": "", "best": "a field is gone"}


def test_the_clock_can_be_moved(box: Sandbox) -> None:
    moved = tell(box, "clock", advance=60).json()
    set_to = tell(box, "clock", set=5).json()

    assert (moved, set_to) == ({"now": NOW + 60}, {"now": 5})


def test_a_reset_begins_anew(box: Sandbox) -> None:
    box.store.call("PUT", "/customers", [{"id": 1001, "company": "A"}])

    tell(box, "reset")

    assert look(box, "journal")["total"] == 0
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
        ("members", {"do": "enter", "index": 1, "audience": "unheard_of"}),
        ("audiences", {"do": "delete", "slug": "unheard_of"}),
        ("audiences", {"do": "find", "slug": "vip_customers"}),
        ("clock", {"advance": "long"}),
    ],
)
def test_what_makes_no_sense_is_a_400_that_says_why(
    box: Sandbox, path: str, what: dict[str, Any]
) -> None:
    answer = tell(box, path, **what)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_body_that_is_no_object_is_a_400(box: Sandbox) -> None:
    answer = requests.post(f"{box.url}/_sandbox/faults", data="[1]", timeout=5)

    assert answer.status_code == 400


def test_an_unknown_call_is_told_what_there_is(box: Sandbox) -> None:
    answer = requests.get(f"{box.url}/_sandbox/what", timeout=5)

    assert answer.status_code == 404
    assert "GET /_sandbox/journal" in answer.json()["calls"]


def test_the_sandbox_s_own_calls_are_in_no_journal(box: Sandbox) -> None:
    look(box, "store")

    assert len(box.journal) == 0
