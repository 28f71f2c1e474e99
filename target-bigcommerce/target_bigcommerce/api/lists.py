"""Calls that name many ids or addresses in one list, and the pages of answers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from target_bigcommerce.errors import RefusedError

from .answers import has_more_pages, pagination
from .wire import Call, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from target_bigcommerce.transport import Transport

    from .calls import Calls
    from .narrowing import CallSize
    from .rows import Row

PAGE_ROWS = 250  # BigCommerce's most.
LONGEST_URL = 2000
SAYS_NO_LENGTH = 422  # It may as well be a value that is wrong.


def chunks(values: Sequence[str], most: int, room: int) -> list[list[str]]:
    """Cut a list so that no part has too many values or characters."""
    parts: list[list[str]] = []
    length = 0
    for value in values:
        width = len(quoted(value)) + 1
        if not parts or len(parts[-1]) >= most or length + width > room:
            parts.append([])
            length = 0
        parts[-1].append(value)
        length += width
    return parts


class Lists:
    """Reads and deletes by lists, side by side."""

    def __init__(self, transport: Transport, calls: Calls) -> None:
        self._transport = transport
        self._calls = calls

    def read(
        self, call: Call, name: str, values: Sequence[str], size: CallSize
    ) -> list[Row]:
        """Read all rows that match one of the values.

        A value that cannot even be asked for, as an id beyond all integers, has none.
        """
        return self.each(call, name, values, size, partial(self._pages_or_none, name))

    def each(
        self,
        call: Call,
        name: str,
        values: Sequence[str],
        size: CallSize,
        act: Callable[[Call], list[Row]],
    ) -> list[Row]:
        """Act once per part of the list; a part that is refused is halved."""
        room = LONGEST_URL - len(self._transport.url(_listing(call, name, [])))
        parts = chunks(values, size.most, room)
        tasks = [partial(self._part, call, name, part, size, act) for part in parts]
        return list(chain.from_iterable(self._calls.run(tasks)))

    def _pages_or_none(self, name: str, call: Call) -> list[Row]:
        try:
            return self.pages(call)
        except RefusedError:
            if "," in call.query[name]:
                raise  # It is a list: it will be halved.
            return []

    def pages(self, call: Call) -> list[Row]:
        """Read all pages; those after the first side by side."""
        first = self._page(call, 1)
        rows: list[Row] = first["data"]
        pages = pagination(first).get("total_pages")
        if not isinstance(pages, int):
            return rows + list(self._one_by_one(call, first))
        tasks = [partial(self._page, call, page) for page in range(2, pages + 1)]
        return rows + [row for body in self._calls.run(tasks) for row in body["data"]]

    def stream(self, call: Call) -> Iterator[Row]:
        """Read page after page, as they are asked for."""
        first = self._page(call, 1)
        yield from first["data"]
        yield from self._one_by_one(call, first)

    def _one_by_one(self, call: Call, body: Any) -> Iterator[Row]:  # noqa: ANN401 - JSON
        page = 1
        while has_more_pages(body, page, PAGE_ROWS):
            page += 1
            body = self._page(call, page)
            yield from body["data"]

    def _page(self, call: Call, page: int) -> Any:  # noqa: ANN401 - JSON
        query = {**call.query, "limit": str(PAGE_ROWS)}
        if page > 1:
            query["page"] = str(page)
        return self._transport.send(replace(call, query=query)).body

    def _part(
        self,
        call: Call,
        name: str,
        part: list[str],
        size: CallSize,
        act: Callable[[Call], list[Row]],
    ) -> list[Row]:
        try:
            return act(_listing(call, name, part))
        except RefusedError as error:
            if len(part) == 1:
                raise
            if error.refusal.status != SAYS_NO_LENGTH:
                size.lower(len(part))
        middle = len(part) // 2
        halves = (part[:middle], part[middle:])
        tasks = [partial(self._part, call, name, half, size, act) for half in halves]
        return list(chain.from_iterable(self._calls.run(tasks)))


def _listing(call: Call, name: str, values: Sequence[str]) -> Call:
    return replace(call, query={**call.query, name: ",".join(values)})
