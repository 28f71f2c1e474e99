"""Scans that are read with several cursors, each for some of the splits."""

from __future__ import annotations

import itertools
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import (
    RetriesExhaustedError,
    ShutdownRequestedError,
    UnexpectedResponseError,
)
from tap_lytics.client import LyticsClient, Page, Scan
from tap_lytics.errors import StaleCursorError
from tap_lytics.scan import ScanPages
from tap_lytics.state import ScanCursors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from singer_kit.shutdown import ShutdownSignal

OPEN_FILES = Path("/proc/self/fd")
WHOLE = Scan(audience_id="abc", slug="vip")
MEMBERS = 2000
STALE = StaleCursorError("The cursor is not taken.")


class Account:
    """A client of an audience, whose member n is in the split n % 100.

    A cursor is the number of members before it. `before` is called with the parameters
    of every request, and may raise; `total` is the count that first pages have.
    """

    def __init__(self, members: int = MEMBERS) -> None:
        self.members = members
        self.requested: list[tuple[Scan, str]] = []
        self.before: Callable[[Scan, str], object] = lambda _scan, _cursor: None
        self.total: Callable[[Scan], int | None] = self.count

    def count(self, scan: Scan) -> int:
        """Count the members in the splits of a scan."""
        return len(self.matches(scan))

    def matches(self, scan: Scan) -> list[int]:
        """Return the members in the splits of a scan."""
        splits = scan.splits or range(100)
        return [n for n in range(self.members) if n % 100 in splits]

    def page(self, scan: Scan, cursor: str) -> Page:
        """Return a page."""
        self.requested.append((scan, cursor))
        self.before(scan, cursor)
        found, start = self.matches(scan), int(cursor or 0)
        stop = start + scan.limit
        return Page(
            members=[{"n": n} for n in found[start:stop]],
            next=str(stop) if stop < len(found) else "",
            total=self.count(scan) if cursor else self.total(scan),
        )

    def read(self, shutdown: ShutdownSignal, **options: Any) -> ScanPages:  # noqa: ANN401 - of ScanPages
        """Return the pages of the scan of all members."""
        client: LyticsClient = self  # type: ignore[assignment]  # it has pages as well
        return ScanPages(client, WHOLE, shutdown, **options)

    @property
    def parts_read(self) -> set[int]:
        """The first splits of all parts of which a page was requested."""
        return {s.splits[0] for s, _ in self.requested if s.splits and s.limit > 1}


def members_of(pages: Sequence[Page]) -> list[int]:
    return sorted(member["n"] for page in pages for member in page.members)


def read_by_start(scan: ScanPages) -> dict[int, list[Page]]:
    """Read all pages, by the start of the scan that they belong to."""
    by_start: dict[int, list[Page]] = {}
    for page in scan:
        by_start.setdefault(scan.starts, []).append(page)
    return by_start


def part(scan: Scan) -> int | None:
    """Return the first split of a part."""
    return scan.splits[0] if scan.splits else None


def raise_when(
    error: Exception, is_it: Callable[[Scan, str], bool]
) -> Callable[[Scan, str], object]:
    def before(scan: Scan, cursor: str) -> None:
        if is_it(scan, cursor):
            raise error

    return before


@pytest.mark.parametrize("parts", [*range(1, 9), 99, 100])
def test_parts_cover_each_split_once(parts: int) -> None:
    scans = WHOLE.divide(parts)

    splits = [split for scan in scans for split in scan.splits]
    sizes = {len(scan.splits) for scan in scans}
    assert splits == list(range(100))
    assert len(scans) == parts
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("members", [1001, 2000, 2345])
@pytest.mark.parametrize("parallelism", range(1, 9))
def test_each_member_is_read_once(
    parallelism: int, members: int, shutdown: ShutdownSignal
) -> None:
    account = Account(members)

    scan = account.read(shutdown, parallelism=parallelism)
    pages = list(scan)

    assert members_of(pages) == list(range(members))
    assert (scan.total, scan.is_over, scan.starts) == (members, True, 1)
    assert len(account.parts_read) == (parallelism if parallelism > 1 else 0)
    most = members // 100 + 1 + (2 * parallelism + 2 if parallelism > 1 else 0)
    assert len(account.requested) <= most


@pytest.mark.parametrize(
    ("members", "total", "parts"),
    [(1000, 1000, 0), (1001, 1001, 4), (0, 0, 0), (2000, None, 0), (150, 1500, 0)],
)
def test_only_large_scan_is_divided(
    members: int, total: int | None, parts: int, shutdown: ShutdownSignal
) -> None:
    account = Account(members)
    account.total = lambda scan: account.count(scan) if scan.splits else total

    pages = list(account.read(shutdown, parallelism=4))

    assert members_of(pages) == list(range(members))
    assert len(account.parts_read) == (4 if total == 1500 else parts)


