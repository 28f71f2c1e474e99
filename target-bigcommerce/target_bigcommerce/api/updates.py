"""Updating rows, and reading back what an answer does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import NO_CONTENT
from .narrowing import Way
from .numbers import whole
from .wire import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from target_bigcommerce.transport import Transport

    from .rows import Row


def updating(
    transport: Transport,
    path: str,
    keys: Sequence[str],
    read_back: Callable[[list[Row]], list[Row]],
) -> Way:
    """PUT rows.

    Args:
        transport: sends the calls.
        path: where to.
        keys: what tells a row from the others, in what is sent and in the answer.
        read_back: gives those of the rows that the store has as they were sent.
    """

    def send(rows: list[Row]) -> list[Row]:
        answer = transport.send(Call(method="PUT", path=path, body=rows))
        if answer.status == NO_CONTENT:
            return read_back(rows)
        answered: list[Row] = answer.body["data"]
        return answered

    def key(row: Row) -> tuple[int | None, ...]:
        return tuple(whole(row.get(name)) for name in keys)

    return Way(send=send, key_of_sent=key, key_of_answered=key)
