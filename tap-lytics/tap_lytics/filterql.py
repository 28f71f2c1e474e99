"""The ad-hoc filters that the tap sends to Lytics, escaped or refused. No I/O here."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

SLUG = re.compile(r"[a-z0-9_]+")
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Words that FilterQL reads as its own wherever they stand bare.
KEYWORD = re.compile(
    "alias|all|and|any|as|between|by|contains|exclude|exists|false|filter|from|group"
    "|having|in|include|intersects|into|is|like|limit|not|null|now|offset|or|order"
    "|select|true|using|where|with",
    re.IGNORECASE,
)


def members(slug: str, *, having: Sequence[str] = ()) -> str:
    """Filter the audience's members, of them those that have all of the fields."""
    return _filter([f"INCLUDE {audience(slug)}", *_having(having)])


def changed_members(slug: str, since: datetime, *, having: Sequence[str] = ()) -> str:
    """Filter the members whose profile changed at or after `since`."""
    included = [f"INCLUDE {audience(slug)}", *_having(having)]
    return _filter([*included, _modified_since(since)])


def changed_others(slug: str, since: datetime, *, having: Sequence[str] = ()) -> str:
    """Filter all who are not members, and whose profile changed since."""
    excluded = [f"NOT INCLUDE {audience(slug)}", *_having(having)]
    return _filter([*excluded, _modified_since(since)])


def audience(slug: str) -> str:
    """Write an audience's slug.

    Raises:
        SettingsError: for anything that Lytics would not make a slug.
    """
    if not SLUG.fullmatch(slug):
        raise SettingsError(
            f"{slug!r} is no audience slug: Lytics makes them of a-z, 0-9 and _. Give"
            " the audience such a one in Lytics."
        )
    return identifier(slug)


def identifier(name: str) -> str:
    """Write a field's name, in backticks where it could be read as anything else.

    Raises:
        SettingsError: for a name that could end its own backticks.
    """
    if not name or set("`\\") & set(name) or not name.isprintable():
        raise SettingsError(
            f"The field {name!r} cannot be used in a filter: a name there is not"
            " empty and has no backtick, backslash or control character in it."
        )
    if PLAIN.fullmatch(name) and not KEYWORD.fullmatch(name):
        return name
    return f"`{name}`"


def moment(at: datetime) -> str:
    """Write a moment in UTC, to the second, in quotes.

    Whole seconds, rounded down: so a bookmark never skips a part of one.
    """
    text = (
        at.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="seconds")
    )
    return f'"{text}Z"'


def _filter(parts: Sequence[str]) -> str:
    condition = parts[0] if len(parts) == 1 else f"AND ({', '.join(parts)})"
    return f"FILTER {condition} FROM user"


def _having(fields: Sequence[str]) -> list[str]:
    return [f"EXISTS {identifier(name)}" for name in fields]


def _modified_since(since: datetime) -> str:
    return f"_modified >= {moment(since)}"
