"""What the tap asks of Lytics: audiences, fields and pages of members."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from .answers import Page, to_list, to_one, to_page, to_table
from .errors import AudienceError, ProtocolError, StaleCursorError
from .transport import Answer, Call, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from .account import Audience, Field

STALE = frozenset({400, 404, 410})  # Seen, or plausible, for a cursor no longer known.
TOKEN = re.compile(r"[A-Za-z0-9_=-]{1,200}")
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


class Client:
    """Lytics' API, as far as the tap needs it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def audiences(self) -> list[Audience]:
        """List the account's audiences."""
        return list({each.id: each for each in self._listed()}.values())

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
            audience = to_one(call, answer)
            return None if audience is None else Look(audience=audience, at=answer.at)

        return self._transport.send(call, read)

    def fields(self) -> tuple[Field, ...]:
        """List the fields of the account's user table, identities first."""
        call = Call(
            method="GET", path="/api/schema/user", what="the account's user fields"
        )
        return self._transport.send(call, partial(to_table, call))

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
            return to_page(call, answer)

        return self._transport.send(call, read)

    def _listed(self) -> Iterator[Audience]:
        cursor, asked = "", {""}
        while len(asked) <= MAX_LIST_PAGES:
            query = {"table": "user", "kind": "segment", "sizes": "true"}
            call = Call(
                method="GET",
                path="/v2/segment",
                query={**query, "start": cursor} if cursor else query,
                what="the list of audiences",
            )
            audiences, cursor = self._transport.send(call, partial(to_list, call))
            yield from audiences
            if cursor in asked:  # None, or one that leads back.
                return
            asked.add(cursor)
        raise ProtocolError(
            f"Lytics' list of audiences has no end: {MAX_LIST_PAGES} pages came of it."
        )


def _scan_call(scan: Scan, cursor: str) -> Call:
    query = {"limit": str(scan.limit)}
    if cursor:
        query["start"] = cursor
    if scan.fields:
        query["fields"] = ",".join(scan.fields)
    # Nobody can say what a server puts into a cursor: only what looks like a token is
    # told.
    told = f" at cursor {cursor}" if TOKEN.fullmatch(cursor) else " at a later page"
    what = scan.what + (told if cursor else " at its first page")
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
