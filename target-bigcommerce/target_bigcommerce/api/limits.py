"""How much fits into one call, and what a store was found to accept.

BigCommerce documents most limits of its calls poorly or not at all, so they are found
out: a call that is refused for its size is made in smaller parts. Sources:
https://developer.bigcommerce.com/docs/rest-management/customers states 10 customers per
call for attribute values, and earlier documents 10 rows.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .models import Row

MAX_ROWS_PER_CALL = 10  # BigCommerce returns 413 for more.
MAX_IDS_PER_CALL = 250
MAX_EMAILS_PER_CALL = 40
MAX_DELETIONS_PER_CALL = 100
COMMON_LIMIT = 100  # Of lists, in many APIs.

VALUE_CUSTOMERS = "customers_per_values_call"  # 0: the store counts rows.

T = TypeVar("T")
IndexedRow = tuple[int, "Row"]

logger = logging.getLogger("target-bigcommerce")


class StoreFacts:
    """Limits found out about a store, by name; several threads may lower them.

    Args:
        known: limits that earlier runs found.
    """

    def __init__(self, known: Mapping[str, int] | None = None) -> None:
        self._lock = threading.Lock()
        self._known = dict(known or {})
        self._new: dict[str, int] = {}

    def load(self, known: Mapping[str, int]) -> None:
        """Add limits that earlier runs found."""
        self._known |= known

    def get(self, name: str) -> int | None:
        """Return a limit, None if it is not known."""
        return self._known.get(name)

    def lower(self, name: str, limit: int) -> None:
        """Note a limit, unless a lower one is known."""
        with self._lock:
            if limit < self._known.get(name, limit + 1):
                self._known[name] = self._new[name] = limit

    def take_new(self) -> dict[str, int]:
        """Return the limits found since the last call."""
        with self._lock:
            new, self._new = self._new, {}
        return new


class CallSize:
    """The number of rows or values per call, which only decreases.

    Several threads may lower it; the lowest number wins.

    Args:
        limit: the number to begin with.
        facts: what is known about the store; receives the number when it is lowered.
        name: name of the fact; without one, nothing is remembered.
    """

    def __init__(
        self, limit: int, facts: StoreFacts | None = None, name: str = ""
    ) -> None:
        self._facts = facts or StoreFacts()
        self._name = name
        known = self._facts.get(name) or limit
        self.limit = min(limit, known) if known > 0 else limit

    def lower(self, limit: int, *, is_certain: bool = True) -> None:
        """Lower the limit: more was refused, and this much accepted.

        Args:
            limit: what was accepted.
            is_certain: whether later runs use it, too. If not, the cause may have been
                another one than the size.
        """
        self.limit = max(1, min(self.limit, limit))
        if self._name and is_certain:
            self._facts.lower(self._name, self.limit)

    def cut(self, rows: Sequence[IndexedRow]) -> list[list[IndexedRow]]:
        """Cut rows into calls."""
        return cut(rows, self.limit)

    def next_calls(
        self, rows: Sequence[IndexedRow], *, may_try: bool
    ) -> tuple[list[list[IndexedRow]], list[IndexedRow]]:
        """Cut rows into calls that are made in parallel.

        Args:
            rows: the rows.
            may_try: whether a call may be made that finds out what the store accepts.

        Returns:
            The calls, and the rows that must wait until they were made.
        """
        del may_try
        return self.cut(rows), []

    @property
    def accepts_large(self) -> bool:
        """Whether the store is known to accept large calls."""
        return False

    def is_large(self, _part: Sequence[IndexedRow]) -> bool:
        """Whether some stores may refuse a call with these rows for its size."""
        return False

    def accept_large(self) -> None:
        """Note that the store accepted a large call."""

    def refuse_large(self) -> None:
        """Note that the store refused a large call for its size."""


class ValuesCallSize(CallSize):
    """The attribute values per call: those of 10 customers, or 10 rows.

    A store that takes more than 10 rows is found by trying: the first call with more of
    them is made alone. One that takes fewer is not asked for more.

    Args:
        limit: the number of rows to begin with, and of customers.
        facts: what is known about the store.
        name: name of the fact with the number of rows.
    """

    def __init__(self, limit: int, facts: StoreFacts, name: str) -> None:
        super().__init__(limit, facts, name)
        self._customers = limit

    @property
    def takes_customers(self) -> bool | None:
        """Whether the store counts customers instead of rows; None if not known."""
        if self.limit < self._customers:
            return False
        known = self._facts.get(VALUE_CUSTOMERS)
        return None if known is None else known > 0

    def cut(self, rows: Sequence[IndexedRow]) -> list[list[IndexedRow]]:
        """Cut rows into calls; a call may be large unless the store counts rows."""
        if self.takes_customers is False:
            return super().cut(rows)
        return cut_by_customer(rows, self._customers)

    def next_calls(
        self, rows: Sequence[IndexedRow], *, may_try: bool
    ) -> tuple[list[list[IndexedRow]], list[IndexedRow]]:
        """Cut rows into calls; the first large one is made alone."""
        if self.takes_customers is not None:
            return self.cut(rows), []
        large = (part for part in self.cut(rows) if self.is_large(part))
        part = next(large, None) if may_try else None
        if part is None:
            return super().cut(rows), []
        taken = {index for index, _ in part}
        return [part], [each for each in rows if each[0] not in taken]

    @property
    def accepts_large(self) -> bool:
        """Whether the store is known to count customers."""
        return self.takes_customers is True

    def is_large(self, part: Sequence[IndexedRow]) -> bool:
        """Whether a call has so many rows that a store that counts them refuses it."""
        return len(part) > self._customers

    def accept_large(self) -> None:
        """Note that the store counts customers."""
        if self.takes_customers is None:
            logger.info(
                "The store accepts the attribute values of %d customers per call.",
                self._customers,
            )
            self._facts.lower(VALUE_CUSTOMERS, self._customers)

    def refuse_large(self) -> None:
        """Note that the store counts rows."""
        if self.takes_customers is not False:
            logger.info(
                "The store accepts %d attribute values per call, not those of %d"
                " customers.",
                self.limit,
                self._customers,
            )
            self._facts.lower(VALUE_CUSTOMERS, 0)


def smaller(size: int) -> int:
    """Return the size to try after one that was refused: half, or 100 on the way."""
    half = size - size // 2
    return COMMON_LIMIT if half < COMMON_LIMIT < size else half


def cut(rows: Sequence[T], size: int) -> list[list[T]]:
    """Cut rows into parts of at most `size` rows."""
    return [list(rows[at : at + size]) for at in range(0, len(rows), size)]


def cut_by_customer(rows: Sequence[IndexedRow], size: int) -> list[list[IndexedRow]]:
    """Cut rows into parts of at most `size` customers; a customer is in one part."""
    by_customer: dict[object, list[IndexedRow]] = {}
    for each in rows:
        by_customer.setdefault(each[1]["customer_id"], []).append(each)
    return [
        [each for one in part for each in one]
        for part in cut(list(by_customer.values()), size)
    ]
