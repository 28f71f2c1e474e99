"""Creating customers without ever making a twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_bigcommerce.errors import RefusedError, UnansweredError

from . import readings
from .answers import moved
from .narrowing import Way
from .wire import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from target_bigcommerce.transport import Transport

    from .rows import Row

FOUND = "_found"  # Marks a row that was found, not made: compare it with the wanted.


def email_of(row: Row) -> str:
    """Addresses compare without regard to case."""
    return str(row.get("email", "")).lower()


def creation(
    transport: Transport, look_up: Callable[[Sequence[str]], dict[str, Row]]
) -> Way:
    """POST rows; whatever may have been applied is looked up before it is sent again.

    Args:
        transport: sends the calls.
        look_up: finds customers by their addresses, keyed in lower case.
    """

    def found(rows: list[Row]) -> dict[Hashable, Row]:
        known = look_up([email_of(row) for row in rows])
        return {email: {**row, FOUND: True} for email, row in known.items()}

    return Way(
        send=lambda rows: _Creation(transport, found, rows).send(),
        key_of_sent=email_of,
        key_of_answered=email_of,
        before_resend=found,
    )


class _Creation:
    """One call's rows, until BigCommerce has answered for each."""

    def __init__(
        self,
        transport: Transport,
        found: Callable[[list[Row]], dict[Hashable, Row]],
        rows: list[Row],
    ) -> None:
        self._transport = transport
        self._find = found
        self._rows = rows
        self._found: dict[Hashable, Row] = {}

    def send(self) -> list[Row]:
        answered = self._transport.until(self._try_once, UnansweredError)
        return [*self._found.values(), *answered]

    def _try_once(self) -> list[Row]:
        places = [
            at for at, row in enumerate(self._rows) if email_of(row) not in self._found
        ]
        rest = [self._rows[at] for at in places]
        try:
            return self._post(rest)
        except RefusedError as error:
            raise RefusedError(str(error), moved(error.refusal, places)) from None
        except UnansweredError:
            self._found.update(self._find(rest))
            if all(email_of(row) in self._found for row in rest):
                return []
            raise

    def _post(self, rows: list[Row]) -> list[Row]:
        call = Call(method="POST", path="/customers", body=rows)
        return readings.customers(self._transport.send(call).body["data"])
