"""The pages of a scan, one after the other, the next one fetched ahead."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from .errors import ProtocolError, StaleCursorError
from .prefetch import Ahead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .client import Client, Page, Scan
    from .interrupt import Interrupt

MAX_EMPTY_PAGES = 10  # In a row, while there is still a cursor.

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
        page, empty = self._fetch(cursor).result(), 0
        while True:
            ahead = self._fetch(page.next) if page.next else None
            yield page
            if ahead is None:
                return
            previous, page = page, ahead.result()
            empty = 0 if page.members else empty + 1
            if _is_repeated(previous, page) or empty == MAX_EMPTY_PAGES:
                return

    def _fetch(self, cursor: str) -> Ahead[Page]:
        call = partial(self._client.page, self._scan, cursor)
        return Ahead(call, self._interrupt)


def _is_repeated(previous: Page, page: Page) -> bool:
    same_token = previous.next == page.next
    return same_token and bool(page.members) and previous.members == page.members
