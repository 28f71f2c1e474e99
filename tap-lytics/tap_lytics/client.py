"""The Lytics API as the tap uses it: audiences, fields, pages of members, FilterQL.

Callers see neither URLs nor response bodies: what a response lacks or gets wrong is
filled in or raised as an error here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from functools import partial
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from singer_kit.errors import ConfigError, UnexpectedResponseError

from .errors import AudienceError, MalformedResponseError, StaleCursorError
from .records import Field
from .transport import ApiRequest, ApiResponse, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

SPLITS = 100  # Each profile has one `_split` from 0 to 99, spread evenly.
BUILT_IN = ("_created", "_modified")  # On every profile, even if no schema names them.
STALE_CURSOR = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
)
NO_SUCH_AUDIENCE = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})
TOKEN = re.compile(r"[A-Za-z0-9_=-]{1,200}")
MAX_CURSOR_LENGTH = 6000  # Characters: servers refuse URLs over 8 KB.
MAX_LIST_PAGES = 100  # Far above the 500 audiences that an account can have.
DIGITS = re.compile(r"[0-9]{1,15}")
AUDIENCE_ID = re.compile(r"[0-9a-fA-F]{32}")
SLUG = re.compile(r"[a-z0-9_]+")
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# FilterQL keywords. A field of such a name needs backticks.
KEYWORD = re.compile(
    "alias|all|and|any|as|between|by|contains|exclude|exists|false|filter|from|group"
    "|having|in|include|intersects|into|is|like|limit|not|null|now|offset|or|order"
    "|select|true|using|where|with",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """A saved audience, which Lytics' API calls a segment."""

    id: str
    slug: str
    name: str
    updated: str
    is_invalid: bool
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceSnapshot:
    """An audience, and the time of the response by Lytics' clock."""

    audience: Audience
    date: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What to scan: a saved audience, or all profiles that match a filter.

    Requests name the audience by its id, because its slug can be changed meanwhile;
    messages name it by its slug. `splits` selects a part of the profiles, by their
    `_split`; empty for all.
    """

    audience_id: str
    slug: str
    filter: str | None = None
    fields: tuple[str, ...] = ()
    limit: int = 100
    splits: tuple[int, ...] = ()

    def __str__(self) -> str:
        kind = "scan" if self.filter is None else "filtered scan"
        return f"{kind} of {self.subject}"

    @property
    def subject(self) -> str:
        """What it reads, for a message."""
        audience = f"audience {self.slug}"
        if not self.splits:
            return audience
        return f"{audience}, splits {self.splits[0]}-{self.splits[-1]}"

    def divide(self, parts: int) -> list[Scan]:
        """Divide it into parts of almost equal size, at most 100."""
        bounds = [SPLITS * number // parts for number in range(parts + 1)]
        return [
            replace(self, splits=tuple(range(start, stop)))
            for start, stop in pairwise(bounds)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of profiles.

    `next` is the cursor of the next page, empty on the last one; `total` is how many
    profiles the scan matches, if Lytics reported it.
    """

    members: list[dict[str, Any]]
    next: str
    total: int | None


