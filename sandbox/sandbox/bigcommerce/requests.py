"""Requests in BigCommerce's form: filters, paging, and the rows of a write."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from .responses import RefusalError

if TYPE_CHECKING:
    from sandbox.options import Options

Row = dict[str, Any]
Test = Callable[[Mapping[str, Any]], bool]
BAD_JSON = "JSON data is missing or invalid"
PAGING = frozenset({"page", "limit"})
DEFAULT_LIMIT = 50
MAX_LIMIT = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """The page that a call requests."""

    page: int
    limit: int
    after: int | None
    before: int | None

    @property
    def by_cursor(self) -> bool:
        """Whether a cursor is given, so that `page` is ignored."""
        return self.after is not None or self.before is not None

    @property
    def offset(self) -> int:
        """The number of rows before the page."""
        return (self.page - 1) * self.limit

    def meta(self, total: int, count: int) -> dict[str, Any]:
        """Build the `pagination` of a response with `count` of `total` rows."""
        pages = -(-total // self.limit)
        links = {"current": f"?page={self.page}&limit={self.limit}"}
        if self.page > 1:
            links["previous"] = f"?page={self.page - 1}&limit={self.limit}"
        if self.page < pages:
            links["next"] = f"?page={self.page + 1}&limit={self.limit}"
        return {
            "total": total,
            "count": count,
            "per_page": self.limit,
            "current_page": self.page,
            "total_pages": pages,
            "links": links,
        }

    def cursor_meta(self, ids: Sequence[int], *, more: bool) -> dict[str, Any]:
        """Build the `cursor_pagination` of a response with these ids."""
        meta: dict[str, Any] = {"count": len(ids), "per_page": self.limit, "links": {}}
        if ids:
            meta["start_cursor"] = _to_cursor(ids[0])
            meta["end_cursor"] = _to_cursor(ids[-1])
            if more:
                next_page = f"?after={meta['end_cursor']}&limit={self.limit}"
                meta["links"]["next"] = next_page
        return meta


def read_page(query: Mapping[str, str], *, cursors: bool = False) -> PageQuery:
    """Read the paging parameters; a limit above 250 is refused."""
    limit = _number(query, "limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise RefusalError(422, f"The limit must be between 1 and {MAX_LIMIT}.")
    return PageQuery(
        page=max(1, _number(query, "page", 1)),
        limit=limit,
        after=_cursor(query, "after") if cursors else None,
        before=_cursor(query, "before") if cursors else None,
    )


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise RefusalError(422, f"{name} must be an integer.") from error


def _cursor(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return int(base64.urlsafe_b64decode(text + "==").decode().removeprefix("c"))
    except (ValueError, binascii.Error) as error:
        raise RefusalError(422, "The cursor is not valid.") from error


def _to_cursor(number: int) -> str:
    return base64.urlsafe_b64encode(f"c{number}".encode()).decode().rstrip("=")


def refuse_unknown(query: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse parameters that are neither known filters nor paging, with 422."""
    unknown = [name for name in query if name not in known and name not in PAGING]
    if unknown:
        names = ", ".join(unknown)
        raise RefusalError(
            422, f"The filter(s): {names} are not valid filter parameter(s)."
        )


def integers(query: Mapping[str, str], name: str, largest: int = 0) -> list[int] | None:
    """Read a comma-separated list of integers; None if the parameter is missing.

    An integer above `largest` is refused like text; 0 is no limit.
    """
    text = query.get(name)
    if text is None:
        return None
    try:
        found = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise _not_an_integer(name, _first_bad(text)) from error
    for number in found:
        if 0 < largest < number:
            raise _not_an_integer(name, str(number))
    return found


def _not_an_integer(name: str, text: str) -> RefusalError:
    return RefusalError(
        422,
        f'Query parameter "{name}" value may contain only integer values. '
        f'For input string: "{text}".',
    )


def _first_bad(text: str) -> str:
    parts = [part.strip() for part in text.split(",")]
    return next((part for part in parts if not part.lstrip("-").isdigit()), text)


def texts(query: Mapping[str, str], name: str) -> list[str] | None:
    """Read a comma-separated list; None if the parameter is missing."""
    text = query.get(name)
    return None if text is None else [part for part in text.split(",") if part]


def among(field: str, values: Collection[object] | None) -> list[Test]:
    """Return the test that a field is one of the values; none for None."""
    if values is None:
        return []
    found = {str(value).lower() for value in values}
    return [lambda row: str(row[field]).lower() in found]


def dates(query: Mapping[str, str], field: str) -> list[Test]:
    """Return the tests of a date field: exact, at least `:min`, at most `:max`."""
    tests: list[Test] = []
    for suffix, keep in (
        ("", lambda at, limit: at == limit),
        (":min", lambda at, limit: at >= limit),
        (":max", lambda at, limit: at <= limit),
    ):
        if query.get(field + suffix):
            limit = _seconds(query[field + suffix], field + suffix)
            tests.append(_dated(field, limit, keep))
    return tests


def _dated(field: str, limit: float, keep: Callable[[float, float], bool]) -> Test:
    return lambda row: keep(_seconds(row[field], field), limit)


def _seconds(text: str, name: str) -> float:
    plain = text.replace("Z", "+00:00")
    if len(plain) == len("2024-01-01"):
        plain += "T00:00:00+00:00"
    try:
        return datetime.fromisoformat(plain).timestamp()
    except ValueError as error:
        raise RefusalError(422, f'Query parameter "{name}" is not a date.') from error


# The rows of a write.


def read_rows(body: bytes) -> list[Any]:
    """Decode the array that every write sends; raises RefusalError."""
    try:
        rows = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusalError(400, "Input is invalid") from error
    if not isinstance(rows, list):
        raise RefusalError(422, BAD_JSON, {"obj": "error.expected.jsarray"})
    return rows


def is_bad_row(row: object, marker: str) -> bool:
    """Return whether a row names this customer id, or has a text that contains it."""
    if not isinstance(row, dict):
        return False
    ids = (str(row.get(name)) for name in ("id", "customer_id"))
    texts = (value for value in row.values() if isinstance(value, str))
    return marker in ids or any(marker in text for text in texts)


def split_valid(
    rows: Sequence[Row], check: Callable[[int, Row], None]
) -> tuple[list[Row], list[RefusalError]]:
    """Split rows into the valid ones and the errors that `check` raises for others."""
    errors = [_error(check, at, row) for at, row in enumerate(rows)]
    valid = [row for row, error in zip(rows, errors, strict=True) if not error]
    return valid, [error for error in errors if error]


def _error(check: Callable[[int, Row], None], at: int, row: Row) -> RefusalError | None:
    try:
        check(at, row)
    except RefusalError as error:
        return error
    return None


def error_key(options: Options, at: int, field: str) -> str:
    """Return the key of a row's field in `errors`, with or without the row's index."""
    return f"{at}.{field}" if options.errors_name_the_row else f".{field}"


def is_integer(value: object) -> bool:
    """Return whether a JSON value is an integer, which `true` is not."""
    return isinstance(value, int) and not isinstance(value, bool)
