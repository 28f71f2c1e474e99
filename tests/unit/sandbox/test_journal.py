"""The journal of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.journal import Entry
    from support.store import MakeBox


def test_rows_are_those_sent_or_returned(box: Sandbox) -> None:
    box.store.call("GET", "/customers", id__in="1001,1003")
    box.store.call("PUT", "/customers", [{"id": 1001}] * 5)
    box.store.call("GET", "/customers", foo=1)
    box.lytics.call("GET", "/api/segment/vip_customers/scan", limit=7)
    box.lytics.call("GET", "/api/schema/user")

    assert [entry.rows for entry in box.journal] == [2, 5, 0, 7, 0]


def test_only_the_last_calls_are_kept_but_all_are_counted(make_box: MakeBox) -> None:
    box = make_box(journal_length=2)

    for _ in range(5):
        box.store.call("GET", "/customers")

    assert [entry.n for entry in box.journal] == [4, 5]
    assert box.journal.counts == {"GET /customers": 5}


def test_bodies_are_kept_only_where_that_is_wanted(make_box: MakeBox) -> None:
    rows = [{"id": 1001, "company": "A"}]
    keeping, forgetting = make_box(), make_box(journal_bodies=False)

    for box in (keeping, forgetting):
        box.store.call("PUT", "/customers", rows)

    assert keeping.journal[0].sent() == rows
    assert forgetting.journal[0].body == b""


def test_listeners_hear_of_every_call(box: Sandbox) -> None:
    heard: list[Entry] = []
    box.journal.subscribe(heard.append)

    box.store.call("GET", "/customers")

    assert heard == [box.journal[0]]


def test_clearing_forgets_the_calls_but_numbers_go_on(box: Sandbox) -> None:
    box.store.call("GET", "/customers")
    box.journal.clear()

    box.store.call("GET", "/customers")

    assert [entry.n for entry in box.journal] == [2]
    assert box.journal.counts == {"GET /customers": 1}
