"""Reads lists page after page, or all of their pages side by side."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from target_bigcommerce.errors import PassingError, ProtocolError, RefusedError

from . import readings
from .paging import (
    MOST_PAGES,
    SHORT,
    STOPS,
    are_short,
    check_number,
    check_turned,
    figures,
    goes_on,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from target_bigcommerce.transport import Transport

    from .calls import Calls
    from .rows import Row
    from .wire import Call

PAGE_ROWS = 250  # BigCommerce's most.
SAYS_NO_LENGTH = 422  # It may as well be a value that is wrong.


class Pages:
    """Reads whole lists: what its answers say is missing is never believed to be."""

    def __init__(self, transport: Transport, calls: Calls) -> None:
        self._transport = transport
        self._calls = calls

    def all(self, call: Call) -> list[Row]:
        """Read all rows; again when some are missing between the pages.

        Raises:
            UnavailableError: when they are still missing after all tries.
        """
        return self._transport.until(lambda: self._all(call), PassingError)

    def stream(self, call: Call) -> Iterator[Row]:
        """Read page after page, as they are asked for.

        Raises:
            ProtocolError: at the end, when there were fewer rows than there are.
        """
        last, read = None, 0
        for body in self._one_by_one(call, self._page(call, 1)):
            last, read = body, read + len(body["data"])
            yield from body["data"]
        if are_short([last], read):
            raise ProtocolError(f"{SHORT} {STOPS}")

    def _all(self, call: Call) -> list[Row]:
        bodies = self._bodies(call)
        for before, body in pairwise(bodies):
            check_turned(before, body)
        rows: list[Row] = [row for body in bodies for row in body["data"]]
        if are_short(bodies, len(set(map(readings.identity, rows)))):
            raise PassingError(SHORT)
        return rows

    def _bodies(self, call: Call) -> list[Any]:
        first = self._page(call, 1)
        pages = figures(first).pages
        check_number(pages)
        if pages:
            tasks = [partial(self._page, call, page) for page in range(2, pages + 1)]
            return [first, *self._calls.run(tasks)]
        bodies = list(islice(self._one_by_one(call, first), MOST_PAGES + 1))
        check_number(len(bodies))
        return bodies

    def _one_by_one(self, call: Call, body: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
        page, read = 1, len(body["data"])
        yield body
        while goes_on(body, page, read):
            page, before = page + 1, body
            body = self._page(call, page)
            check_turned(before, body)
            read += len(body["data"])
            yield body

    def _page(self, call: Call, page: int) -> Any:  # noqa: ANN401 - JSON
        query = {**call.query, "limit": str(PAGE_ROWS)}
        if page > 1:
            query["page"] = str(page)
        try:
            return self._transport.send(replace(call, query=query)).body
        except RefusedError as error:
            if page == 1 or error.refusal.status != SAYS_NO_LENGTH:
                raise
            # Not for a value in the list: the first page was given.
            raise ProtocolError(f"{error} It was a further page. {STOPS}") from None