def counts(
    wholes: Sequence[int | None], parts: Sequence[tuple[int | None, ...]]
) -> Callable[[Scan], int | None]:
    """Return totals: those of the whole in order, and of its two parts in order."""
    asked: dict[int | None, int] = {}

    def total(scan: Scan) -> int | None:
        number = asked[part(scan)] = asked.get(part(scan), -1) + 1
        if not scan.splits:
            return wholes[min(number, len(wholes) - 1)]
        return parts[min(number, len(parts) - 1)][scan.splits[0] // 50]

    return total


@pytest.mark.guarantee("parallel-scan")
@pytest.mark.parametrize(
    ("wholes", "parts", "is_divided", "asked"),
    [
        ([2000], [(1000, 1000)], True, 4),
        ([2000], [(1000, 1010)], True, 4),
        ([2000], [(1010, 1010)], True, 4),
        ([2000], [(1010, 1011)], False, 4),
        ([1500], [(750, 760)], True, 4),
        ([1200], [(600, 613)], False, 4),
        ([2000], [(2000, 2000)], False, 4),
        ([2000], [(0, 0)], False, 4),
        ([2000], [(989, 990)], False, 4),
        ([2000], [(990, 990), (1000, 1000)], True, 7),
        ([2000, 1999], [(999, 1000)], True, 7),
        ([2000], [(999, 1000), (1001, 1001)], True, 7),
        ([2000], [(999, 1000), (1000, 999)], False, 7),
        ([2000, 2000, 2001], [(999, 1000), (1000, 1000)], False, 7),
        ([2000], [(999, 1000), (2000, 2000)], False, 7),
        ([2000], [(999, 1000), (1000, None)], False, 7),
        ([2000, 2000, None], [(999, 1000), (1000, 1000)], False, 7),
        ([2000, None], [(1000, 1000)], False, 4),
        ([2000], [(None, 1000)], False, 4),
        ([2000], [(None, None)], False, 4),
        # A member who enters does not hide that another one belongs to no part.
        ([2000, 2001], [(1000, 1000)], False, 7),
        ([2000, 2001, 2002], [(1000, 1000), (1000, 1001)], False, 7),
        ([2000, 2003], [(1000, 1001), (1001, 1002)], True, 7),
        ([2000, 1990], [(995, 1000), (995, 995)], True, 7),
    ],
)
def test_parts_must_add_up_to_whole(
    wholes: list[int | None],
    parts: list[tuple[int | None, ...]],
    is_divided: bool,  # noqa: FBT001 - a parameter
    asked: int,
    shutdown: ShutdownSignal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    account = Account()
    account.total = counts(wholes, parts)

    pages = list(account.read(shutdown, parallelism=2))

    firsts = [cursor for _, cursor in account.requested if not cursor]
    assert members_of(pages) == list(range(MEMBERS))
    assert len(firsts) == asked + is_divided  # The whole is counted at the end.
    assert ("is read with 2 cursors" in caplog.text) == is_divided
    assert ("is read with one cursor" in caplog.text) != is_divided
    later = [scan for scan, cursor in account.requested if cursor and not scan.splits]
    assert len(later) == (0 if is_divided else 19)


@pytest.mark.parametrize("refused", [0, 25, 75])
@pytest.mark.parametrize(
    "error",
    [
        STALE,
        UnexpectedResponseError("422 for splits"),
        RetriesExhaustedError("500 for splits"),
    ],
    ids=str,
)
def test_refused_part_means_one_cursor(
    error: Exception,
    refused: int,
    shutdown: ShutdownSignal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    account = Account()
    account.before = raise_when(error, lambda scan, _: part(scan) == refused)

    scan = account.read(shutdown, parallelism=4)

    assert members_of(list(scan)) == list(range(MEMBERS))
    assert scan.starts == 1
    assert f"does not return its parts. {error}" in caplog.text


def test_pages_come_in_order_of_arrival(shutdown: ShutdownSignal) -> None:
    account, release = Account(), threading.Event()
    account.before = lambda scan, cursor: (
        release.wait(30) if part(scan) == 0 and cursor else None
    )
    order = []

    for page in account.read(shutdown, parallelism=2):
        order += [page.members[0]["n"] % 100 // 50] if page.members else []
        if len(order) == 11:
            release.set()

    assert order == [0, *[1] * 10, *[0] * 9]


def test_each_part_is_one_page_ahead(shutdown: ShutdownSignal) -> None:
    account = Account()
    processed = dict.fromkeys(range(4), 0)

    for page in account.read(shutdown, parallelism=4):
        for number in processed:
            calls = [s for s, _ in account.requested if part(s) == 25 * number]
            assert len(calls) <= processed[number] + 2
        if page.members:
            processed[page.members[0]["n"] % 100 // 25] += 1

    assert set(processed.values()) == {5}


def test_total_is_that_of_whole(shutdown: ShutdownSignal) -> None:
    account = Account()
    scan = account.read(shutdown, parallelism=4)
    totals = []

    for _ in scan:
        totals.append(scan.total)
        account.members = MEMBERS + 100  # One more in each split.

    assert totals[0] == MEMBERS
    assert totals[-1] == MEMBERS + 100
    assert totals == sorted(totals)


def test_members_in_no_part_are_in_last_total(shutdown: ShutdownSignal) -> None:
    account = Account()
    account.total = lambda scan: (
        MEMBERS + 5 if len(account.requested) > 12 else account.count(scan)
    )
    scan = account.read(shutdown, parallelism=4)

    pages = list(scan)

    assert len(members_of(pages)) == MEMBERS
    assert scan.total == MEMBERS + 5


def test_part_without_members_is_not_read(shutdown: ShutdownSignal) -> None:
    """An audience may be defined by `_split`, such as a holdout group."""
    account, original = Account(), Account.matches
    account.matches = lambda scan: [n for n in original(account, scan) if n % 100 < 60]  # type: ignore[method-assign]  # fewer members
    asked = account.page

    def page(scan: Scan, cursor: str) -> Page:
        found = asked(scan, cursor)
        return found if found.members else replace(found, next="endless")

    account.page = page  # type: ignore[method-assign]  # a cursor on empty pages
    scan = account.read(shutdown, parallelism=4)

    pages = list(scan)

    assert len(members_of(pages)) == scan.total == MEMBERS * 60 // 100
    assert not scan.gave_up
    assert len([s for s, _ in account.requested if part(s) == 75]) == 1


# Stale cursors, errors and signals.


def test_stale_cursor_of_part_restarts_scan(
    shutdown: ShutdownSignal, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account()
    account.before = raise_when(
        STALE, lambda scan, cursor: part(scan) == 50 and cursor == "200"
    )
    scan = account.read(shutdown, parallelism=4)

    by_start = read_by_start(scan)

    assert list(by_start) == [1, 2]
    assert members_of(by_start[2]) == list(range(MEMBERS))
    assert "restarts at its first page" in caplog.text
    # Perhaps Lytics accepts no cursor together with splits.
    firsts = [scan for scan, cursor in account.requested if not cursor]
    assert len([scan for scan in firsts if scan.splits]) == 4


@pytest.mark.parametrize("parallelism", [2, 4, 8])
@pytest.mark.parametrize("is_resumed", [True, False])
def test_splits_ignored_on_later_pages_mean_one_cursor(
    parallelism: int,
    shutdown: ShutdownSignal,
    caplog: pytest.LogCaptureFixture,
    *,
    is_resumed: bool,
) -> None:
    account = Account()
    asked = account.page
    account.page = lambda scan, cursor: asked(  # type: ignore[method-assign]  # another page
        replace(scan, splits=()) if cursor else scan, cursor
    )
    size = MEMBERS // parallelism
    cursors, totals = ("100",) * parallelism, (size,) * parallelism
    saved = ScanCursors(cursors=cursors, totals=totals).write()
    cursor = saved if is_resumed else ""
    scan = account.read(shutdown, parallelism=parallelism, cursor=cursor)

    by_start = read_by_start(scan)

    assert members_of(by_start[2]) == list(range(MEMBERS))
    assert scan.total == MEMBERS
    assert f"and {MEMBERS:,} with a later page" in caplog.text


@pytest.mark.parametrize("growth", [0, 100, 400])
def test_growing_part_is_still_read(growth: int, shutdown: ShutdownSignal) -> None:
    account = Account()
    account.before = lambda _, cursor: setattr(
        account, "members", MEMBERS + (growth if cursor else 0)
    )
    scan = account.read(shutdown, parallelism=4)

    pages = list(scan)

    assert scan.starts == 1
    assert set(members_of(pages)) >= set(range(MEMBERS))


def test_second_stale_cursor_is_fatal(shutdown: ShutdownSignal) -> None:
    account = Account()
    account.before = raise_when(STALE, lambda _, cursor: cursor == "300")

    with pytest.raises(UnexpectedResponseError, match="second time"):
        list(account.read(shutdown, parallelism=4))


def test_resumed_scan_with_stale_cursor_is_divided(shutdown: ShutdownSignal) -> None:
    account = Account()
    stale = iter([STALE])

    def expire(scan: Scan, cursor: str) -> None:
        if part(scan) == 50 and cursor and (error := next(stale, None)):
            raise error

    account.before = expire
    saved = saved_at("100", "100", "100", "")
    scan = account.read(shutdown, parallelism=4, cursor=saved)

    by_start = read_by_start(scan)

    assert members_of(by_start[1]) == list(range(MEMBERS))
    assert ScanCursors.read(scan.cursor).parts == 4


@pytest.mark.parametrize(
    ("is_refused", "starts"),
    [
        (lambda scan, cursor: bool(scan.splits and cursor), 2),
        (lambda scan, _: bool(scan.splits), 1),
    ],
    ids=["cursors together with splits", "splits"],
)
def test_refused_resumed_parts_mean_one_cursor(
    is_refused: Callable[[Scan, str], bool], starts: int, shutdown: ShutdownSignal
) -> None:
    account = Account()
    account.before = raise_when(STALE, is_refused)
    saved = saved_at("100", None, "", "200")
    scan = account.read(shutdown, parallelism=4, cursor=saved)

    by_start = read_by_start(scan)

    assert max(by_start) == scan.starts == starts
    assert members_of(by_start[starts]) == list(range(MEMBERS))


@pytest.mark.parametrize(
    "error", [UnexpectedResponseError("broken"), RetriesExhaustedError("gone")], ids=str
)
@pytest.mark.parametrize("at", ["100", "400"])
def test_error_in_one_part_ends_scan(
    at: str, error: Exception, shutdown: ShutdownSignal
) -> None:
    account = Account()
    account.before = raise_when(
        error, lambda scan, cursor: part(scan) == 25 and cursor == at
    )

    with pytest.raises(type(error), match=str(error)):
        list(account.read(shutdown, parallelism=4))


@pytest.mark.parametrize("at", ["", "100"])
def test_signal_ends_wait_for_parts(at: str, shutdown: ShutdownSignal) -> None:
    account, release = Account(), threading.Event()

    def wait(scan: Scan, cursor: str) -> None:
        if scan.splits and cursor == at:
            release.wait(60)

    account.before = wait
    timer = threading.Timer(0.2, shutdown.set, [signal.SIGTERM])
    timer.start()

    with pytest.raises(ShutdownRequestedError):
        list(account.read(shutdown, parallelism=4))

    release.set()


def test_part_that_gives_up_leaves_no_total(shutdown: ShutdownSignal) -> None:
    account = Account()
    scan = account.read(shutdown, parallelism=4)
    original = account.page

    def page(asked: Scan, cursor: str) -> Page:
        found = original(asked, cursor)
        if part(asked) != 50 or not cursor:
            return found
        return Page(members=[], next=str(int(cursor) + 1), total=found.total)

    account.page = page  # type: ignore[method-assign]  # an endless part

    pages = list(scan)

    assert len(members_of(pages)) == MEMBERS - 400
    assert (scan.gave_up, scan.total, scan.is_over) == (True, None, True)
    # A run that resumes there knows it, too.
    rest = account.read(shutdown, cursor=scan.cursor)
    list(rest)
    assert (rest.gave_up, rest.total) == (True, None)


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="needs Linux to count open files")
@pytest.mark.parametrize("end", ["stale", "error", "closed", "refused"])
def test_scan_leaves_no_pipe_open(end: str, shutdown: ShutdownSignal) -> None:
    account = Account()
    before = len(list(OPEN_FILES.iterdir()))
    errors: dict[str, tuple[Exception, Callable[[Scan, str], bool]]] = {
        "stale": (STALE, lambda scan, cursor: bool(scan.splits) and cursor == "200"),
        "error": (RetriesExhaustedError("gone"), lambda _, cursor: cursor == "200"),
        "refused": (STALE, lambda scan, _: part(scan) == 25),
    }
    if end in errors:
        account.before = raise_when(*errors[end])

    for _ in range(5):
        pages = iter(account.read(shutdown, parallelism=8))
        try:
            for _ in itertools.islice(pages, 5 if end == "closed" else None):
                pass
        except RetriesExhaustedError:
            assert end == "error"
        finally:
            pages.close()  # type: ignore[attr-defined]  # a generator

    assert wait_until(lambda: len(list(OPEN_FILES.iterdir())) <= before + 1)


def wait_until(is_true: Callable[[], bool]) -> bool:
    """Wait for the threads of calls, which close their end of a pipe."""
    for thread in threading.enumerate():
        if thread.name == "BackgroundCall":
            thread.join(30)
    return is_true()


# Resumed scans.

STATES = ("finished", "begun", "not begun")


def saved_at(*cursors: str | None, total: int | None = 500) -> str:
    """Return the text of saved cursors."""
    totals = (total,) * len(cursors)
    return ScanCursors(cursors=cursors, totals=totals).write()


@pytest.mark.parametrize("states", [*itertools.product(STATES, repeat=3)], ids="/".join)
def test_parts_resume_where_they_were(
    states: tuple[str, ...], shutdown: ShutdownSignal
) -> None:
    account = Account(3000)
    cursors = {"finished": None, "begun": "300", "not begun": ""}
    saved = saved_at(*(cursors[state] for state in states), total=1000)
    scan = account.read(shutdown, cursor=saved, parallelism=5)

    pages = list(scan)

    expected: list[int] = []
    for state, each in zip(states, WHOLE.divide(3), strict=True):
        done = {"finished": 3000, "begun": 300, "not begun": 0}[state]
        expected += account.matches(each)[done:]
    assert members_of(pages) == sorted(expected)
    assert scan.starts == 0
    assert (scan.total, scan.is_over) == (3000, True)
    begun = {each.splits[0] for each in WHOLE.divide(3)}
    finished = [
        p for p, s in zip(sorted(begun), states, strict=True) if s == "finished"
    ]
    assert account.parts_read == begun - set(finished)
    # Each part that had begun was first asked for its own cursor.
    for state, each in zip(states, WHOLE.divide(3), strict=True):
        asked = [c for s, c in account.requested if s.splits == each.splits]
        assert asked[:1] == {"finished": [], "begun": ["300"], "not begun": [""]}[state]


@pytest.mark.parametrize("parallelism", [2, 4, 8])
def test_scan_resumes_after_any_page(
    parallelism: int, shutdown: ShutdownSignal
) -> None:
    account = Account(1500)
    scan = account.read(shutdown, parallelism=parallelism)
    before: list[Page] = []

    for page in scan:
        before.append(page)
        if scan.is_over:
            break
        rest = list(account.read(shutdown, cursor=scan.cursor))
        assert members_of([*before, *rest]) == list(range(1500))


def test_cursor_that_stays_same_cannot_resume(shutdown: ShutdownSignal) -> None:
    """Lytics keeps the position, so a repeated cursor would lead to a later page."""
    account, original = Account(), Account.page
    positions: dict[int, int] = {}

    def page(scan: Scan, cursor: str) -> Page:
        if not scan.splits:
            return original(account, scan, cursor)
        start = positions[scan.splits[0]] = positions.get(scan.splits[0], -100) + 100
        found = original(account, scan, str(start))
        return Page(members=found.members, next=found.next and "same", total=500)

    account.page = page  # type: ignore[method-assign]  # another kind of cursor
    scan = account.read(shutdown, parallelism=4)

    cursors = [scan.cursor for _ in scan]

    assert len(cursors) == 21
    assert "" in cursors
    assert all("same" not in cursor for cursor in cursors[4:-4])


def test_part_that_ends_by_repeating_is_finished(shutdown: ShutdownSignal) -> None:
    account, original = Account(), Account.page
    first_ended = threading.Event()

    def page(scan: Scan, cursor: str) -> Page:
        found = original(account, scan, cursor)
        if part(scan) == 0 and ("900" in [c for _, c in account.requested[:-1]]):
            first_ended.set()
        if part(scan) == 50 and cursor == "300":
            first_ended.wait(30)
        return found if found.next else replace(found, next=cursor)

    account.page = page  # type: ignore[method-assign]  # the last page is repeated
    scan = account.read(shutdown, cursor=saved_at("900", "100", total=1000))

    cursors = [ScanCursors.read(scan.cursor).cursors for _ in scan if scan.cursor]

    assert (None, "700") in cursors
    assert cursors[-1] == (None, None)


def test_plain_cursor_goes_on_with_one(shutdown: ShutdownSignal) -> None:
    account = Account()

    scan = account.read(shutdown, cursor="500", parallelism=4)

    assert members_of(list(scan)) == list(range(500, MEMBERS))
    assert not account.parts_read
