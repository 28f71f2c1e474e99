"""What can go wrong, named by what to do about it; every message speaks to the user."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from singer_kit.errors import PluginError


class BigCommerceError(PluginError):
    """Root of the target's own errors. Print the message alone, exit with status 1."""


class SettingsError(BigCommerceError):
    """The settings cannot work. Name the setting and what it takes; never its value."""


class InputError(BigCommerceError):
    """The input is no Singer stream that this target can use. Stop; state stays."""


class OutputError(BigCommerceError):
    """A file of the user's cannot be written. Stop; state stays behind."""


class AuthError(BigCommerceError):
    """The store does not let this token in. Do not retry."""


class UnavailableError(BigCommerceError):
    """Every try failed. Stop; state stays behind what was not written."""


class ProtocolError(BigCommerceError):
    """BigCommerce answered what its documents do not allow. Stop, do not guess."""


class AttributeConflictError(BigCommerceError):
    """An attribute cannot be had as the mapping wants it. Stop before any write."""


class TooManyRejectsError(BigCommerceError):
    """More records were rejected than the user allowed. Stop after the drain."""


class TooManyClearsError(BigCommerceError):
    """More values would be cleared than the user allowed. Clear no more, stop."""


class LimitReachedError(BigCommerceError):
    """As many customers were changed as the user asked for. Stop reading, in peace."""


class InterruptedByUserError(BigCommerceError):
    """A signal came. Begin no new call, keep what was written, end."""


class PassingError(BigCommerceError):
    """This try failed, another may not. Wait as long as it takes, send again."""

    def __init__(self, message: str, *, throttled: bool = False) -> None:
        super().__init__(message)
        self.throttled = throttled


class UnansweredError(BigCommerceError):
    """A POST may or may not have been applied. Look up before it is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why BigCommerce did not take something.

    `title` and `errors` are its own words: they may quote a person's data, so they
    go into the rejects and nowhere else.
    """

    status: int
    title: str = ""
    errors: dict[str, str] | None = None


class RefusedError(BigCommerceError):
    """The store refused a whole call. Narrow down to the guilty rows, reject those."""

    def __init__(self, message: str, refusal: Refusal) -> None:
        super().__init__(message)
        self.refusal = refusal


# Records that cannot be written. None of these ends the run.


class RejectCode(StrEnum):
    """Why a record was rejected, as written to `rejects_path` and the summary."""

    UNREADABLE_ID = "unreadable_id"
    UNKNOWN_CUSTOMER = "unknown_customer"
    INVALID_RECORD = "invalid_record"
    MISSING_KEY = "missing_key"
    FAILED_MAP = "failed_map"
    WRONG_TYPE = "wrong_type"
    TOO_LONG = "too_long"
    INVALID_VALUE = "invalid_value"
    INVALID_EMAIL = "invalid_email"
    EMAIL_TAKEN = "email_taken"
    INCOMPLETE_CUSTOMER = "incomplete_customer"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"


REMEDIES: dict[RejectCode, str] = {
    RejectCode.UNREADABLE_ID: "The value of id_field is not a BigCommerce customer id"
    " (digits without a leading 0). Fix it at the source.",
    RejectCode.UNKNOWN_CUSTOMER: "The store has no customer with this id: it was"
    " deleted or belongs to another store. Check store_hash and id_field.",
    RejectCode.INVALID_RECORD: "The record does not match the SCHEMA of its stream."
    " Fix the tap or its schema.",
    RejectCode.MISSING_KEY: "The record lacks a key property of its stream. Fix the"
    " tap.",
    RejectCode.FAILED_MAP: "An expression in stream_maps failed on the record. Change"
    " it so that it accepts every value, including null.",
    RejectCode.WRONG_TYPE: "A value cannot be converted to the type of the field or"
    " attribute it is mapped to. Map another field, or translate it with values.",
    RejectCode.TOO_LONG: "A value has more characters than BigCommerce accepts. Values"
    " are never truncated: shorten it at the source, or map another field.",
    RejectCode.INVALID_VALUE: "BigCommerce does not accept the value for this field.",
    RejectCode.INVALID_EMAIL: "A value mapped to email is not an email address.",
    RejectCode.EMAIL_TAKEN: "Another customer of the store has this email. Merge the"
    " two customers, or do not map email.",
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
        reason: names fields and lengths. Only the store's own text may quote values.
        status: the HTTP status, if the store refused the record.
    """

    def __init__(
        self, code: RejectCode, reason: str, *, status: int | None = None
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.status = status


# Part of BigCommerce's error text in lower case, and the code it stands for.
_CODES_BY_ERROR_TEXT = (
    ("already in use", RejectCode.EMAIL_TAKEN),
    ("invalid customer id", RejectCode.UNKNOWN_CUSTOMER),
    ("error.maxlength", RejectCode.TOO_LONG),
)


def to_reject(details: Refusal) -> RecordRejectedError:
    """Map the store's error about a row to a reject, with the store's text as reason.

    A status of 200 means that the response confirmed other rows but not this one.
    """
    errors = "; ".join(str(text) for text in (details.errors or {}).values())
    text = " ".join(part for part in (details.title, errors) if part)
    return RecordRejectedError(_to_code(details, text), text, status=details.status)


def _to_code(details: Refusal, text: str) -> RejectCode:
    if details.status == HTTPStatus.OK:
        return RejectCode.UNCONFIRMED
    matches = (code for part, code in _CODES_BY_ERROR_TEXT if part in text.lower())
    return next(matches, RejectCode.REFUSED)
