"""BigCommerce's filter parameters, read from a query and applied to rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from .answers import RefusalError

Row = Mapping[str, Any]
Keep = Callable[[Row], bool]
PLAIN = frozenset({"page", "limit"})


def refuse_unknown(query: Mapping[str, str], known: Collection[str]) -> None:
    """Answer 422 to a parameter that is no filter."""
    unknown = [name for name in query if name not in known and name not in PLAIN]
    if unknown:
        names = ", ".join(unknown)
        raise RefusalError(
            422, f"The filter(s): {names} are not valid filter parameter(s)."
        )


def integers(query: Mapping[str, str], name: str, largest: int = 0) -> list[int] | None:
    """Read a comma-separated list of integers; None if it was not given.

    One above the largest is none to the vendor; 0 is no limit.
    """
    text = query.get(name)
    if text is None:
        return None
    try:
        found = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise _no_integer(name, _first_bad(text)) from error
    for number in found:
        if 0 < largest < number:
            raise _no_integer(name, str(number))
    return found


def words(query: Mapping[str, str], name: str) -> list[str] | None:
    """Read a comma-separated list; None if it was not given."""
    text = query.get(name)
    return None if text is None else [part for part in text.split(",") if part]


def among(field: str, values: Collection[object] | None) -> list[Keep]:
    """Keep rows whose field is one of the values."""
    if values is None:
        return []
    found = {str(value).lower() for value in values}
    return [lambda row: str(row[field]).lower() in found]


def dates(query: Mapping[str, str], field: str) -> list[Keep]:
    """Keep rows by a date: exactly, from `:min`, to `:max`."""
    tests: list[Keep] = []
    for suffix, keep in (
        ("", lambda at, limit: at == limit),
        (":min", lambda at, limit: at >= limit),
        (":max", lambda at, limit: at <= limit),
    ):
        if query.get(field + suffix):
            limit = _moment(query[field + suffix], field + suffix)
            tests.append(_dated(field, limit, keep))
    return tests


def _dated(field: str, limit: float, keep: Callable[[float, float], bool]) -> Keep:
    return lambda row: keep(_moment(row[field], field), limit)


def _moment(text: str, name: str) -> float:
    plain = text.replace("Z", "+00:00")
    if len(plain) == len("2024-01-01"):
        plain += "T00:00:00+00:00"
    try:
        return datetime.fromisoformat(plain).timestamp()
    except ValueError as error:
        raise RefusalError(422, f'Query parameter "{name}" is not a date.') from error


def _no_integer(name: str, text: str) -> RefusalError:
    return RefusalError(
        422,
        f'Query parameter "{name}" value may contain only integer values. '
        f'For input string: "{text}".',
    )


def _first_bad(text: str) -> str:
    parts = [part.strip() for part in text.split(",")]
    return next((part for part in parts if not part.lstrip("-").isdigit()), text)
