"""The target's own errors, grouped by what the caller does next.

PluginError                    (singer_kit) print its lines, exit with status 1
├── ConfigError, OutputError   stop: the user changes a setting or fixes a file
├── AuthError                  stop: the store rejects the token or its scope
│   └── ForbiddenError         the same, or one row is forbidden: bisect
├── UnexpectedResponseError    stop: the API broke its contract; nothing is guessed
│   └── RefusedCallError       the same, or one row is bad: bisect
├── RetriesExhaustedError      stop, or one row is bad: bisect
│   └── EndpointFailedError    finish what other endpoints can do, then stop
├── PlanLimitError             stop: the store's plan allows no more
├── ShutdownRequestedError     stop: a signal arrived; start nothing new
├── InputError                 stop: the input breaks the Singer specification
├── AttributeConflictError     stop: an attribute does not fit the mapping
├── AudienceError              stop: clear-audience cannot find or clear the audience
├── TooManyRejectsError        stop after the drain: max_rejects
├── TooManyClearsError         stop and clear nothing: max_clear_percent
├── HistoryError               stop if on_exit is clear, else continue without
├── LimitReachedError          stop with status 0: limit
├── RetriableError             (singer_kit) retry
│   ├── ThrottledError         retry when the throttle allows it
│   └── FailedCallError        retry; what the store returned is known
├── OutcomeUnknownError        look up the rows, then retry those not applied
└── RequestRejectedError       bisect, and reject the offending rows
RecordRejectedError            reject the record and continue
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from singer_kit.errors import (
    AuthError,
    PluginError,
    RetriableError,
    RetriesExhaustedError,
    UnexpectedResponseError,
)

MAX_REASON_LENGTH = 2000  # Characters; a reason is one line of the rejects file.


class InputError(PluginError):
    """The input is not a Singer stream, or not one that this target supports."""


class AttributeConflictError(PluginError):
    """An attribute has another type, cannot be created, or was deleted."""


class AudienceError(PluginError):
    """The store has no such attribute or slug, or a deletion was not confirmed."""


class TooManyRejectsError(PluginError):
    """More records were rejected than `max_rejects`."""


class TooManyClearsError(PluginError):
    """More values would be cleared than `max_clear_percent` allows."""


class HistoryError(PluginError):
    """The history cannot be opened, read or written.

    Args:
        message: names the setting, the file and the reason.
        is_explained: whether the message also says why the run ends.
    """

    def __init__(self, message: str, *, is_explained: bool = False) -> None:
        super().__init__(message)
        self.is_explained = is_explained


class LimitReachedError(PluginError):
    """`limit` customers were changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetails:
    """BigCommerce's reason for rejecting a request or a row.

    The texts may quote personal data, so they are written to the rejects file only.

    Args:
        status: the HTTP status; 0 if there was no response.
        title: the error's title, and its detail if it lists no errors.
        errors: the error texts, by BigCommerce's key or the path to the text.
        request_id: the header `x-request-id`; empty if there was none.
    """

    status: int
    title: str = ""
    errors: dict[str, str] | None = None
    request_id: str = ""

    @property
    def text(self) -> str:
        """Title and errors in one line; empty if the store gave no reason."""
        errors = "; ".join(text for text in (self.errors or {}).values() if text)
        parts = (part for part in (self.title, errors) if part)
        return " ".join(parts)[:MAX_REASON_LENGTH]


class PlanLimitError(PluginError):
    """The store returned 507: its plan allows no more of what was sent."""


class ForbiddenError(AuthError):
    """The store returned 403: for its token, or for one of several rows."""

    def __init__(self, message: str, details: ErrorDetails) -> None:
        super().__init__(message)
        self.details = details


class RefusedCallError(UnexpectedResponseError):
    """The store returned a 4xx that concerns the call, or only one of its rows."""

    def __init__(self, message: str, details: ErrorDetails) -> None:
        super().__init__(message)
        self.details = details


class EndpointFailedError(RetriesExhaustedError):
    """One endpoint fails for every row, although others work."""


class ThrottledError(RetriableError):
    """The store returned 429: the throttle waits before the next attempt."""


