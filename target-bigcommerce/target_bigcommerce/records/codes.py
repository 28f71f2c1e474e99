"""Why a record was rejected: the closed list of codes, each with its cure."""

from __future__ import annotations

from enum import Enum


class Code(str, Enum):
    """A reason for a reject, as it stands in `rejects_path` and in the summary."""

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


class RejectedError(Exception):
    """The record cannot be written as it is. Put it aside with this code and reason.

    The reason names fields and lengths, never a value.
    """

    def __init__(self, code: Code, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.status = status


CURES: dict[Code, str] = {
    Code.UNREADABLE_ID: "The id_field holds something that is no BigCommerce customer"
    " id (digits, not beginning with 0). Mend it at its source.",
    Code.UNKNOWN_CUSTOMER: "The store has no customer of that id: deleted, or of"
    " another store. Check store_hash and id_field.",
    Code.INVALID_RECORD: "The record contradicts its own SCHEMA. Mend the tap or its"
    " schema.",
    Code.MISSING_KEY: "The record lacks a key property of its stream. Mend the tap.",
    Code.FAILED_MAP: "An expression in stream_maps failed on the record. Mend it so"
    " that it takes every value, null too.",
    Code.WRONG_TYPE: "A value cannot be turned into the type of what it is mapped to."
    " Map another field, or translate it with values.",
    Code.TOO_LONG: "A value has more characters than BigCommerce takes. It is never"
    " cut: shorten it at its source, or map another field.",
    Code.INVALID_VALUE: "A value is outside of what BigCommerce takes.",
    Code.INVALID_EMAIL: "A value mapped to email is no e-mail address.",
    Code.EMAIL_TAKEN: "Another customer of the store has this email. Merge the two, or"
    " do not map email.",
    Code.INCOMPLETE_CUSTOMER: "A new customer needs email, first_name and last_name."
    " Map all three, or set on_missing_id to match.",
    Code.REFUSED: "BigCommerce refused the row; its own words are the reason.",
    Code.UNCONFIRMED: "BigCommerce answered with success but without this row. Replay"
    " it; if it stays so, ask BigCommerce.",
}
