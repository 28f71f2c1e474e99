"""Writes rows; a rejected call is bisected until only the offending rows are left.

BigCommerce does not document whether a call is atomic, and does not always name the row
it rejects: https://developer.bigcommerce.com/docs/rest-management/customers. So a
rejected call may have been applied in part. Rows of a POST are looked up before they
are sent again, which prevents duplicates.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from singer_kit.errors import UnexpectedResponseError
from target_bigcommerce.errors import (
    AttributeConflictError,
    ErrorDetails,
    OutcomeUnknownError,
    RequestRejectedError,
)

from .models import ApiRequest, WriteResult
from .responses import parse_attribute, parse_written_customers, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from singer_kit.errors import PluginError

    from .models import AttributeDefinition, Row
    from .reads import CallSize
    from .transport import Transport

CUSTOMERS = "/customers"
VALUES = "/customers/attribute-values"
ATTRIBUTES = "/customers/attributes"
MAX_ATTRIBUTES = 50  # Per store.

CALLS_PER_ROW = 2
UNCONFIRMED = ErrorDetails(
    status=HTTPStatus.OK.value, title="BigCommerce did not confirm the row"
)
FOUND = "_found"  # Marks a customer that was looked up instead of created.
ROW_INDEX = re.compile(r"^([0-9]{1,6})(\.|$)")


# Bisecting.


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCall:
    """How to send and identify one kind of rows.

    Args:
        send: sends rows and returns those that the store confirmed.
        key_of_sent: returns the key of a row that was sent.
        key_of_confirmed: returns the key of a row that was confirmed.
        look_up: returns, by key, rows that were applied although their call was
            rejected.
    """

    send: Callable[[list[Row]], Sequence[Row]]
    key_of_sent: Callable[[Row], Hashable]
    key_of_confirmed: Callable[[Row], Hashable]
    look_up: Callable[[list[Row]], dict[Hashable, Row]] = lambda _rows: {}


def write_rows(
    rows: Sequence[tuple[int, Row]], call: WriteCall, size: CallSize
) -> WriteResult:
    """Write rows and find those that the store rejects.

    Makes at most two calls per row; rows still undecided then are rejected.

    Args:
        rows: the rows with their indices, which are the keys of the result.
        call: how to send them.
        size: maximum number of rows per call.
    """
    return _Bisection(rows, call, size).run()


class _Bisection:
    """Rows that are not yet done or rejected."""

    def __init__(
        self, rows: Sequence[tuple[int, Row]], call: WriteCall, size: CallSize
    ) -> None:
        self._call = call
        self._size = size
        self._parts = deque([list(rows)])
        self._calls_left = CALLS_PER_ROW * len(rows)
        self._unconfirmed: list[tuple[int, Row]] = []
        self._has_resent = False
        self._last_rejection = UNCONFIRMED
        self._result = WriteResult()

    def run(self) -> WriteResult:
        while self._parts or self._unconfirmed:
            if not self._parts:
                self._resend_unconfirmed()
            elif self._calls_left <= 0:
                self._reject_undecided()
            else:
                self._send(self._parts.popleft())
        return self._result

    def _send(self, part: list[tuple[int, Row]]) -> None:
        if not part:
            return
        if len(part) > self._size.limit:
            self._send_next(_cut(part, self._size.limit))
            return
        self._calls_left -= 1
        try:
            confirmed = self._call.send([row for _, row in part])
        except RequestRejectedError as error:
            self._last_rejection = error.details
            self._split(part, error.details)
        else:
            self._confirm(part, confirmed)

    def _confirm(
        self, part: list[tuple[int, Row]], confirmed_rows: Sequence[Row]
    ) -> None:
        by_key = {self._call.key_of_confirmed(row): row for row in confirmed_rows}
        for index, row in part:
            confirmed = by_key.get(self._call.key_of_sent(row))
            if confirmed is not None:
                self._result.done[index] = confirmed
            elif self._has_resent:
                self._result.rejected[index] = UNCONFIRMED
            else:
                self._unconfirmed.append((index, row))

    def _split(self, part: list[tuple[int, Row]], details: ErrorDetails) -> None:
        """Reject the rows that an error names; if it names none, halve the part."""
        if is_too_large(details) and len(part) > 1:
            self._size.lower(len(part))
            self._send_next(_cut(part, self._size.limit))
            return
        named = set(named_rows(details, [row for _, row in part]))
        applied = self._look_up(part)
        for at in sorted(named):
            index = part[at][0]
            if index not in applied:
                self._result.rejected[index] = details
        rest = [
            (index, row)
            for at, (index, row) in enumerate(part)
            if at not in named and index not in applied
        ]
        self._send_next([rest] if named else _halves(rest))

    def _resend_unconfirmed(self) -> None:
        """Resend unconfirmed rows once, unless a look-up finds them."""
        self._has_resent = True
        applied = self._look_up(self._unconfirmed)
        self._parts.append(
            [each for each in self._unconfirmed if each[0] not in applied]
        )
        self._unconfirmed = []

    def _look_up(self, part: list[tuple[int, Row]]) -> set[int]:
        found = self._call.look_up([row for _, row in part])
        applied = {
            index: found[key]
            for index, row in part
            if (key := self._call.key_of_sent(row)) in found
        }
        self._result.done.update(applied)
        return set(applied)

    def _send_next(self, parts: list[list[tuple[int, Row]]]) -> None:
        self._parts.extendleft(reversed(parts))

    def _reject_undecided(self) -> None:
        for index, _ in self._parts.popleft():
            self._result.rejected[index] = self._last_rejection


def _cut(part: list[tuple[int, Row]], size: int) -> list[list[tuple[int, Row]]]:
    return [part[at : at + size] for at in range(0, len(part), size)]


def _halves(part: list[tuple[int, Row]]) -> list[list[tuple[int, Row]]]:
    middle = (len(part) + 1) // 2
    return [half for half in (part[:middle], part[middle:]) if half]


# Rows that an error names.


def is_too_large(details: ErrorDetails) -> bool:
    """Whether an error means that the call had too many rows."""
    is_413 = details.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return is_413 or "batch size" in details.title.lower()


def named_rows(details: ErrorDetails, rows: Sequence[Row]) -> list[int]:
    """Return the indices of the rows that an error names, by index or by email."""
    if len(rows) == 1:
        return [0]
    errors = details.errors or {}
    matches = [ROW_INDEX.match(key) for key in errors]
    indices = {int(match[1]) for match in matches if match}
    named = sorted(index for index in indices if index < len(rows))
    return named or _quoted_rows(" ".join([details.title, *errors.values()]), rows)


def renumber(details: ErrorDetails, indices: Sequence[int]) -> ErrorDetails:
    """Replace the row indices of an error: index `n` becomes `indices[n]`."""
    errors = {
        _renumbered(key, indices): text for key, text in (details.errors or {}).items()
    }
    return replace(details, errors=errors or None)


def _renumbered(key: str, indices: Sequence[int]) -> str:
    match = ROW_INDEX.match(key)
    if not match or int(match[1]) >= len(indices):
        return key
    return f"{indices[int(match[1])]}{key[match.end(1) :]}"


def _quoted_rows(text: str, rows: Sequence[Row]) -> list[int]:
    """Find the rows whose email a text quotes.

    A text with `joann@example.com` does not quote `ann@example.com`.
    """
    lowered = text.lower()
    emails = [email_of(row) for row in rows]
    quoted = {email for email in emails if email and _contains_email(lowered, email)}
    longest = {
        email
        for email in quoted
        if not any(email != other and email in other for other in quoted)
    }
    return [index for index, email in enumerate(emails) if email in longest]


def _contains_email(text: str, email: str) -> bool:
    bounded = rf"(?<![\w.+%-]){re.escape(email)}(?![\w@-]|\.\w)"
    return re.search(bounded, text) is not None


def email_of(row: Row) -> str:
    """Return the row's email in lower case; emails are compared without case."""
    return str(row.get("email", "")).lower()


