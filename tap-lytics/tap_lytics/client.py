"""What the tap asks of Lytics: audiences, fields and pages of members."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from .account import Audience, Field, is_audience, to_audience, to_fields
from .errors import AudienceError, ProtocolError, RetriableError, StaleCursorError
from .transport import Answer, Call, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

OK = 200
STALE = frozenset({400, 404, 410})  # Seen, or plausible, for a cursor no longer known.
MAX_LIST_PAGES = 100  # Far above the 500 audiences that an account can have.


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """An audience as it is now, and when that was by Lytics' own clock."""

    audience: Audience
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What to scan: a saved audience, or everybody whom a filter lets pass."""

    slug: str
    filter: str | None = None
    fields: tuple[str, ...] = ()
    limit: int = 100

    @property
    def what(self) -> str:
        """The scan in the words of an error."""
        kind = "the scan" if self.filter is None else "the filtered scan"
        return f"{kind} of audience {self.slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of members; an empty `next` ends the scan."""

    members: list[dict[str, Any]]
    next: str
    total: int | None


class Client:
    """Lytics' API, as far as the tap needs it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def audiences(self) -> list[Audience]:
        """List the account's audiences."""
        return [to_audience(row) for row in self._segments() if is_audience(row)]

    def look(self, name: str) -> Look | None:
        """Look at one audience, by slug or id; None if there is none of that name."""
        call = Call(
            method="GET",
            path=f"/v2/segment/{quote(name, safe='')}",
            query={"sizes": "true"},
            what=f"the look at audience {name}",
        )

        def read(answer: Answer) -> Look | None:
            if answer.status in {400, 404}:
                return None
            row = _content(call, answer).get("data")
            if not isinstance(row, dict) or not is_audience(row):
                return None
            return Look(audience=to_audience(row), at=answer.at)

        return self._transport.send(call, read)

    def fields(self) -> tuple[Field, ...]:
        """List the fields of the account's user table, identities first."""
        call = Call(
            method="GET", path="/api/schema/user", what="the account's user fields"
        )

        def read(answer: Answer) -> tuple[Field, ...]:
            table = _content(call, answer).get("data")
            if not isinstance(table, dict):
                raise RetriableError(_malformed(call, answer), finally_=ProtocolError)
            return to_fields(table)

        return self._transport.send(call, read)

    def page(self, scan: Scan, cursor: str) -> Page:
        """Fetch one page; an empty cursor fetches the first.

        Raises:
            StaleCursorError: when Lytics does not take the cursor.
            AudienceError: when the audience went away meanwhile.
            ProtocolError: for a refused filter, or a page malformed on every try.
        """
        call = _scan_call(scan, cursor)

        def read(answer: Answer) -> Page:
            if answer.status in STALE and cursor:
                raise StaleCursorError(
                    f"Lytics does not take the cursor of {call.what}."
                )
            if answer.status == 404:  # noqa: PLR2004
                raise AudienceError(
                    f"The audience {scan.slug} went away while it was scanned."
                )
            return _page(call, answer)

        return self._transport.send(call, read)

    def _segments(self) -> Iterator[Any]:
        cursor = ""
        for _ in range(MAX_LIST_PAGES):
            query = {"table": "user", "kind": "segment", "sizes": "true"}
            call = Call(
                method="GET",
                path="/v2/segment",
                query={**query, "start": cursor} if cursor else query,
                what="the list of audiences",
            )
            content = self._transport.send(call, partial(_content, call))
            yield from content.get("data") or ()
            cursor = str(content.get("_next") or "")
            if not cursor:
                return


def _scan_call(scan: Scan, cursor: str) -> Call:
    query = {"limit": str(scan.limit)}
    if cursor:
        query["start"] = cursor
    if scan.fields:
        query["fields"] = ",".join(scan.fields)
    what = scan.what + (f" at cursor {cursor}" if cursor else " at its first page")
    if scan.filter is None:
        path = f"/api/segment/{quote(scan.slug, safe='')}/scan"
        return Call(method="GET", path=path, query=query, what=what)
    return Call(
        method="POST",
        path="/api/segment/scan",
        query={"table": "user", **query},
        what=what,
        body=scan.filter,
    )


def _content(call: Call, answer: Answer) -> Mapping[str, Any]:
    if answer.status != OK:
        raise ProtocolError(f"Lytics answered {answer.status} to {call.what}.")
    try:
        content = msgspec.json.decode(answer.body)
    except msgspec.MsgspecError:
        content = None
    if not isinstance(content, dict):
        raise RetriableError(_malformed(call, answer), finally_=ProtocolError)
    return content


def _page(call: Call, answer: Answer) -> Page:
    content = _content(call, answer)
    members, total = content.get("data"), content.get("total")
    if members is None and total == 0:
        members = []  # Go writes an empty list that was never filled as null.
    if not isinstance(members, list) or not all(isinstance(m, dict) for m in members):
        raise RetriableError(_malformed(call, answer), finally_=ProtocolError)
    return Page(
        members=members,
        next=str(content.get("_next") or ""),
        total=total if isinstance(total, int) else None,
    )


def _malformed(call: Call, answer: Answer) -> str:
    return f"Lytics answered {answer.status} with a malformed page to {call.what}."
