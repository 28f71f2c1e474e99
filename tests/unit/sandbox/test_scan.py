"""Scans of an audience: pages, cursors, ends and changes during a scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.store import MakeBox

SCAN = "/api/segment/vip_customers/scan"
FILTER_SCAN = "/api/segment/scan"
MEMBERS = "FILTER INCLUDE vip_customers FROM user"
CHANGED = 'FILTER AND (INCLUDE vip_customers, _modified >= "now-1h") FROM user'


def page(box: Sandbox, cursor: str = "", *, limit: int = 100) -> dict[str, Any]:
    response = box.lytics.call("GET", SCAN, limit=limit, start=cursor)
    assert response.status == 200
    content: dict[str, Any] = response.json()
    return content


def ids(*pages: dict[str, Any]) -> list[str]:
    return [member["user_id"] for one in pages for member in one["data"]]


def changed(box: Sandbox) -> list[str]:
    return ids(box.lytics.call("POST", "/api/segment/scan", CHANGED).json())


def name_of(box: Sandbox, index: int) -> str:
    return str(box.lytics.member(index)["user_id"])


def test_scan_returns_each_member_once(box: Sandbox) -> None:
    pages = [page(box)]

    while pages[-1]["_next"]:
        pages.append(page(box, pages[-1]["_next"]))

    assert [len(one["data"]) for one in pages] == [100, 100, 50]
    assert set(ids(*pages)) == {name_of(box, n) for n in range(250)}


def test_page_can_be_requested_again(box: Sandbox) -> None:
    cursor = page(box)["_next"]

    assert page(box, cursor) == page(box, cursor)


def test_empty_audience_is_one_empty_page(box: Sandbox) -> None:
    response = box.lytics.call("GET", "/api/segment/nobody_yet/scan").json()

    assert (response["data"], response["_next"], response["total"]) == ([], "", 0)


def test_invalid_audience_has_no_members(box: Sandbox) -> None:
    box.lytics.invalidate("vip_customers")

    assert page(box)["data"] == []


def test_last_cursor_can_be_missing(make_box: MakeBox) -> None:
    box = make_box(members=5, scan_end="missing")

    assert "_next" not in page(box)


def test_last_page_can_repeat_itself(make_box: MakeBox) -> None:
    box = make_box(members=150, scan_end="repeat")
    last = page(box, page(box)["_next"])

    again = page(box, last["_next"])

    assert again["data"] == last["data"]
    assert again["_next"] == page(box, again["_next"])["_next"]


def test_empty_page_can_end_scan(make_box: MakeBox) -> None:
    box = make_box(members=5, scan_end="empty_page")
    last = page(box)

    end = page(box, last["_next"])

    assert (len(last["data"]), end["data"], end["_next"]) == (5, [], "")


def test_cursor_can_be_constant(make_box: MakeBox) -> None:
    box = make_box(same_token=True)
    first = page(box)

    second = page(box, first["_next"])

    assert second["_next"] == first["_next"]
    assert not set(ids(first)) & set(ids(second))


@pytest.mark.parametrize("cursor", ["nonsense", "bm9uc2Vuc2U="])
def test_unknown_cursor_is_refused(box: Sandbox, cursor: str) -> None:
    response = box.lytics.call("GET", SCAN, start=cursor)

    assert response.status == 400
    assert response.json()["message"] == "invalid start token"


def test_cursor_of_another_scan_is_refused(box: Sandbox) -> None:
    cursor = page(box)["_next"]

    response = box.lytics.call(
        "GET", "/api/segment/newsletter_readers/scan", start=cursor
    )

    assert response.status == 400


def test_cursor_can_expire(make_box: MakeBox) -> None:
    box = make_box(token_seconds=60, stale_token_status=410)
    cursor = page(box)["_next"]
    box.clock.advance(59)
    young = box.lytics.call("GET", SCAN, start=cursor).status
    box.clock.advance(2)

    old = box.lytics.call("GET", SCAN, start=cursor).status

    assert (young, old) == (200, 410)


def test_live_scan_can_miss_changed_member(make_box: MakeBox) -> None:
    box = make_box(changed_members_move="front")
    first = page(box)
    box.lytics.change(150, {"company": "New"})

    rest = [page(box, first["_next"])]
    rest.append(page(box, rest[-1]["_next"]))

    assert name_of(box, 150) not in ids(first, *rest)


def test_live_scan_can_return_member_twice(make_box: MakeBox) -> None:
    box = make_box(members=150, changed_members_move="end")
    first = page(box)
    box.lytics.change(3, {"company": "New"})

    second = page(box, first["_next"])

    assert ids(first, second).count(name_of(box, 3)) == 2


def test_scan_can_be_a_snapshot(make_box: MakeBox) -> None:
    box = make_box(scan_is_snapshot=True)
    first = page(box)
    box.lytics.change(150, {"company": "New"})
    box.lytics.leave(249)

    rest = [page(box, first["_next"])]
    rest.append(page(box, rest[-1]["_next"]))

    assert len(set(ids(first, *rest))) == 250
    assert "New" not in [member.get("company") for member in rest[0]["data"]]


@pytest.mark.parametrize("move", ["front", "end", "either", "stay"])
def test_snapshot_has_members_who_moved(make_box: MakeBox, move: str) -> None:
    box = make_box(members=50, scan_is_snapshot=True, changed_members_move=move)
    for index in range(10):
        box.lytics.change(index, {"company": "New"})

    assert len(set(ids(page(box)))) == 50
    assert len(changed(box)) == 10


@pytest.mark.parametrize("by_id", [True, False])
def test_renamed_audience_stays_in_a_snapshot(
    make_box: MakeBox, *, by_id: bool
) -> None:
    box = make_box(scan_is_snapshot=True, include_by_id=by_id)
    path = f"/api/segment/{box.lytics.audiences['vip_customers'].id}/scan"
    token = box.lytics.call("GET", path).json()["_next"]

    box.lytics.rename("vip_customers", "renamed")

    assert box.lytics.call("GET", path, start=token).json()["total"] == 250


def test_changes_apply_in_the_order_of_visibility(box: Sandbox) -> None:
    box.lytics.change(7, {"company": "First"}, visible_after=30)
    box.clock.advance(60)
    box.lytics.change(7, {"company": "Second"})

    page(box)

    assert box.lytics.member(7)["company"] == "Second"


def test_changed_member_is_found_by_time(box: Sandbox) -> None:
    box.lytics.change(7, {"company": "New"})

    assert changed(box) == [name_of(box, 7)]


def test_touched_new_member_counts_as_changed(box: Sandbox) -> None:
    box.lytics.enter(250)
    box.lytics.enter(251, touch=False)

    assert changed(box) == [name_of(box, 250)]
    assert page(box)["total"] == 252


def test_former_member_is_not_scanned(box: Sandbox) -> None:
    box.lytics.leave(0)

    first = page(box)

    assert name_of(box, 0) not in ids(first)
    assert first["total"] == 249


def test_late_change_keeps_its_time(box: Sandbox) -> None:
    box.lytics.change(7, {"company": "New"}, visible_after=30)
    before = changed(box)
    at = box.lytics.clock.now()
    box.clock.advance(30)

    after = changed(box)

    assert (before, after) == ([], [name_of(box, 7)])
    assert box.lytics.population.modified_at(7) == round(at * 1e9)


def test_fields_can_be_ignored_on_posted_scan(make_box: MakeBox) -> None:
    box = make_box(fields_on_post=False)

    response = box.lytics.call("POST", "/api/segment/scan", "FILTER *", fields="email")

    assert len(response.json()["data"][0]) > 10


def test_removed_value_is_missing(box: Sandbox) -> None:
    box.lytics.change(0, {"last_name": None, "brand_new": 5})

    [member] = box.lytics.call("POST", "/api/segment/scan", CHANGED).json()["data"]

    assert "last_name" not in member
    assert member["brand_new"] == 5


def test_audience_list_can_be_paged(make_box: MakeBox) -> None:
    box = make_box(audiences_per_page=2)
    first = box.lytics.call("GET", "/v2/segment").json()

    second = box.lytics.call("GET", "/v2/segment", start=first["_next"]).json()

    assert [len(first["data"]), len(second["data"])] == [2, 1]
    assert "_next" not in second


@pytest.mark.parametrize(
    ("shape", "expected"), [("list", [250]), ("object", 250), ("objects", 250)]
)
def test_audience_size_has_each_known_shape(
    make_box: MakeBox, shape: str, expected: object
) -> None:
    box = make_box(size_shape=shape)

    size = box.lytics.call("GET", "/api/segment/vip_customers/size").json()["data"]

    row = size[0] if shape == "objects" else size
    assert (row if shape == "list" else row["size"]) == expected


def test_renamed_audience_keeps_its_id(box: Sandbox) -> None:
    number = box.lytics.audiences["vip_customers"].id

    box.lytics.rename("vip_customers", "best_customers")

    assert box.lytics.call("GET", SCAN).status == 404
    found = box.lytics.call("GET", f"/v2/segment/{number}").json()["data"]
    assert found["slug_name"] == "best_customers"


def test_envelope_can_be_bare_with_text_status(make_box: MakeBox) -> None:
    box = make_box(status_as_text=True, bare_envelope=True)

    response = box.lytics.call("GET", "/v2/segment").json()

    assert response.keys() == {"status", "data"}
    assert response["status"] == "200"


FIRST_QUARTER = ",".join(map(str, range(25)))
SCANS = (
    ("GET", SCAN, "", {}),
    ("POST", FILTER_SCAN, MEMBERS, {}),
    ("GET", FILTER_SCAN, "", {"segments": MEMBERS}),
    ("POST", FILTER_SCAN, CHANGED, {}),
)


def part(
    box: Sandbox, splits: str, scan: tuple[str, str, str, dict[str, str]] = SCANS[0]
) -> tuple[list[str], set[int]]:
    """Return the members of a part and the totals that its pages report."""
    method, path, text, query = scan
    found: list[str] = []
    totals, cursor = set(), ""
    while True:
        query = {**query, "splits": splits, "limit": "10", "start": cursor}
        response = box.lytics.call(method, path, text, **query)
        assert response.status == 200
        content = response.json()
        found += ids(content)
        totals.add(content["total"])
        cursor = content["_next"]
        if not cursor:
            return found, totals


@pytest.mark.parametrize("scan", SCANS, ids=["saved", "posted", "queried", "changed"])
@pytest.mark.parametrize("number", [1, 2, 4, 10])
def test_parts_make_the_whole(
    box: Sandbox, scan: tuple[str, str, str, dict[str, str]], number: int
) -> None:
    everybody = {name_of(box, index) for index in range(250)}
    if scan[2] == CHANGED:
        everybody = {name_of(box, index) for index in range(60)}
        for index in range(60):
            box.lytics.change(index, {"company": "New"})
    size = 100 // number

    parts = [
        part(box, ",".join(map(str, range(start, start + size))), scan)
        for start in range(0, 100, size)
    ]

    found = [name for names, _ in parts for name in names]
    assert sorted(found) == sorted(everybody)
    assert all(totals == {len(names)} for names, totals in parts)


def test_part_has_the_profiles_of_its_splits(box: Sandbox) -> None:
    splits = [box.lytics.member(index)["_split"] for index in range(250)]

    found, _ = part(box, "3,77,41")

    expected = {name_of(box, n) for n in range(250) if splits[n] in {3, 77, 41}}
    assert set(found) == expected
    assert set(splits) <= set(range(100))


def test_part_follows_who_enters_leaves_and_changes(box: Sandbox) -> None:
    part(box, FIRST_QUARTER)  # The sandbox has looked up the splits.
    splits = {n: box.lytics.member(n)["_split"] for n in range(300)}
    left, entered = [
        next(n for n in numbers if splits[n] < 25)
        for numbers in (range(250), range(250, 300))
    ]
    moved = next(n for n in range(250) if splits[n] >= 25)
    box.lytics.leave(left)
    box.lytics.enter(entered)
    box.lytics.change(moved, {"_split": 0})
    new = box.lytics.put_member({"user_id": "new", "_split": 24})
    without = box.lytics.put_member({"user_id": "none", "_split": None})

    found, totals = part(box, FIRST_QUARTER)

    expected = {n for n in range(250) if splits[n] < 25} - {left}
    assert set(found) == {name_of(box, n) for n in expected | {entered, moved, new}}
    assert totals == {len(expected) + 3}
    assert "_split" not in box.lytics.member(without)


@pytest.mark.parametrize(
    ("share", "number"), [(0.002, 5), (0.004, 10), (0.05, 125), (1.0, 2500)]
)
def test_profiles_without_split_are_in_no_part(
    make_box: MakeBox, share: float, number: int
) -> None:
    box = make_box(members=2500, without_split=share)
    everything = ",".join(map(str, range(100)))

    response = box.lytics.call("GET", SCAN, splits=everything)
    having = "FILTER AND (INCLUDE vip_customers, EXISTS _split) FROM user"
    by_filter = box.lytics.call("POST", FILTER_SCAN, having)

    without = [n for n in range(2500) if "_split" not in box.lytics.member(n)]
    assert len(without) == number
    assert response.json()["total"] == by_filter.json()["total"] == 2500 - number
    assert page(box)["total"] == 2500


@pytest.mark.parametrize("served", ["served", "ignored", "ignored_on_post", "refused"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_splits_can_be_ignored_or_refused(
    make_box: MakeBox, served: str, method: str
) -> None:
    box = make_box(splits=served)
    path, text = (SCAN, "") if method == "GET" else (FILTER_SCAN, MEMBERS)

    response = box.lytics.call(method, path, text, splits=FIRST_QUARTER)

    ignored = served == "ignored" or (served == "ignored_on_post" and method == "POST")
    assert response.status == (400 if served == "refused" else 200)
    assert (response.json().get("total") == 250) == ignored


@pytest.mark.parametrize(
    "splits", ["", ",", "1,", "a", "100", "-1", "1.0", "+1", " 1", "1 ,2", "٣", "1;2"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_invalid_splits_are_refused(box: Sandbox, splits: str, method: str) -> None:
    path, text = (SCAN, "") if method == "GET" else (FILTER_SCAN, MEMBERS)

    response = box.lytics.call(method, path, text, splits=splits)

    message = "splits is not a list of integers from 0 to 99"
    assert (response.status, response.json()["message"]) == (400, message)


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (FIRST_QUARTER, FIRST_QUARTER, 200),
        ("1,2,3", "3,2,2,1", 200),
        (FIRST_QUARTER, "25,26", 400),
        (FIRST_QUARTER, "0", 400),
        (FIRST_QUARTER, None, 400),
        (None, FIRST_QUARTER, 400),
    ],
)
def test_cursor_belongs_to_its_splits(
    box: Sandbox, before: str | None, after: str | None, status: int
) -> None:
    first, second = [{"splits": each} if each else {} for each in (before, after)]
    cursor = box.lytics.call("GET", SCAN, limit=1, **first).json()["_next"]

    response = box.lytics.call("GET", SCAN, start=cursor, **second)

    assert response.status == status


@pytest.mark.parametrize("end", ["empty", "missing", "repeat", "empty_page"])
def test_part_ends_like_the_whole(make_box: MakeBox, end: str) -> None:
    box = make_box(members=50, scan_end=end)
    query = {"limit": 100, "splits": FIRST_QUARTER}

    first = box.lytics.call("GET", SCAN, **query).json()

    assert len(first["data"]) == first["total"] < 50
    if end in {"repeat", "empty_page"}:
        last = box.lytics.call("GET", SCAN, start=first["_next"], **query).json()
        assert last["data"] == (first["data"] if end == "repeat" else [])
    else:
        assert not first.get("_next")


def test_part_of_a_snapshot_stays(make_box: MakeBox) -> None:
    box = make_box(scan_is_snapshot=True)
    before = part(box, FIRST_QUARTER)[0]
    cursor = box.lytics.call("GET", SCAN, splits=FIRST_QUARTER, limit=5).json()["_next"]
    for index in range(250):
        box.lytics.leave(index)

    rest = box.lytics.call("GET", SCAN, splits=FIRST_QUARTER, start=cursor, limit=100)

    assert ids(rest.json()) == before[5:]


def test_parts_can_have_constant_cursors(make_box: MakeBox) -> None:
    box = make_box(same_token=True)
    halves = [",".join(map(str, range(at, at + 50))) for at in (0, 50)]
    cursors = ["", ""]
    found: list[str] = []

    for _ in range(2):
        for at, splits in enumerate(halves):
            query = {"splits": splits, "start": cursors[at], "limit": 40}
            content = box.lytics.call("GET", SCAN, **query).json()
            assert cursors[at] in {"", content["_next"]}
            cursors[at] = content["_next"]
            found += ids(content)

    assert len(found) == len(set(found)) == 160