class LyticsClient:
    """The Lytics API. Every method also raises the errors of `Transport.send`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def audiences(self) -> list[Audience]:
        """List the account's audiences."""
        return list({each.id: each for each in self._listed()}.values())

    def audience(self, name: str) -> AudienceSnapshot | None:
        """Get one audience by slug or id; None if the account does not have it."""
        request = ApiRequest(
            method="GET",
            path=f"/v2/segment/{quote(name, safe='')}",
            query={"sizes": "true"},
        )

        def read(response: ApiResponse) -> AudienceSnapshot | None:
            if response.status in NO_SUCH_AUDIENCE:
                return None
            found = read_audience(request, response)
            if found is None:
                return None
            return AudienceSnapshot(audience=found, date=response.date)

        return self._transport.send(request, read)

    def size(self, audience_id: str) -> int | None:
        """Get an audience's size; None if Lytics does not report it."""
        path = f"/api/segment/{quote(audience_id, safe='')}/size"
        request = ApiRequest(method="GET", path=path)
        return self._transport.send(request, read_size)

    def fields(self) -> tuple[Field, ...]:
        """List the fields of the account's user table, identities first."""
        request = ApiRequest(method="GET", path="/api/schema/user")
        return self._transport.send(request, partial(read_fields, request))

    def page(self, scan: Scan, cursor: str) -> Page:
        """Fetch one page. An empty cursor fetches the first.

        Raises:
            StaleCursorError: when Lytics does not accept the cursor or the splits.
            AudienceError: when the audience no longer exists.
            UnexpectedResponseError: for a rejected filter, or a page that was malformed
                on every attempt.
        """
        request = _scan_request(scan, cursor)

        def read(response: ApiResponse) -> Page:
            if response.status in STALE_CURSOR and (cursor or scan.splits):
                refused = "no longer accepts the cursor" if cursor else "refuses splits"
                raise StaleCursorError(
                    f"{request} returned {response.outcome}: Lytics {refused}."
                )
            if response.status == HTTPStatus.NOT_FOUND:
                raise AudienceError(
                    f"{request} returned {response.outcome}: audience {scan.slug}"
                    " disappeared during the run. Check it in Lytics."
                )
            return read_page(request, response)

        return self._transport.send(request, read)

    def _listed(self) -> Iterator[Audience]:
        cursor, requested = "", {""}
        while len(requested) <= MAX_LIST_PAGES:
            query = {"table": "user", "kind": "segment", "sizes": "true"}
            request = ApiRequest(
                method="GET",
                path="/v2/segment",
                query={**query, "start": cursor} if cursor else query,
            )
            audiences, cursor = self._transport.send(
                request, partial(read_audiences, request)
            )
            yield from audiences
            if cursor in requested:  # Empty, or a loop.
                return
            requested.add(cursor)
        raise UnexpectedResponseError(
            f"GET /v2/segment did not end after {MAX_LIST_PAGES} pages. Name the"
            " audiences to export in the setting audiences."
        )


def _scan_request(scan: Scan, cursor: str) -> ApiRequest:
    query = {"limit": str(scan.limit)}
    if cursor:
        query["start"] = cursor
    if scan.fields:
        query["fields"] = ",".join(scan.fields)
    if scan.splits:
        query["splits"] = ",".join(map(str, scan.splits))
    page = "first page"
    if cursor:
        # A cursor may contain anything; it is logged only if it looks like a token.
        page = f"cursor {cursor}" if TOKEN.fullmatch(cursor) else "a later page"
    if scan.filter is None:
        path = f"/api/segment/{quote(scan.audience_id, safe='')}/scan"
        detail = f"{scan.subject}, {page}"
        return ApiRequest(method="GET", path=path, query=query, detail=detail)
    return ApiRequest(
        method="POST",
        path="/api/segment/scan",
        query={"table": "user", **query},
        body=scan.filter,
        detail=f"{scan.subject}, {page}",
    )


# Responses.


def read_page(request: ApiRequest, response: ApiResponse) -> Page:
    """Read a page of a scan."""
    content = _content(request, response)
    members, total = content["data"], _to_count(content.get("total"))
    if members is None and total == 0:
        members = []  # Go writes a nil slice as null.
    if not isinstance(members, list) or not all(isinstance(m, dict) for m in members):
        raise _malformed(request, response)
    return Page(
        members=members,
        next=_cursor(request, response, content),
        total=total,
    )


def read_audiences(
    request: ApiRequest, response: ApiResponse
) -> tuple[list[Audience], str]:
    """Read a page of the list of audiences, and the cursor of the next one."""
    content = _content(request, response)
    rows = content["data"]
    if rows is None:
        rows = []
    if not isinstance(rows, list):
        raise _malformed(request, response)
    found = [to_audience(row) for row in rows if is_audience(row)]
    return found, _cursor(request, response, content)