class FailedCallError(RetriableError):
    """An attempt failed that can be repeated without a look-up.

    Args:
        message: what failed, for the log.
        details: what the store returned.
        retry_after: seconds that the server asked to wait, if it did.
    """

    def __init__(
        self, message: str, details: ErrorDetails, *, retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.details = details


class OutcomeUnknownError(PluginError):
    """A POST may or may not have been applied. Look up its rows before repeating it.

    Args:
        message: what failed, for the log.
        details: what the store returned.
        retry_after: seconds that the server asked to wait, if it did.
    """

    def __init__(
        self, message: str, details: ErrorDetails, *, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.details = details
        self.retry_after = retry_after


class RequestRejectedError(PluginError):
    """The store rejected a request. Bisect it and reject the offending rows."""

    def __init__(self, message: str, details: ErrorDetails) -> None:
        super().__init__(message)
        self.details = details


# Records that cannot be written. None of these ends the run.


class RejectCode(StrEnum):
    """Why a record was rejected, as written to `rejects_path` and the summary."""

    UNREADABLE_ID = "unreadable_id"
    UNKNOWN_CUSTOMER = "unknown_customer"
    MISSING_KEY = "missing_key"
    FAILED_MAP = "failed_map"
    WRONG_TYPE = "wrong_type"
    TOO_LONG = "too_long"
    INVALID_VALUE = "invalid_value"
    INVALID_EMAIL = "invalid_email"
    EMAIL_TAKEN = "email_taken"
    AMBIGUOUS_EMAIL = "ambiguous_email"
    INCOMPLETE_CUSTOMER = "incomplete_customer"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"


REMEDIES: dict[RejectCode, str] = {
    RejectCode.UNREADABLE_ID: "The value of id_field is not a BigCommerce customer id"
    " (a whole number from 1, without leading zeros). Fix it at the source.",
    RejectCode.UNKNOWN_CUSTOMER: "The store has no customer with this id: it was"
    " deleted or belongs to another store. Check store_hash and id_field.",
    RejectCode.MISSING_KEY: "The record lacks a key property of its stream. Fix the"
    " tap.",
    RejectCode.FAILED_MAP: "An expression in stream_maps failed on the record. Change"
    " it so that it accepts every value, including null, and sync the record again.",
    RejectCode.WRONG_TYPE: "A value cannot be converted to the type of the field or"
    " attribute it is mapped to. Map another field, or translate it with values.",
    RejectCode.TOO_LONG: "A value has more characters than BigCommerce accepts. Values"
    " are never truncated: shorten it at the source, or map another field.",
    RejectCode.INVALID_VALUE: "BigCommerce does not accept the value for this field.",
    RejectCode.INVALID_EMAIL: "A value mapped to email is not an email address.",
    RejectCode.EMAIL_TAKEN: "Another customer of the store has this email. Merge the"
    " two customers, or do not map email.",
    RejectCode.AMBIGUOUS_EMAIL: "Several customers of the store have this email, so the"
    " record cannot be matched by it. Merge them, or add the customer's id to the"
    " record.",
    RejectCode.INCOMPLETE_CUSTOMER: "A new customer needs email, first_name and"
    " last_name. Map all three, or set on_missing_id to match.",
    RejectCode.REFUSED: "BigCommerce refused the row. The reason quotes its error.",
    RejectCode.UNCONFIRMED: "BigCommerce reported success, but the response lacks this"
    " row. Replay the record; if it happens again, contact BigCommerce.",
}


class RecordRejectedError(Exception):
    """The record cannot be written. Append it to the rejects and continue.

    Args:
        code: the kind of problem.
        reason: names fields and lengths. Only an error text of the store may quote
            values.
        status: the HTTP status, if the store rejected the record.
        request_id: the header `x-request-id` of the response that rejected it.
    """

    def __init__(
        self,
        code: RejectCode,
        reason: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.status = status
        self.request_id = request_id


# A part of BigCommerce's error text, in lower case, and its reject code.
_CODES_BY_ERROR_TEXT = (
    ("already in use", RejectCode.EMAIL_TAKEN),
    ("invalid customer id", RejectCode.UNKNOWN_CUSTOMER),
    ('"id:in" value may contain only integer', RejectCode.UNKNOWN_CUSTOMER),
    ("error.maxlength", RejectCode.TOO_LONG),
)


def to_reject(details: ErrorDetails) -> RecordRejectedError:
    """Map the store's error for a row to a reject; the store's text is the reason."""
    return RecordRejectedError(
        _to_code(details),
        details.text or _reason_without_text(details.status),
        status=details.status,
        request_id=details.request_id or None,
    )


def _to_code(details: ErrorDetails) -> RejectCode:
    text = details.text.lower()
    for part, code in _CODES_BY_ERROR_TEXT:
        if part in text:
            return code
    is_unconfirmed = _is_success(details.status) and not details.errors
    return RejectCode.UNCONFIRMED if is_unconfirmed else RejectCode.REFUSED


def _reason_without_text(status: int) -> str:
    if not status:
        return "BigCommerce did not respond to a call with this row"
    if _is_success(status):
        return "BigCommerce did not confirm the row"
    return f"BigCommerce returned {status} without a reason"


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
