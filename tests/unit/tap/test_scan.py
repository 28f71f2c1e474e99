"""The pages of a scan, and the progress that is logged."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from singer_kit.errors import UnexpectedResponseError
from tap_lytics.client import LyticsClient, Page, Scan
from tap_lytics.errors import StaleCursorError
from tap_lytics.scan import Progress, ScanPages

if TYPE_CHECKING:
    from singer_kit.shutdown import ShutdownSignal


class FixedPages:
    """A client with fixed pages, by their cursors."""

    def __init__(self, pages: dict[str, Page | Exception]) -> None:
        self.pages = pages
        self.requested: list[str] = []

    def page(self, _: Scan, cursor: str) -> Page:
        """Return a page or raise."""
        self.requested.append(cursor)
        found = self.pages[cursor]
        if isinstance(found, Exception):
            raise found
        return found


def page(after: str, *names: str) -> Page:
    return Page(members=[{"n": name} for name in names], next=after, total=None)


def read(
    pages: dict[str, Page | Exception], shutdown: ShutdownSignal, cursor: str = ""
) -> tuple[list[str], FixedPages]:
    client: LyticsClient = FixedPages(pages)  # type: ignore[assignment]  # it has pages as well
    found = ScanPages(
        client, Scan(audience_id="abc", slug="vip"), shutdown, cursor=cursor
    )
    return [m["n"] for each in found for m in each.members], client  # type: ignore[return-value]  # see above


def test_scan_follows_cursor_to_end(shutdown: ShutdownSignal) -> None:
    names, _ = read({"": page("b", "1"), "b": page("", "2")}, shutdown)

    assert names == ["1", "2"]


def test_repeated_page_ends_scan(shutdown: ShutdownSignal) -> None:
    names, _ = read({"": page("b", "1"), "b": page("b", "2")}, shutdown)

    assert names == ["1", "2"]


def test_empty_page_with_cursor_continues(shutdown: ShutdownSignal) -> None:
    pages: dict[str, Page | Exception] = {
        "": page("b", "1"),
        "b": page("c"),
        "c": page("", "2"),
    }

    assert read(pages, shutdown)[0] == ["1", "2"]


def test_ten_empty_pages_end_scan(shutdown: ShutdownSignal) -> None:
    pages: dict[str, Page | Exception] = {str(n): page(str(n + 1)) for n in range(50)}
    pages[""] = page("0", "1")

    names, client = read(pages, shutdown)

    assert names == ["1"]
    assert len(client.requested) <= 12


def test_looping_cursors_end_scan_without_total(
    shutdown: ShutdownSignal, caplog: pytest.LogCaptureFixture
) -> None:
    circle: dict[str, Page | Exception] = {
        "": page("b", "1"),
        "b": page("c", "2"),
        "c": page("b", "3"),
    }
    client: LyticsClient = FixedPages(circle)  # type: ignore[assignment]  # it has pages as well

    pages = list(ScanPages(client, Scan(audience_id="abc", slug="vip"), shutdown))

    assert [m["n"] for each in pages for m in each.members][:3] == ["1", "2", "3"]
    assert len(pages) < 15
    assert (pages[-1].next, pages[-1].total) == ("", None)  # So exits stay uncertain.
    assert "no new members" in caplog.text


def test_new_members_under_same_cursor_continue(shutdown: ShutdownSignal) -> None:
    pages_of_new = iter([page("b", str(n)) for n in range(40)] + [page("", "last")])
    client: LyticsClient = FixedPages({})  # type: ignore[assignment]  # it has pages as well
    client.page = lambda *_: next(pages_of_new)  # type: ignore[method-assign]  # see above

    pages = list(ScanPages(client, Scan(audience_id="abc", slug="vip"), shutdown))

    assert len(pages) == 41


def test_cursor_stale_twice_is_fatal(shutdown: ShutdownSignal) -> None:
    stale = StaleCursorError("The cursor is not taken.")

    with pytest.raises(UnexpectedResponseError, match="second time"):
        read({"": page("b", "1"), "b": stale}, shutdown, cursor="b")


def test_at_most_one_page_is_prefetched(shutdown: ShutdownSignal) -> None:
    pages: dict[str, Page | Exception] = {
        str(n): page(str(n + 1), "x") for n in range(9)
    }
    client: LyticsClient = FixedPages(pages | {"": page("0", "x")})  # type: ignore[assignment]  # it has pages as well

    reading = iter(ScanPages(client, Scan(audience_id="abc", slug="vip"), shutdown))
    for number in range(1, 5):
        next(reading)
        assert len(client.requested) <= number + 1  # type: ignore[attr-defined]  # see above


def test_progress_is_logged_every_ten_seconds(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = Progress(logging.getLogger("test"), size=None)

    for _ in range(25):
        now[0] += 1
        progress.add(100, total=5000)

    assert [record.message for record in caplog.records] == [
        "Read 1,000 of 5,000 members, 20 %, 100 per second.",
        "Read 2,000 of 5,000 members, 40 %, 100 per second.",
    ]


@pytest.mark.parametrize(
    ("read", "size", "noun", "expected"),
    [
        (0, None, "member", "Read no members"),
        (0, 0, "changed member", "Read no changed members"),
        (0, 30, "member", "Read 0 of 30 members, 0 %"),
        (1, None, "changed member", "Read 1 changed member"),
        (1, 1, "member", "Read 1 of 1 member, 100 %"),
        (99, 1000, "member", "Read 99 of 1,000 members, 10 %"),
        (100, None, "member", "Read 100 members, 50 per second"),
        (1500, 1000, "member", "Read 1,500 of 1,000 members, 100 %, 750 per second"),
    ],
)
def test_progress_is_plain_english(
    read: int,
    size: int | None,
    noun: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = Progress(logging.getLogger("test"), size=size, noun=noun)
    progress.add(read)
    now[0] += 2

    assert str(progress) == expected
