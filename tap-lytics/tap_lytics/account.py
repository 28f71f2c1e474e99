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
        and bool(row.get("id"))
        and bool(row.get("slug_name"))
        and row.get("kind") in {None, "", "segment"}
        and row.get("table") in {None, "", "user"}
    )


def to_audience(row: Mapping[str, Any]) -> Audience:
    """Read one audience; a missing name, time or size is no error."""
    size = row.get("size")
    return Audience(
        id=str(row["id"]),
        slug=str(row["slug_name"]),
        name=str(row.get("name") or row["slug_name"]),
        updated=str(row.get("updated") or row.get("modified_ms") or ""),
        is_invalid=row.get("invalid") is True,
        size=size if isinstance(size, int) else None,
    )


def to_fields(table: Mapping[str, Any]) -> tuple[Field, ...]:
    """Read the columns of `GET /api/schema/user`, identities first in Lytics' order.

    `_created` and `_modified` are added when the schema leaves them out.
    """
    columns = [
        row for row in table.get("columns") or () if isinstance(row.get("as"), str)
    ]
    order = identity_order(table.get("by_fields") or (), columns)
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
    by_fields: Sequence[Any], columns: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Order the identity fields: `by_fields` as given, then columns marked `is_by`."""
    marked = [row["as"] for row in columns if row.get("is_by") is True]
    return tuple(dict.fromkeys([*map(str, by_fields), *marked]))


def _to_field(name: str, row: Mapping[str, Any], *, is_identity: bool) -> Field:
    fallback = "string" if is_identity else ""
    return Field(
        name=name,
        type=str(row.get("type") or fallback),
        label=str(row.get("shortdesc") or ""),
        is_identity=is_identity,
    )
