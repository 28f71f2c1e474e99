"""Responses as bytes on the wire, of which everything can be wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.http import Json, Response

CLOSE = (b"Connection", b"close")
FRAMING = {b"Content-Length", b"Transfer-Encoding"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInfo:
    """The request of a response: its kind, its cursor, and the cursors before it."""

    kind: str
    cursor: str
    number: int
    earlier_cursors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WireResponse:
    """A response as bytes.

    Args:
        head: all in front of the headers; of an aborted response, all there is.
        headers: names and values, as sent.
        body: the body, as sent.
        is_json: whether it is certain how a reader parses the body.
        is_aborted: whether the connection is closed after `head`.
    """

    head: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    is_json: bool = True
    is_aborted: bool = False

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.head.split()[1])

    def to_bytes(self) -> bytes:
        """Return its bytes; the length is added unless a header is about it."""
        if self.is_aborted:
            return self.head
        headers = self.headers
        if not FRAMING & {name for name, _ in headers}:
            headers = (*headers, (b"Content-Length", str(len(self.body)).encode()))
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        return self.head + lines + b"\r\n" + self.body

    def to_last(self) -> bytes:
        """Return its bytes as the last response of its connection."""
        return replace(self, headers=(*self.headers, CLOSE)).to_bytes()


def to_wire(response: Response) -> WireResponse:
    """Convert a response of the sandbox."""
    return WireResponse(
        head=status_line(response.status),
        headers=to_headers(response.headers),
        body=response.body,
    )


def status_line(status: object) -> bytes:
    """Return a status line."""
    return f"HTTP/1.1 {status} Reason\r\n".encode()


def to_headers(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Encode headers."""
    return tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in headers.items())


def parse_json(body: bytes) -> Json:
    """Parse a body as the tap does; None if it is not JSON."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
