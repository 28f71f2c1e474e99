"""What Lytics' answers say, or that they are malformed. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from .account import Audience, is_audience, to_audience, to_fields
from .errors import ProtocolError, RetriableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .account import Field
    from .transport import Answer, Call

OK = 200
LONGEST_CURSOR = 6000  # Letters: servers refuse addresses above 8 KB.


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of members; an empty `next` ends the scan."""

    members: list[dict[str, Any]]
    next: str
    total: int | None


def to_page(call: Call, answer: Answer) -> Page:
    """Read a page of a scan.

    Raises:
        RetriableError: when it is none.
    """
    content = _content(call, answer)
    members, total = content.get("data"), content.get("total")
    if members is None and total == 0:
        members = []  # Go writes an empty list that was never filled as null.
    if not isinstance(members, list) or not all(isinstance(m, dict) for m in members):
        raise _malformed(call, answer)
    return Page(
        members=members,
        next=_cursor(call, answer, content),
        total=total if type(total) is int and total >= 0 else None,
    )


def to_list(call: Call, answer: Answer) -> tuple[list[Audience], str]:
    """Read a page of the list of audiences, and the cursor of the next one."""
    content = _content(call, answer)
    rows = content.get("data")
    if rows is None:
        rows = []
    if not isinstance(rows, list):
        raise _malformed(call, answer)
    found = [to_audience(row) for row in rows if is_audience(row)]
    return found, _cursor(call, answer, content)


def to_one(call: Call, answer: Answer) -> Audience | None:
    """Read an audience; None for anything else, as a segment of another kind."""
    row = _content(call, answer).get("data")
    return to_audience(row) if isinstance(row, dict) and is_audience(row) else None


def to_table(call: Call, answer: Answer) -> tuple[Field, ...]:
    """Read the account's user fields."""
    table = _content(call, answer).get("data")
    try:
        return to_fields(table)
    except (TypeError, ValueError):
        raise _malformed(call, answer) from None


def _content(call: Call, answer: Answer) -> Mapping[str, Any]:
    if answer.status != OK:
        raise ProtocolError(f"Lytics answered {answer.status} to {call.what}.")
    try:
        content = msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):  # No JSON, no UTF-8, or too deep.
        content = None
    if not isinstance(content, dict):
        raise _malformed(call, answer)
    return content


def _cursor(call: Call, answer: Answer, content: Mapping[str, Any]) -> str:
    cursor = content.get("_next")
    if cursor is None:
        return ""
    if type(cursor) is int:
        cursor = str(cursor or "")
    if not isinstance(cursor, str) or len(cursor) > LONGEST_CURSOR:
        raise _malformed(call, answer)
    return cursor


def _malformed(call: Call, answer: Answer) -> RetriableError:
    return RetriableError(
        f"Lytics answered {answer.status} with a malformed page to {call.what}.",
        finally_=ProtocolError,
    )
