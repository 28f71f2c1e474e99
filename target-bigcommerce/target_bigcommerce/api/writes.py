"""Writes rows; a rejected call is bisected until only the offending rows are left.

BigCommerce does not document whether a call is atomic, and does not always name the row
it rejects: https://developer.bigcommerce.com/docs/rest-management/customers. So a
rejected call may have been applied in part. Rows of a POST are looked up before they
are sent again, which prevents duplicates.

A success confirms only the rows that it returns and does not report as failed. The rest
is read back, and sent once more if the store does not have it.

A call may be refused for its size as well. No row is rejected because of a call with
more attribute values than every store takes: its rows are sent again in small calls. If
all of them are accepted, the size was the cause.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from singer_kit.errors import (
    PluginError,
    UnexpectedResponseError,
)
from target_bigcommerce.errors import (
    AttributeConflictError,
    ErrorDetails,
    OutcomeUnknownError,
    RefusedCallError,
    RequestRejectedError,
)

from .limits import cut
from .models import ApiRequest, WriteResult
from .responses import ROW_INDEX, parse_attribute, parse_written_customers, whole_number
from .row_errors import attempts_after, call_twice

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from .limits import CallSize, IndexedRow
    from .models import ApiResponse, AttributeDefinition, Row
    from .row_errors import RowErrors
    from .transport import Transport

CUSTOMERS = "/customers"
VALUES = "/customers/attribute-values"
ATTRIBUTES = "/customers/attributes"
MAX_ATTRIBUTES = 50  # Per store.

CALLS_PER_ROW = 2
FOUND = "_found"  # Marks a customer that was looked up instead of created.
AMBIGUOUS = "_ambiguous"  # Holds the ids of several customers with the row's email.

logger = logging.getLogger("target-bigcommerce")


# Bisecting.


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What a successful call confirms.

    Args:
        rows: the rows that the store returned or that were found.
        failures: the errors that the response reports for other rows.
        failed: number of rows that it reports as failed.
        status: the HTTP status.
    """

    rows: Sequence[Row]
    failures: ErrorDetails | None = None
    failed: int = 0
    status: int = HTTPStatus.OK.value

    @property
    def details(self) -> ErrorDetails:
        """Why a row is not confirmed."""
        return self.failures or ErrorDetails(status=self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCall:
    """How to send and identify one kind of rows.

    Args:
        request: the call without its rows.
        send: sends the rows of a call and returns what the store confirmed.
        key_of_sent: returns the key of a row that was sent.
        key_of_confirmed: returns the key of a row that was confirmed.
        find: returns, by key, those of the rows that the store holds.
        is_idempotent: whether rows may be sent again without `find`.
    """

    request: ApiRequest
    send: Callable[[ApiRequest], Confirmation]
    key_of_sent: Callable[[Row], Hashable]
    key_of_confirmed: Callable[[Row], Hashable]
    find: Callable[[list[Row]], Mapping[Hashable, Row]] = lambda _rows: {}
    is_idempotent: bool = True


def write_rows(
    rows: Sequence[IndexedRow],
    call: WriteCall,
    size: CallSize,
    *,
    row_errors: RowErrors,
    result: WriteResult,
) -> None:
    """Write rows and find those that the store rejects.

    Makes at most two calls per row; rows still undecided then are rejected.

    Args:
        rows: the rows with their indices, which are the keys of the result.
        call: how to send them.
        size: how many rows a call may have.
        row_errors: decides whether a row is the cause of an error.
        result: receives each row as soon as its outcome is known.

    Raises:
        PluginError: when the run must stop; rows not in `result` are not settled.
    """
    _Bisection(rows, call, size, row_errors, result).run()


class _Bisection:
    """Rows that are not yet done or rejected."""

    def __init__(
        self,
        rows: Sequence[IndexedRow],
        call: WriteCall,
        size: CallSize,
        row_errors: RowErrors,
        result: WriteResult,
    ) -> None:
        self._rows = rows
        self._call = call
        self._size = size
        self._row_errors = row_errors
        self._result = result
        self._parts = deque([list(rows)])
        self._max_rows: int | None = None  # Per call, once one was refused.
        self._was_halved = False  # Because the store said that there were too many.
        self._was_large_refused = False
        self._calls_left = CALLS_PER_ROW * len(rows)
        self._attempts: int | None = None
        self._is_bisecting = False
        self._unconfirmed: list[IndexedRow] = []
        self._has_resent = False
        self._last_rejection = ErrorDetails(status=0)

    def run(self) -> None:
        while self._parts or self._unconfirmed:
            if not self._parts:
                self._resend_unconfirmed()
            elif self._calls_left <= 0:
                self._reject_undecided()
            else:
                self._send(self._parts.popleft())
        self._note_size()

    def _send(self, part: list[IndexedRow]) -> None:
        if not part:
            return
        parts = self._cut(part)
        if len(parts) > 1:
            self._send_next(parts)
            return
        self._calls_left -= 1
        body = [row for _, row in part]
        request = replace(self._call.request, body=body, attempts=self._attempts)
        is_large = self._size.is_large(part)
        try:
            confirmation = call_twice(
                partial(self._call.send, request),
                when=self._is_bisecting or len(part) == 1,
            )
        except RequestRejectedError as error:
            self._log_rejection(error, is_large=is_large)
            self._split(part, error.details, is_row_error=True)
        except PluginError as error:
            details = self._row_errors.details_of(request, error, is_large=is_large)
            self._is_bisecting = True
            self._attempts = self._attempts or attempts_after(error)
            self._split(part, details, is_row_error=False)
        else:
            self._confirm(part, confirmation)

    # After a success.

    def _confirm(self, part: list[IndexedRow], confirmation: Confirmation) -> None:
        details = confirmation.details
        named: set[int] = set()
        if details.text:
            named.update(named_rows(details, [row for _, row in part]))
        confirmed = self._match(part, confirmation.rows, named)
        if confirmation.failed > len(part) - len(confirmed):
            confirmed, named = {}, set()  # It does not say which of the rows failed.
        self._result.done.update(confirmed)
        if confirmed:
            self._row_errors.record_success(self._call.request)
        rest = [
            (at, index, row)
            for at, (index, row) in enumerate(part)
            if index not in confirmed
        ]
        self._last_rejection = details if rest else self._last_rejection
        if self._size.is_large(part):
            self._confirm_large([(index, row) for _, index, row in rest])
        else:
            self._read_back(rest, named, details)

    def _match(
        self, part: list[IndexedRow], rows: Sequence[Row], named: set[int]
    ) -> dict[int, Row]:
        """Match the rows of a response to the rows that were sent, by index."""
        by_key = {self._call.key_of_confirmed(row): row for row in rows}
        answers = [by_key.get(self._call.key_of_sent(row)) for _, row in part]
        return {
            part[at][0]: answer
            for at, answer in enumerate(answers)
            if answer is not None and at not in named
        }

    def _read_back(
        self,
        rest: list[tuple[int, int, Row]],
        named: set[int],
        details: ErrorDetails,
    ) -> None:
        """Settle rows that a success did not confirm; send them once more at most."""
        if not rest:
            return
        found = self._find([(index, row) for _, index, row in rest])
        for at, index, row in rest:
            if index in found:
                continue
            if at in named or self._has_resent:
                self._result.rejected[index] = _only(details, at)
            else:
                self._unconfirmed.append((index, row))

    def _confirm_large(self, rest: list[IndexedRow]) -> None:
        found = self._find(rest) if rest else set()
        missing = [each for each in rest if each[0] not in found]
        if missing:
            self._refuse_large(missing)
        else:
            self._size.accept_large()

    def _resend_unconfirmed(self) -> None:
        self._has_resent = True
        # Alone, an error that names no row concerns the right one.
        is_alone = bool(self._last_rejection.text)
        self._parts.extend(
            cut(self._unconfirmed, 1 if is_alone else len(self._unconfirmed))
        )
        self._unconfirmed = []

    # After an error.

    def _split(
        self, part: list[IndexedRow], details: ErrorDetails, *, is_row_error: bool
    ) -> None:
        """Send the rows in smaller calls, or reject those that the error concerns.

        Args:
            part: the rows of the call.
            details: the error.
            is_row_error: whether the status means that rows are bad; otherwise the call
                itself may be at fault.
        """
        self._last_rejection = details
        if self._size.is_large(part):
            self._split_large(part, details)
        elif is_too_large(details) and len(part) > 1:
            self._max_rows, self._was_halved = len(part) // 2, True
            self._send_next([part])
        else:
            self._reject_named(part, details, is_row_error=is_row_error)

    def _reject_named(
        self, part: list[IndexedRow], details: ErrorDetails, *, is_row_error: bool
    ) -> None:
        """Reject the rows that an error names; if it names none, halve the part."""
        is_alone = len(part) == 1
        # An earlier attempt may have been applied, and its response lost.
        is_unknown = is_alone and not is_row_error
        found: set[int] = set()
        if not self._call.is_idempotent or is_unknown:
            found = self._find(part)
        if is_unknown and not found:
            index, row = part[0]
            self._row_errors.record_rejected(
                self._call.request,
                details,
                _customer_of(row),
                lambda: self._result.rejected.pop(index, None),
            )
        named = set(named_rows(details, [row for _, row in part]))
        for at in sorted(named):
            index = part[at][0]
            if index not in found:
                self._result.rejected[index] = details
        rest = [
            (index, row)
            for at, (index, row) in enumerate(part)
            if at not in named and index not in found
        ]
        self._send_next([rest] if named else _halves(rest))

    def _split_large(self, part: list[IndexedRow], details: ErrorDetails) -> None:
        """Send small calls, or set aside what the error names if the size is known."""
        named = set(named_rows(details, [row for _, row in part]))
        if is_too_large(details):
            self._size.refuse_large()
        elif named and self._size.accepts_large and not self._was_large_refused:
            self._was_large_refused = True
            aside = [each for at, each in enumerate(part) if at in named]
            rest = [each for at, each in enumerate(part) if at not in named]
            self._send_next([rest, *cut(aside, self._size.limit)])
            return
        self._refuse_large(part)

    def _refuse_large(self, rows: list[IndexedRow]) -> None:
        self._was_large_refused = True
        self._max_rows = self._size.limit
        self._send_next([rows])

    def _log_rejection(self, error: RequestRejectedError, *, is_large: bool) -> None:
        is_new = self._last_rejection.status != error.details.status
        if is_new and not is_large:
            logger.info("%s Finding the rows that it rejects.", error)

    # The size of calls.

    def _cut(self, part: list[IndexedRow]) -> list[list[IndexedRow]]:
        if self._max_rows is None:
            return self._size.cut(part)
        return cut(part, min(self._max_rows, self._size.limit))

    def _note_size(self) -> None:
        """Note that a call was refused for its size, not for one of its rows."""
        indices = [index for index, _ in self._rows]
        refused = [
            self._result.rejected[index]
            for index in indices
            if index in self._result.rejected
        ]
        if self._was_large_refused and not refused:
            self._size.refuse_large()
        if self._was_halved and not any(map(is_too_large, refused)):
            self._size.lower(self._max_rows or 1)

    # Both.

    def _find(self, part: list[IndexedRow]) -> set[int]:
        """Settle the rows that the store already holds; return their indices."""
        found = self._call.find([row for _, row in part])
        held = {
            index: found[key]
            for index, row in part
            if (key := self._call.key_of_sent(row)) in found
        }
        self._result.done.update(held)
        return set(held)

    def _send_next(self, parts: list[list[IndexedRow]]) -> None:
        self._parts.extendleft(reversed(parts))

    def _reject_undecided(self) -> None:
        for index, _ in self._parts.popleft():
            self._result.rejected[index] = self._last_rejection


def _customer_of(row: Row) -> object:
    """Return a row's customer: an id, or the email of one to be created."""
    names = ("customer_id", "id", "email")
    return next(row[name] for name in names if name in row)


def _halves(part: list[IndexedRow]) -> list[list[IndexedRow]]:
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
    texts = (details.errors or {}).values()
    named = _indices(details, len(rows))
    return named or _quoted_rows(" ".join([details.title, *texts]), rows)


def _indices(details: ErrorDetails, count: int) -> list[int]:
    matches = [ROW_INDEX.match(key) for key in details.errors or {}]
    indices = {int(match[1]) for match in matches if match}
    return sorted(index for index in indices if index < count)


def _only(details: ErrorDetails, index: int) -> ErrorDetails:
    """Leave out the errors of other rows."""
    errors = {
        key: text
        for key, text in (details.errors or {}).items()
        if not (match := ROW_INDEX.match(key)) or int(match[1]) == index
    }
    return replace(details, errors=errors or None)


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

    A text with `joann@example.com` does not quote `ann@example.com`. An email that
    several rows have names none of them: one of them can have it.
    """
    lowered = text.lower()
    emails = [email_of(row) for row in rows]
    quoted = {email for email in emails if email and _contains_email(lowered, email)}
    longest = {
        email
        for email in quoted
        if not any(email != other and email in other for other in quoted)
    }
    return [
        index
        for index, email in enumerate(emails)
        if email in longest and emails.count(email) == 1
    ]


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
        read_back: returns those of the rows that the store has; called for rows that a
            response does not confirm.
    """

    def send(request: ApiRequest) -> Confirmation:
        response = transport.send(request)
        return _confirmation(response, response.rows)

    def key(row: Row) -> tuple[int | None, ...]:
        return tuple(whole_number(row.get(name)) for name in keys)

    return WriteCall(
        request=ApiRequest(method="PUT", path=path),
        send=send,
        key_of_sent=key,
        key_of_confirmed=key,
        find=lambda rows: {key(row): row for row in read_back(rows)},
    )


def _confirmation(response: ApiResponse, rows: Sequence[Row]) -> Confirmation:
    return Confirmation(
        rows=rows,
        failures=response.failures,
        failed=response.failed,
        status=response.status,
    )


# Creating customers.


def creation_call(
    transport: Transport, look_up: Callable[[Sequence[str]], Mapping[str, list[Row]]]
) -> WriteCall:
    """Return the call that POSTs customers.

    Customers that may already have been created are looked up before a retry.

    Args:
        transport: sends the requests.
        look_up: finds customers by email; the keys are in lower case.
    """

    def find(rows: list[Row]) -> dict[Hashable, Row]:
        found = look_up([email_of(row) for row in rows])
        return {email: _found(customers) for email, customers in found.items()}

    return WriteCall(
        request=ApiRequest(method="POST", path=CUSTOMERS),
        send=lambda request: _Creation(transport, find, request).send(),
        key_of_sent=email_of,
        key_of_confirmed=email_of,
        find=find,
        is_idempotent=False,
    )


def _found(customers: list[Row]) -> Row:
    row = {**customers[0], FOUND: True}
    if len(customers) > 1:
        row[AMBIGUOUS] = [customer["id"] for customer in customers]
    return row


class _Creation:
    """The rows of one POST, with retries after an unknown outcome."""

    def __init__(
        self,
        transport: Transport,
        find: Callable[[list[Row]], dict[Hashable, Row]],
        request: ApiRequest,
    ) -> None:
        self._transport = transport
        self._find = find
        self._request = request
        self._found: dict[Hashable, Row] = {}

    def send(self) -> Confirmation:
        created = self._transport.retry(
            self._attempt, OutcomeUnknownError, self._request.attempts
        )
        return replace(created, rows=[*self._found.values(), *created.rows])

    def _attempt(self) -> Confirmation:
        missing = {
            index: row
            for index, row in enumerate(self._request.body)
            if email_of(row) not in self._found
        }
        rows = list(missing.values())
        try:
            response = self._transport.send(replace(self._request, body=rows))
        except RequestRejectedError as error:
            details = renumber(error.details, list(missing))
            raise RequestRejectedError(str(error), details) from None
        except OutcomeUnknownError:
            self._found.update(self._find(rows))
            if all(email_of(row) in self._found for row in rows):
                return Confirmation(rows=[])
            raise
        confirmation = _confirmation(response, parse_written_customers(response.rows))
        if confirmation.failures is None:
            return confirmation
        details = renumber(confirmation.failures, list(missing))
        return replace(confirmation, failures=details)


# Creating attributes.


class AttributeCreation:
    """Creates an attribute definition, or finds one that another run just created.

    Args:
        transport: sends the requests.
        read_all: reads all definitions, the lowest id first.
        row_errors: records that a write succeeded.
    """

    def __init__(
        self,
        transport: Transport,
        read_all: Callable[[], list[AttributeDefinition]],
        row_errors: RowErrors,
    ) -> None:
        self._transport = transport
        self._read_all = read_all
        self._row_errors = row_errors

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
            rows = self._transport.send(request).rows
        except (RefusedCallError, RequestRejectedError, OutcomeUnknownError) as error:
            return self._find(name, kind, error)
        try:
            created = parse_attribute(rows[0] if rows else {})
        except UnexpectedResponseError as error:
            return self._find(name, kind, error)
        self._row_errors.record_success(request)
        return created

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