# Updates.


def update_call(
    transport: Transport,
    path: str,
    keys: Sequence[str],
    read_back: Callable[[list[Row]], list[Row]],
) -> WriteCall:
    """Return the call that PUTs rows. It is idempotent.

    Args:
        transport: sends the requests.
        path: path of the endpoint.
        keys: fields that identify a row, both sent and confirmed.
        read_back: returns those of the rows that the store has; called when a response
            lists none.
    """

    def send(rows: list[Row]) -> list[Row]:
        response = transport.send(ApiRequest(method="PUT", path=path, body=rows))
        if response.status == HTTPStatus.NO_CONTENT:
            return read_back(rows)
        confirmed: list[Row] = response.body["data"]
        return confirmed

    def key(row: Row) -> tuple[int | None, ...]:
        return tuple(whole_number(row.get(name)) for name in keys)

    return WriteCall(send=send, key_of_sent=key, key_of_confirmed=key)


# Creating customers.


def creation_call(
    transport: Transport, look_up: Callable[[Sequence[str]], dict[str, Row]]
) -> WriteCall:
    """Return the call that POSTs customers.

    Customers that may already have been created are looked up before a retry.

    Args:
        transport: sends the requests.
        look_up: finds customers by email; the keys are in lower case.
    """

    def find(rows: list[Row]) -> dict[Hashable, Row]:
        found = look_up([email_of(row) for row in rows])
        return {email: {**row, FOUND: True} for email, row in found.items()}

    return WriteCall(
        send=lambda rows: _Creation(transport, find, rows).send(),
        key_of_sent=email_of,
        key_of_confirmed=email_of,
        look_up=find,
    )


