"""Calls that name many ids or addresses in one list."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from target_bigcommerce.errors import RefusedError

from .pages import SAYS_NO_LENGTH
from .wire import Call, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_bigcommerce.transport import Transport

    from .calls import Calls
    from .narrowing import CallSize
    from .pages import Pages
    from .rows import Row

LONGEST_URL = 2000


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

    def __init__(self, transport: Transport, calls: Calls, pages: Pages) -> None:
        self._transport = transport
        self._calls = calls
        self._pages = pages

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
            return self._pages.all(call)
        except RefusedError:
            if "," in call.query[name]:
                raise  # It is a list: it will be halved.
            return []

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
