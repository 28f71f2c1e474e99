"""The pages of a scan, one after the other, the next one fetched ahead."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from .answers import Page
from .errors import ProtocolError, StaleCursorError
from .prefetch import Ahead

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .client import Client, Scan
    from .interrupt import Interrupt

MAX_IDLE_PAGES = 10  # In a row, while there is still a cursor.

logger = logging.getLogger("tap-lytics.scan")


class Pages:
    """A scan under way. While a page is worked on, the next one is being fetched.

    Never more than one page ahead: the next is asked for when this one is handed out.
    """

    def __init__(
        self, client: Client, scan: Scan, interrupt: Interrupt, *, cursor: str = ""
    ) -> None:
        self._client = client
        self._scan = scan
        self._interrupt = interrupt
        self._cursor = cursor
        self.starts = 0 if cursor else 1  # How often it began at the first page.
        self.asked = cursor  # The cursor of the page handed out last.
        self.gave_up = False  # Whether it ended where Lytics gave no end.

    def __iter__(self) -> Iterator[Page]:
        """Hand out the pages; a cursor that Lytics forgot begins afresh, once.

        Raises:
            ProtocolError: when the second cursor is not taken either.
            InterruptedByUserError: when a stop is wished for.
        """
        try:
            yield from self._pages(self._cursor)
        except StaleCursorError as stale:
            logger.warning("%s The scan begins afresh at its first page.", stale)
            self.starts += 1
            yield from self._afresh()

    def _afresh(self) -> Iterator[Page]:
        try:
            yield from self._pages("")
        except StaleCursorError as stale:
            raise ProtocolError(
                f"{stale} It was the second time in this scan, so it ends here."
            ) from None

    def _pages(self, cursor: str) -> Iterator[Page]:
        page, idle = self._fetch(cursor).result(), Idleness()
        self.asked = cursor
        while True:
            ahead = self._fetch(page.next) if page.next else None
            yield page
            if ahead is None:
                return
            previous, page = page, ahead.result()
            self.asked = previous.next
            if _is_repeated(previous, page):
                return
            if idle.is_reached(page):
                yield self._given_up()
                return

    def _given_up(self) -> Page:
        self.gave_up = True
        logger.warning(
            "%d pages in a row brought nobody new, so %s is taken for over although"
            " Lytics gave another cursor. If members are missing, ask Lytics.",
            MAX_IDLE_PAGES,
            self._scan.what,
        )
        return Page(members=[], next="", total=None)  # Whoever lacks may be a member.

    def _fetch(self, cursor: str) -> Ahead[Page]:
        call = partial(self._client.page, self._scan, cursor)
        return Ahead(call, self._interrupt)


class Idleness:
    """Notices a scan without an end: pages that are empty, or that came before.

    Tokens tell nothing: Lytics may give the same one again and again.
    """

    def __init__(self) -> None:
        self._came: set[int] = set()
        self._in_row = 0

    def is_reached(self, page: Page) -> bool:
        """Take a page; say whether it was one too many without anybody new."""
        mark = _marks(page)
        is_idle = not page.members or mark in self._came
        self._came.add(mark)
        self._in_row = self._in_row + 1 if is_idle else 0
        return self._in_row == MAX_IDLE_PAGES


def _is_repeated(previous: Page, page: Page) -> bool:
    if previous.next != page.next or not page.members:
        return False
    return list(map(_mark, previous.members)) == list(map(_mark, page.members))


def _marks(page: Page) -> int:
    """Know a page by some of its members; all of them would cost too much."""
    members = page.members
    some = members[:1] + members[len(members) // 2 :][:1] + members[-1:]
    return hash((len(members), *map(_mark, some)))


def _mark(member: Mapping[str, object]) -> int:
    """Know a member by the values that can be compared however deep others are."""
    return hash(tuple(v for v in member.values() if isinstance(v, (str, int, float))))
