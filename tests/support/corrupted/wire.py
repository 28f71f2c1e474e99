"""An answer as it goes over the wire, with room for everything to be wrong."""

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
class Asked:
    """What the answer is to: the call's kind and cursor, and those that came before."""

    kind: str
    start: str
    number: int
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """An answer: `head` is all in front of the headers; one that is cut is that alone.

    `is_json` while it is certain what a reader makes of it.
    """

    head: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    is_json: bool = True
    is_cut: bool = False

    @property
    def status(self) -> int:
        """The status, as far as there is one."""
        return int(self.head.split()[1])

    def to_bytes(self) -> bytes:
        """Write it out; the length is the body's unless a header lies about it."""
        if self.is_cut:
            return self.head
        headers = self.headers
        if not FRAMING & {name for name, _ in headers}:
            headers = (*headers, (b"Content-Length", str(len(self.body)).encode()))
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        return self.head + lines + b"\r\n" + self.body

    def to_last(self) -> bytes:
        """Write it out as the last one of its connection."""
        return replace(self, headers=(*self.headers, CLOSE)).to_bytes()


def to_wire(answer: Response) -> Wire:
    """Take an answer of the sandbox."""
    return Wire(
        head=status_line(answer.status),
        headers=to_headers(answer.headers),
        body=answer.body,
    )


def status_line(status: object) -> bytes:
    """Write the first line of an answer."""
    return f"HTTP/1.1 {status} Said\r\n".encode()


def to_headers(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Write headers."""
    return tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in headers.items())


def read(body: bytes) -> Json:
    """Read a body as the tap's parser does; None for what is no JSON."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
