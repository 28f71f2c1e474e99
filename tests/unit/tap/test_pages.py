"""The pages of a scan: to the cursor's end, ahead by one, never in circles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from singer_kit.errors import UnexpectedResponseError
from tap_lytics.client import LyticsClient, Page, Scan
from tap_lytics.errors import StaleCursorError
from tap_lytics.scan import ScanPages

if TYPE_CHECKING:
    from singer_kit.shutdown import ShutdownSignal


class Fixed:
    """A client whose pages are fixed; a cursor is the index of a page."""

    def __init__(self, pages: dict[str, Page | Exception]) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def page(self, _: Scan, cursor: str) -> Page:
        """Give a page or raise."""
        self.asked.append(cursor)
        found = self.pages[cursor]
        if isinstance(found, Exception):
            raise found
        return found


def page(after: str, *names: str) -> Page:
    return Page(members=[{"n": name} for name in names], next=after, total=None)


def read(
    pages: dict[str, Page | Exception], shutdown: ShutdownSignal, cursor: str = ""
) -> tuple[list[str], Fixed]:
    client: LyticsClient = Fixed(pages)  # type: ignore[assignment]  # it has pages as well
    found = ScanPages(client, Scan(slug="vip"), shutdown, cursor=cursor)
    return [m["n"] for each in found for m in each.members], client  # type: ignore[return-value]  # see above


def test_a_scan_follows_the_cursor_to_its_end(shutdown: ShutdownSignal) -> None:
    names, _ = read({"": page("b", "1"), "b": page("", "2")}, shutdown)

    assert names == ["1", "2"]


def test_a_token_that_repeats_with_its_members_ends_the_scan(
    shutdown: ShutdownSignal,
) -> None:
    names, _ = read({"": page("b", "1"), "b": page("b", "2")}, shutdown)

    assert names == ["1", "2"]


def test_an_empty_page_with_a_token_goes_on(shutdown: ShutdownSignal) -> None:
    pages: dict[str, Page | Exception] = {
        "": page("b", "1"),
        "b": page("c"),
        "c": page("", "2"),
    }

    assert read(pages, shutdown)[0] == ["1", "2"]


def test_ten_empty_pages_in_a_row_end_the_scan(shutdown: ShutdownSignal) -> None:
    pages: dict[str, Page | Exception] = {str(n): page(str(n + 1)) for n in range(50)}
    pages[""] = page("0", "1")

    names, client = read(pages, shutdown)

    assert names == ["1"]
    assert len(client.asked) <= 12


def test_a_scan_that_goes_in_circles_ends_in_doubt(
    shutdown: ShutdownSignal, caplog: pytest.LogCaptureFixture
) -> None:
    circle: dict[str, Page | Exception] = {
        "": page("b", "1"),
        "b": page("c", "2"),
        "c": page("b", "3"),
    }
    client: LyticsClient = Fixed(circle)  # type: ignore[assignment]  # it has pages as well

    pages = list(ScanPages(client, Scan(slug="vip"), shutdown))

    assert [m["n"] for each in pages for m in each.members][:3] == ["1", "2", "3"]
    assert len(pages) < 15
    assert (pages[-1].next, pages[-1].total) == ("", None)  # And nobody is absent.
    assert "no new members" in caplog.text


def test_new_members_under_old_cursors_are_no_circle(shutdown: ShutdownSignal) -> None:
    pages_of_new = iter([page("b", str(n)) for n in range(40)] + [page("", "last")])
    client: LyticsClient = Fixed({})  # type: ignore[assignment]  # it has pages as well
    client.page = lambda *_: next(pages_of_new)  # type: ignore[method-assign]  # see above

    pages = list(ScanPages(client, Scan(slug="vip"), shutdown))

    assert len(pages) == 41


def test_a_cursor_that_is_stale_twice_is_fatal(shutdown: ShutdownSignal) -> None:
    stale = StaleCursorError("The cursor is not taken.")

    with pytest.raises(UnexpectedResponseError, match="second time"):
        read({"": page("b", "1"), "b": stale}, shutdown, cursor="b")


def test_never_more_than_one_page_is_fetched_ahead(shutdown: ShutdownSignal) -> None:
    pages: dict[str, Page | Exception] = {
        str(n): page(str(n + 1), "x") for n in range(9)
    }
    client: LyticsClient = Fixed(pages | {"": page("0", "x")})  # type: ignore[assignment]  # it has pages as well

    reading = iter(ScanPages(client, Scan(slug="vip"), shutdown))
    for number in range(1, 5):
        next(reading)
        assert len(client.asked) <= number + 1  # type: ignore[attr-defined]  # see above
