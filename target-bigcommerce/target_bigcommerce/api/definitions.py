"""The store's attribute definitions: at most fifty, each name once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_bigcommerce.errors import (
    AttributeConflictError,
    BigCommerceError,
    ProtocolError,
    RefusedError,
    UnansweredError,
)

from . import readings
from .wire import Call

if TYPE_CHECKING:
    from target_bigcommerce.transport import Transport

    from .pages import Pages
    from .rows import Attribute, Row

PATH = "/customers/attributes"
MOST = 50


class Definitions:
    """Reads and makes definitions, one per call."""

    def __init__(self, transport: Transport, pages: Pages) -> None:
        self._transport = transport
        self._pages = pages

    def all(self) -> list[Attribute]:
        """Read all; the lowest id comes first."""
        rows = self._pages.all(Call(method="GET", path=PATH))
        return sorted(map(readings.attribute, rows), key=lambda found: found.id)

    def create(self, name: str, kind: str) -> Attribute:
        """Make one; if that fails, another run may just have made it.

        Raises:
            AttributeConflictError: when the store does not take it.
        """
        return self._transport.until(lambda: self._try(name, kind), UnansweredError)

    def _try(self, name: str, kind: str) -> Attribute:
        row = {"name": name, "type": kind}
        call = Call(method="POST", path=PATH, body=[row])
        try:
            return readings.attribute(_only(self._transport.send(call).body["data"]))
        except (ProtocolError, RefusedError, UnansweredError) as error:
            return self._found(name, kind, error)

    def _found(self, name: str, kind: str, error: BigCommerceError) -> Attribute:
        there = self.all()
        match = next((a for a in there if (a.name, a.type) == (name, kind)), None)
        if match:
            return match
        if isinstance(error, UnansweredError):
            raise error
        raise AttributeConflictError(
            f'BigCommerce did not create the attribute "{name}" of type {kind}'
            f"{_status(error)}: {_reason(there, name)}"
        ) from None


def _only(rows: list[Row]) -> Row:
    return rows[0] if rows else {}


def _status(error: BigCommerceError) -> str:
    return f" ({error.refusal.status})" if isinstance(error, RefusedError) else ""


def _reason(there: list[Attribute], name: str) -> str:
    other = next((a.type for a in there if a.name == name), None)
    if other:
        return f"the store has one of that name and of type {other}."
    if len(there) >= MOST:
        return (
            f"the store has {len(there)} attributes and {MOST} is the most; delete one"
            " that nobody needs, or map onto one that is there."
        )
    return f"the store has {len(there)} attributes and refused this one."