def read_audience(request: ApiRequest, response: ApiResponse) -> Audience | None:
    """Read one audience; None for a segment of another kind."""
    row = _content(request, response)["data"]
    if not row or not isinstance(row, (dict, list)):
        raise _malformed(request, response)
    return to_audience(row) if isinstance(row, dict) and is_audience(row) else None


def read_size(response: ApiResponse) -> int | None:
    """Read a size: the first number in the data; None if there is none.

    Lytics has returned a list of one number, an object with a size, and a list of such
    objects.
    """
    if response.status != HTTPStatus.OK or response.content is None:
        return None
    data = response.content.get("data")
    first = data[0] if isinstance(data, list) and data else data
    return _to_count(first.get("size") if isinstance(first, Mapping) else first)


def read_fields(request: ApiRequest, response: ApiResponse) -> tuple[Field, ...]:
    """Read the account's user fields."""
    table = _content(request, response)["data"]
    try:
        return to_fields(table)
    except (TypeError, ValueError):
        raise _malformed(request, response) from None


def is_audience(row: object) -> bool:
    """Whether a segment is an audience of users, not a goal, list, aspect or so on."""
    return (
        isinstance(row, Mapping)
        and _is_name(row.get("id"))
        and _is_name(row.get("slug_name"))
        and row.get("kind") in (None, "", "segment")
        and row.get("table") in (None, "", "user")
    )


def to_audience(row: Mapping[str, Any]) -> Audience:
    """Read a row that `is_audience`; its name, time and size may be missing."""
    slug = str(row["slug_name"])
    name, updated = row.get("name"), row.get("updated") or row.get("modified_ms")
    return Audience(
        id=str(row["id"]),
        slug=slug,
        name=str(name) if _is_name(name) else slug,
        updated=str(updated) if _is_name(updated) else "",
        is_invalid=row.get("invalid") is True,
        size=_to_count(row.get("size")),
    )


def to_fields(table: object) -> tuple[Field, ...]:
    """Read the columns of `GET /api/schema/user`, identities first in Lytics' order.

    `_created` and `_modified` are added when the schema lacks them.

    Raises:
        ValueError: when it is not a table, or has no fields.
    """
    columns, by_fields = _table(table)
    marked = [row["as"] for row in columns if row.get("is_by") is True]
    identities = tuple(dict.fromkeys([*by_fields, *marked]))
    rows = {row["as"]: row for row in columns}
    found = [_to_field(n, rows.get(n, {}), is_identity=True) for n in identities]
    found += [
        _to_field(name, row, is_identity=False)
        for name, row in rows.items()
        if name not in identities
    ]
    extra = [Field(name=n, type="date") for n in BUILT_IN if n not in rows]
    return (*found, *extra)


def _content(request: ApiRequest, response: ApiResponse) -> Mapping[str, Any]:
    """Return the envelope of a successful response, which has data, perhaps null."""
    if response.status != HTTPStatus.OK:
        raise UnexpectedResponseError(
            f"{request} returned {response.outcome}, which Lytics does not document."
            " Check api_url and the settings of the audience."
        )
    if response.content is None or "data" not in response.content:
        raise _malformed(request, response)
    return response.content


def _cursor(
    request: ApiRequest, response: ApiResponse, content: Mapping[str, Any]
) -> str:
    cursor = content.get("_next")
    if cursor is None:
        return ""
    if type(cursor) is int:
        cursor = str(cursor or "")
    if not isinstance(cursor, str) or len(cursor) > MAX_CURSOR_LENGTH:
        raise _malformed(request, response)
    return cursor


def _malformed(request: ApiRequest, response: ApiResponse) -> MalformedResponseError:
    return MalformedResponseError(
        f"{request} returned {response.status} with a malformed body."
    )


