"""From an answer's status to what to do about it. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_bigcommerce.errors import (
    AuthError,
    BigCommerceError,
    PassingError,
    ProtocolError,
    RefusedError,
    UnansweredError,
)

from .answers import is_whole, read_refusal

if TYPE_CHECKING:
    from .wire import Call

UNAUTHORIZED, FORBIDDEN, TOO_MANY, LOCKED = 401, 403, 429, 423
REFUSING = frozenset({409, 413, 422})
TOO_LONG_A_LIST = frozenset({400, 414})
SLOW = frozenset({408, 425})
SERVER_ERROR, NOT_IMPLEMENTED = 500, 501
SCOPE = "the scope Customers set to modify (store_v2_customers)"


def judge(call: Call, status: int, body: bytes) -> BigCommerceError | None:
    """Find the error that an answer amounts to; None for one that can be used."""
    if 200 <= status < 300:  # noqa: PLR2004 - success
        return None if is_whole(call.method, status, body) else unanswered(call, None)
    if status in {TOO_MANY, LOCKED}:
        return PassingError(_said(call, status), throttled=status == TOO_MANY)
    if (status >= SERVER_ERROR and status != NOT_IMPLEMENTED) or status in SLOW:
        return unanswered(call, status)
    return _final(call, status, body)


def unanswered(call: Call, status: int | None, why: str = "") -> BigCommerceError:
    """A POST may have been applied; anything else is simply sent again."""
    text = _said(call, status) if status else f"No usable answer to {call.endpoint}"
    text = f"{text.rstrip('.')}{f' ({why})' if why else ''}."
    return UnansweredError(text) if call.method == "POST" else PassingError(text)


def _final(call: Call, status: int, body: bytes) -> BigCommerceError:
    if status in REFUSING or (status in TOO_LONG_A_LIST and call.has_list):
        return RefusedError(_said(call, status), read_refusal(status, body))
    if status == UNAUTHORIZED:
        return AuthError(
            f"{_said(call, status)} The setting access_token holds no valid token of"
            f" the store in store_hash. Make one in the store's control panel, with"
            f" {SCOPE}."
        )
    if status == FORBIDDEN:
        return AuthError(
            f"{_said(call, status)} Either store_hash is not the store of the token in"
            f" access_token, or the token lacks {SCOPE}; a read-only one is refused"
            " at the first write."
        )
    return ProtocolError(_said(call, status) + _hint(status))


def _hint(status: int) -> str:
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        return (
            " A redirect is not followed, as it would carry the token along:"
            " check api_url."
        )
    if status == 404:  # noqa: PLR2004
        return " Check api_url: it is what stands before /stores/{store_hash}/v3."
    return " Nothing was guessed and the state stays where it was."


def _said(call: Call, status: int) -> str:
    what = f" ({call.what})" if call.what else ""
    return f"BigCommerce answered {status} to {call.endpoint}{what}."
