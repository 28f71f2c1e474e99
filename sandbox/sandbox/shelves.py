"""All that the store holds, and the options and clock by which it is altered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .answers import BAD_JSON, RefusalError
from .changes import Changes
from .clock import Clock, stamp
from .customer_book import CustomerBook, Row
from .people import People
from .value_book import Key, ValueBook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .options import Options


class Shelves:
    """The store's content; every change by a call goes through here."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.people = People(options)
        self.customers = CustomerBook(self.people)
        self.attributes: dict[int, Row] = {}
        self.values = ValueBook()
        self.changes = Changes()
        self.welcome_mails = 0
        self._next_attribute = 1

    @property
    def now(self) -> str:
        """The moment as rows bear it."""
        return stamp(self.clock.now())

    def put_customer(self, row: Row) -> None:
        """Write a customer and remember how they were."""
        old = self.customers.peek(row["id"])
        self.changes.customers.setdefault(row["id"], old)
        self.customers[row["id"]] = row

    def put_value(self, key: Key, text: str) -> Row:
        """Write a value and remember what it was."""
        self.changes.values.setdefault(key, self.values.text(key))
        if self.options.values_touch_customer:
            old = self.customers.peek(key[0]) or {}
            self.customers[key[0]] = {**old, "date_modified": self.now}
        row = self.values.put(key, text, self.now)
        if not text and self.options.empty_value_removes:
            del self.values[key]
        return row

    def drop_value(self, key: Key) -> None:
        """Remove a value and remember what it was."""
        self.changes.values.setdefault(key, self.values.text(key))
        del self.values[key]

    def add_attribute(self, name: str, kind: str) -> Row:
        """Define an attribute."""
        number = self._next_attribute
        self._next_attribute += 1
        dates = {"date_created": self.now, "date_modified": self.now}
        self.attributes[number] = {"id": number, "name": name, "type": kind, **dates}
        self.changes.attributes.setdefault(number, None)
        return self.attributes[number]

    def drop_attribute(self, number: int) -> None:
        """Remove a definition with all its values."""
        old = self.attributes.pop(number, None)
        if old:
            self.changes.attributes.setdefault(number, old)
            self.values.drop_attribute(number)


def read_rows(body: bytes) -> list[Any]:
    """Read the array that every write sends."""
    try:
        rows = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusalError(400, "Input is invalid") from error
    if not isinstance(rows, list):
        raise RefusalError(422, BAD_JSON, {"obj": "error.expected.jsarray"})
    return rows


def judged(
    rows: Sequence[Row], judge: Callable[[int, Row], None]
) -> tuple[list[Row], list[RefusalError]]:
    """Part the rows that can be written from the reasons why others cannot."""
    reasons = [_reason(judge, at, row) for at, row in enumerate(rows)]
    good = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
    return good, [reason for reason in reasons if reason]


def _reason(
    judge: Callable[[int, Row], None], at: int, row: Row
) -> RefusalError | None:
    try:
        judge(at, row)
    except RefusalError as error:
        return error
    return None


def named(options: Options, at: int, field: str) -> str:
    """Name a row's field in an error, as far as the store does."""
    return f"{at}.{field}" if options.errors_name_the_row else f".{field}"


def without(row: Mapping[str, Any], *names: str) -> Row:
    """Copy a row, leaving keys out."""
    return {name: value for name, value in row.items() if name not in names}