def _table(table: object) -> tuple[list[Mapping[str, Any]], list[str]]:
    parts = table if isinstance(table, Mapping) else {}
    columns, by_fields = parts.get("columns"), parts.get("by_fields") or []
    if not isinstance(columns, list) or not isinstance(by_fields, list):
        raise ValueError("not a table of fields")  # noqa: TRY004 - of a response
    named = [
        row for row in columns if isinstance(row, Mapping) and _is_text(row.get("as"))
    ]
    if not named or not all(map(_is_text, by_fields)):
        raise ValueError("no names of fields")
    return named, by_fields


def _to_field(name: str, row: Mapping[str, Any], *, is_identity: bool) -> Field:
    fallback = "string" if is_identity else ""
    lytics_type, label = row.get("type"), row.get("shortdesc")
    return Field(
        name=name,
        type=str(lytics_type) if _is_text(lytics_type) else fallback,
        label=str(label) if _is_text(label) else "",
        is_identity=is_identity,
    )


def _to_count(value: object) -> int | None:
    """Read a count: a number or a text of digits; None for anything else."""
    if isinstance(value, str) and DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_name(value: object) -> bool:
    return _is_text(value) or type(value) is int


# FilterQL. Names are quoted, or refused if they cannot be.


def members_filter(audience: Audience, *, required: Sequence[str] = ()) -> str:
    """Select the audience's members who have all of the required fields."""
    return _filter([f"INCLUDE {audience_name(audience)}", *_exists(required)])


def changed_members_filter(
    audience: Audience, since: datetime, *, required: Sequence[str] = ()
) -> str:
    """Select the members whose profile changed at or after `since`."""
    included = [f"INCLUDE {audience_name(audience)}", *_exists(required)]
    return _filter([*included, _modified_since(since)])


def changed_non_members_filter(
    audience: Audience, since: datetime, *, required: Sequence[str] = ()
) -> str:
    """Select the profiles outside the audience that changed at or after `since`."""
    excluded = [f"NOT INCLUDE {audience_name(audience)}", *_exists(required)]
    return _filter([*excluded, _modified_since(since)])


def changed_profiles_filter(since: datetime, *, required: Sequence[str] = ()) -> str:
    """Select the profiles, of members or not, that changed at or after `since`."""
    return _filter([*_exists(required), _modified_since(since)])


def audience_name(audience: Audience) -> str:
    """Format the name of an audience for a filter: its id, which never changes.

    An id that is not 32 hex digits, as Lytics generates them, is replaced by the slug.

    Raises:
        ConfigError: if Lytics would not generate the slug either.
    """
    if AUDIENCE_ID.fullmatch(audience.id):
        return f"`{audience.id}`"
    if not SLUG.fullmatch(audience.slug):
        raise ConfigError(
            f"{audience.slug!r} is not an audience slug: Lytics generates them from"
            " a-z, 0-9 and _. Rename the audience in Lytics."
        )
    return field_name(audience.slug)


def field_name(name: str) -> str:
    """Format a field's name for a filter, in backticks where it needs them.

    Raises:
        ConfigError: for a name that backticks cannot quote.
    """
    if not name or set("`\\") & set(name) or not name.isprintable():
        raise ConfigError(
            f"The field {name!r} cannot be used in a filter: its name is empty or"
            " contains a backtick, a backslash or a control character. Remove it from"
            " require_fields."
        )
    if PLAIN_NAME.fullmatch(name) and not KEYWORD.fullmatch(name):
        return name
    return f"`{name}`"


def time_literal(at: datetime) -> str:
    """Format a time for a filter, in UTC and quotes.

    It is rounded down to whole seconds, so that no change in that second is missed.
    """
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return f'"{text}Z"'


def _filter(conditions: Sequence[str]) -> str:
    only = conditions[0] if len(conditions) == 1 else f"AND ({', '.join(conditions)})"
    return f"FILTER {only} FROM user"


def _exists(fields: Sequence[str]) -> list[str]:
    return [f"EXISTS {field_name(name)}" for name in fields]


def _modified_since(since: datetime) -> str:
    return f"_modified >= {time_literal(since)}"