class _Creation:
    """The rows of one POST, with retries after an unknown outcome."""

    def __init__(
        self,
        transport: Transport,
        find: Callable[[list[Row]], dict[Hashable, Row]],
        rows: list[Row],
    ) -> None:
        self._transport = transport
        self._find = find
        self._rows = rows
        self._found: dict[Hashable, Row] = {}

    def send(self) -> list[Row]:
        created = self._transport.retry(self._attempt, OutcomeUnknownError)
        return [*self._found.values(), *created]

    def _attempt(self) -> list[Row]:
        missing = {
            index: row
            for index, row in enumerate(self._rows)
            if email_of(row) not in self._found
        }
        rows = list(missing.values())
        request = ApiRequest(method="POST", path=CUSTOMERS, body=rows)
        try:
            response = self._transport.send(request)
        except RequestRejectedError as error:
            details = renumber(error.details, list(missing))
            raise RequestRejectedError(str(error), details) from None
        except OutcomeUnknownError:
            self._found.update(self._find(rows))
            if all(email_of(row) in self._found for row in rows):
                return []
            raise
        return parse_written_customers(response.body["data"])


# Creating attributes.


class AttributeCreation:
    """Creates an attribute definition, or finds one that another run just created.

    Args:
        transport: sends the requests.
        read_all: reads all definitions, the lowest id first.
    """

    def __init__(
        self,
        transport: Transport,
        read_all: Callable[[], list[AttributeDefinition]],
    ) -> None:
        self._transport = transport
        self._read_all = read_all

    def create(self, name: str, kind: str) -> AttributeDefinition:
        """Create a definition, or return an existing one of that name and type.

        Raises:
            AttributeConflictError: when the store rejects it.
        """
        return self._transport.retry(
            lambda: self._attempt(name, kind), OutcomeUnknownError
        )

    def _attempt(self, name: str, kind: str) -> AttributeDefinition:
        row = {"name": name, "type": kind}
        request = ApiRequest(method="POST", path=ATTRIBUTES, body=[row])
        try:
            rows = self._transport.send(request).body["data"]
            return parse_attribute(rows[0] if rows else {})
        except (
            UnexpectedResponseError,
            RequestRejectedError,
            OutcomeUnknownError,
        ) as error:
            return self._find(name, kind, error)

    def _find(self, name: str, kind: str, error: PluginError) -> AttributeDefinition:
        existing = self._read_all()
        for attribute in existing:
            if (attribute.name, attribute.type) == (name, kind):
                return attribute
        if isinstance(error, OutcomeUnknownError):
            raise error
        raise AttributeConflictError(
            f"The attribute {name!r} of type {kind} could not be created: {error}"
            f" {_explain(existing, name)}"
        ) from None


def _explain(existing: Sequence[AttributeDefinition], name: str) -> str:
    for attribute in existing:
        if attribute.name == name:
            return f"The store has an attribute of that name, of type {attribute.type}."
    if len(existing) >= MAX_ATTRIBUTES:
        return (
            f"The store has {len(existing)} attributes, and {MAX_ATTRIBUTES} is the"
            " maximum: delete one that is not used, or map to an existing one."
        )
    return f"The store has {len(existing)} attributes."
