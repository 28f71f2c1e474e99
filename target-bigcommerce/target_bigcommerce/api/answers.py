"""What an answer's body says: rows, refusals and who is guilty. No I/O."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from target_bigcommerce.errors import Refusal

from .paging import lacks_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .rows import Row

NO_CONTENT = 204
TOO_LARGE = 413
NAMED_ROW = re.compile(r"^([0-9]{1,6})(\.|$)")


def is_whole(method: str, status: int, body: bytes) -> bool:
    """Whether a 2xx body has its rows; a DELETE's has none to have.

    A PUT's need not have them either: what it did can be read back.
    """
    if method == "DELETE" or (method == "PUT" and status == NO_CONTENT):
        return True
    content = read_json(body)
    if not isinstance(content, dict):
        return False
    rows = content.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return False
    return not lacks_rows(content, len(rows))


def read_json(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Read a body; None for one that is no JSON."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None


def read_refusal(status: int, body: bytes) -> Refusal:
    """Read an error's body; one that cannot be read never hides the status."""
    content = read_json(body)
    if not isinstance(content, dict):
        return Refusal(status=status)
    errors = content.get("errors")
    return Refusal(
        status=status,
        title=_text(content.get("title")),
        errors=_flat(errors) if isinstance(errors, dict) and errors else None,
    )


def is_too_large(refusal: Refusal) -> bool:
    """Whether the call had too many rows."""
    return refusal.status == TOO_LARGE or "batch size" in refusal.title.lower()


def guilty_rows(refusal: Refusal, rows: Sequence[Row]) -> list[int]:
    """Find the places of the rows that a refusal names; none if it names none."""
    if len(rows) == 1:
        return [0]
    errors = refusal.errors or {}
    found = [NAMED_ROW.match(key) for key in errors]
    places = {int(match[1]) for match in found if match}
    named = sorted(place for place in places if place < len(rows))
    return named or _quoted(" ".join([refusal.title, *errors.values()]), rows)


def moved(refusal: Refusal, places: Sequence[int]) -> Refusal:
    """Let a refusal of some rows name them by their places among all rows."""
    errors = {_moved(key, places): text for key, text in (refusal.errors or {}).items()}
    return replace(refusal, errors=errors or None)


def _quoted(text: str, rows: Sequence[Row]) -> list[int]:
    """Find the rows whose e-mail address stands in the text: the longest wins.

    `ann@example.com` stands within `joann@example.com`, but is not meant there.
    """
    lowered = text.lower()
    emails = [_text(row.get("email")).lower() for row in rows]
    quoted = {email for email in emails if email and _stands_in(email, lowered)}
    meant = {
        email
        for email in quoted
        if not any(email != other and email in other for other in quoted)
    }
    return [place for place, email in enumerate(emails) if email in meant]


def _stands_in(email: str, text: str) -> bool:
    edged = rf"(?<![\w.+%-]){re.escape(email)}(?![\w@-]|\.\w)"
    return re.search(edged, text) is not None


def _moved(key: str, places: Sequence[int]) -> str:
    match = NAMED_ROW.match(key)
    if not match or int(match[1]) >= len(places):
        return key
    return f"{places[int(match[1])]}{key[match.end(1) :]}"


def _flat(errors: Mapping[Any, Any]) -> dict[str, str]:
    return {str(key): _text(value) for key, value in errors.items()}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()
