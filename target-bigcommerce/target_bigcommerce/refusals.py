"""From BigCommerce's refusal of a row to the code under which it is rejected. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .records.codes import Code, RejectedError

if TYPE_CHECKING:
    from .errors import ErrorDetails

SUCCESS = 200
# What BigCommerce says, in lower case, and what it means for the record.
WORDS = (
    ("already in use", Code.EMAIL_TAKEN),
    ("invalid customer id", Code.UNKNOWN_CUSTOMER),
    ("error.maxlength", Code.TOO_LONG),
)


def to_rejection(refusal: ErrorDetails) -> RejectedError:
    """Say why a record whose row was refused is rejected, in BigCommerce's words."""
    if refusal.status == SUCCESS:
        code = Code.UNCONFIRMED
    else:
        text = _text(refusal).lower()
        code = next((code for words, code in WORDS if words in text), Code.REFUSED)
    return RejectedError(code, _text(refusal), status=refusal.status)


def _text(refusal: ErrorDetails) -> str:
    errors = "; ".join(str(text) for text in (refusal.errors or {}).values())
    return " ".join(part for part in (refusal.title, errors) if part)
