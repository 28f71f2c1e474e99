"""A request and an answer, free of any transport."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import parse_qsl, urlencode

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Ending = Literal["whole", "cut", "truncated"]
JSON_TYPE = "application/json"
Json: TypeAlias = Any  # Whatever a JSON text can hold; said once, checked nowhere.


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call as a vendor sees it; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    url_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back; `ending` and `delay` (seconds) are for the transport.

    Unpacks as `status, headers, body`.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    ending: Ending = "whole"
    delay: float = 0.0

    def __iter__(self) -> Iterator[Any]:
        return iter((self.status, self.headers, self.body))

    def json(self) -> Json:
        """Read the body."""
        return msgspec.json.decode(self.body)


def to_request(
    method: str,
    path: str,
    query: str | Mapping[str, Any] = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | str = b"",
) -> Request:
    """Build a request from what a client would send; `query` may be encoded text."""
    text = query if isinstance(query, str) else urlencode(query, safe=":,@")
    return Request(
        method=method.upper(),
        path=path,
        query=dict(parse_qsl(text, keep_blank_values=True)),
        headers={name.lower(): value for name, value in (headers or {}).items()},
        body=body.encode() if isinstance(body, str) else body,
        url_length=len(path) + len(text) + 1,
    )


def json_answer(status: int, content: object, **headers: str) -> Answer:
    """Answer with JSON; underscores in header names become hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status=status,
        headers={"Content-Type": JSON_TYPE, **named},
        body=msgspec.json.encode(content),
    )
