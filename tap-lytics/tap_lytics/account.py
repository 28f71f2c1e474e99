"""What Lytics says of an account: its audiences and fields, read from its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BUILT_IN = ("_created", "_modified")  # On every profile, named by the schema or not.


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """A saved audience (Lytics' API says segment)."""

    id: str
    slug: str
    name: str
    updated: str
    is_invalid: bool
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the account's user table, with its Lytics type."""

    name: str
    type: str
    label: str = ""
    is_identity: bool = False


def is_audience(row: object) -> bool:
    """Tell an audience from the account's other segments (goals, lists, aspects…)."""
    return (
        isinstance(row, Mapping)
        and _is_name(row.get("id"))
        and _is_name(row.get("slug_name"))
        and row.get("kind") in (None, "", "segment")
        and row.get("table") in (None, "", "user")
    )


def to_audience(row: Mapping[str, Any]) -> Audience:
    """Read one audience; a missing name, time or size is no error."""
    slug, size = str(row["slug_name"]), row.get("size")
    name, updated = row.get("name"), row.get("updated") or row.get("modified_ms")
    return Audience(
        id=str(row["id"]),
        slug=slug,
        name=str(name) if _is_name(name) else slug,
        updated=str(updated) if _is_name(updated) else "",
        is_invalid=row.get("invalid") is True,
        size=size if type(size) is int and size >= 0 else None,
    )


def to_fields(table: object) -> tuple[Field, ...]:
    """Read the columns of `GET /api/schema/user`, identities first in Lytics' order.

    `_created` and `_modified` are added when the schema leaves them out.

    Raises:
        ValueError: when it is no such table, or names no field at all.
    """
    columns, by_fields = _table(table)
    order = identity_order(by_fields, columns)
    types = {row["as"]: row for row in columns}
    found = [_to_field(name, types.get(name, {}), is_identity=True) for name in order]
    found += [
        _to_field(name, row, is_identity=False)
        for name, row in types.items()
        if name not in order
    ]
    extra = [Field(name=n, type="date") for n in BUILT_IN if n not in types]
    return (*found, *extra)


def identity_order(
    by_fields: Sequence[str], columns: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Order the identity fields: `by_fields` as given, then columns marked `is_by`."""
    marked = [row["as"] for row in columns if row.get("is_by") is True]
    return tuple(dict.fromkeys([*by_fields, *marked]))


def _table(table: object) -> tuple[list[Mapping[str, Any]], list[str]]:
    parts = table if isinstance(table, Mapping) else {}
    columns, by_fields = parts.get("columns"), parts.get("by_fields") or []
    if not isinstance(columns, list) or not isinstance(by_fields, list):
        raise ValueError("no table of fields")  # noqa: TRY004 - of an answer
    named = [
        row for row in columns if isinstance(row, Mapping) and _is_text(row.get("as"))
    ]
    if not named or not all(map(_is_text, by_fields)):
        raise ValueError("no names of fields")
    return named, by_fields


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_name(value: object) -> bool:
    return _is_text(value) or type(value) is int


def _to_field(name: str, row: Mapping[str, Any], *, is_identity: bool) -> Field:
    fallback = "string" if is_identity else ""
    lytics_type, label = row.get("type"), row.get("shortdesc")
    return Field(
        name=name,
        type=str(lytics_type) if _is_text(lytics_type) else fallback,
        label=str(label) if _is_text(label) else "",
        is_identity=is_identity,
    )
