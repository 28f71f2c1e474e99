"""Pages by number and by cursor, and what the answer says of them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .answers import RefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_LIMIT = 50
MOST = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which page a call asks for."""

    page: int
    limit: int
    after: int | None
    before: int | None

    @property
    def by_cursor(self) -> bool:
        """`page` is ignored beside a cursor."""
        return self.after is not None or self.before is not None

    @property
    def offset(self) -> int:
        """Rows before the page."""
        return (self.page - 1) * self.limit


def wanted(query: Mapping[str, str], *, cursors: bool = False) -> Wanted:
    """Read the paging parameters; more than 250 rows is refused."""
    limit = _number(query, "limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MOST:
        raise RefusalError(422, f"The limit must be between 1 and {MOST}.")
    return Wanted(
        page=max(1, _number(query, "page", 1)),
        limit=limit,
        after=_cursor(query.get("after")) if cursors else None,
        before=_cursor(query.get("before")) if cursors else None,
    )


def page_meta(want: Wanted, total: int, count: int) -> dict[str, Any]:
    """Describe a numbered page."""
    pages = -(-total // want.limit)
    links = {"current": f"?page={want.page}&limit={want.limit}"}
    if want.page > 1:
        links["previous"] = f"?page={want.page - 1}&limit={want.limit}"
    if want.page < pages:
        links["next"] = f"?page={want.page + 1}&limit={want.limit}"
    return {
        "total": total,
        "count": count,
        "per_page": want.limit,
        "current_page": want.page,
        "total_pages": pages,
        "links": links,
    }


def cursor_meta(want: Wanted, ids: Sequence[int], *, more: bool) -> dict[str, Any]:
    """Describe a page by its cursors."""
    meta: dict[str, Any] = {"count": len(ids), "per_page": want.limit, "links": {}}
    if ids:
        meta["start_cursor"] = to_cursor(ids[0])
        meta["end_cursor"] = to_cursor(ids[-1])
        if more:
            meta["links"]["next"] = f"?after={meta['end_cursor']}&limit={want.limit}"
    return meta


def to_cursor(number: int) -> str:
    """Hide an id in a cursor."""
    return base64.urlsafe_b64encode(f"c{number}".encode()).decode().rstrip("=")


def _cursor(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(base64.urlsafe_b64decode(text + "==").decode().removeprefix("c"))
    except (ValueError, binascii.Error) as error:
        raise RefusalError(422, "The cursor is not valid.") from error


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise RefusalError(422, f"{name} must be an integer.") from error
