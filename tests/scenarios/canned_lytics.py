"""A proxy in front of Lytics that replaces some responses with canned ones."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from typing_extensions import override

if TYPE_CHECKING:
    from socketserver import BaseServer

RESPONSE_SEPARATOR = b"\n# And then\n"
FOREVER = 10_000
HOP_BY_HOP = {"transfer-encoding", "connection", "content-length"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Canned:
    """Which responses are replaced, and by what.

    Args:
        kind: `audience`, `audiences`, `schema` or `scan`.
        responses: used in turn; a body of `=` means the real body.
        first: number of real responses before them.
        times: number of responses replaced.
    """

    kind: str
    responses: tuple[bytes, ...]
    first: int = 0
    times: int = FOREVER

    @classmethod
    def read(cls, content: bytes, *, kind: str, first: int, times: int) -> Canned:
        """Parse the responses of a corpus case."""
        responses = tuple(content.removesuffix(b"\n").split(RESPONSE_SEPARATOR))
        return cls(kind=kind, responses=responses, first=first, times=times)

    def instead_of(self, number: int, body: bytes) -> bytes | None:
        """Return the replacement for the n-th response of its kind, if any."""
        if not self.first <= number < self.first + self.times:
            return None
        text = self.responses[(number - self.first) % len(self.responses)]
        head, _, given = text.partition(b"\n\n")
        sent = body if given == b"=" else given
        lines = [*head.split(b"\n"), b"Connection: close"]
        names = {line.partition(b":")[0].lower() for line in lines}
        if not names & {b"content-length", b"transfer-encoding"}:
            lines.append(b"Content-Length: %d" % len(sent))
        return b"\r\n".join(lines) + b"\r\n\r\n" + sent


class CannedLytics(ThreadingHTTPServer):
    """Forwards requests and returns the real or the canned response."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, lytics: str, canned: Canned) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._lytics = urlsplit(lytics).netloc
        self._canned = canned
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def start(self) -> None:
        """Serve until stopped."""
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()

    @override
    def handle_error(self, *_: Any) -> None:
        """Ignore errors: the tap may close the connection."""

    def respond(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[bytes, bool]:
        """Return the response, and whether the connection stays open."""
        kind = kind_of(path)
        with self._lock:
            number = self._counts[kind]
            self._counts[kind] += 1
        connection = HTTPConnection(self._lytics, timeout=30)
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if kind == self._canned.kind:
            instead = self._canned.instead_of(number, content)
            if instead is not None:
                return instead, False
        lines = [f"HTTP/1.1 {response.status} {response.reason}"]
        for name, value in response.getheaders():
            if name.lower() not in HOP_BY_HOP:
                lines.append(f"{name}: {value}")
        lines.append(f"Content-Length: {len(content)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + content, True


def kind_of(path: str) -> str:
    """Return the kind of call that a path is for."""
    path = path.partition("?")[0]
    if path.endswith("/scan"):
        return "scan"
    if "schema" in path:
        return "schema"
    return "audience" if path.startswith("/v2/segment/") else "audiences"


class _Handler(BaseHTTPRequestHandler):
    server: BaseServer
    protocol_version = "HTTP/1.1"
    timeout = 5

    def _respond(self) -> None:
        assert isinstance(self.server, CannedLytics)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        response, keeps_open = self.server.respond(
            self.command, self.path, dict(self.headers), body
        )
        self.close_connection = not keeps_open
        self.wfile.write(response)

    do_GET = do_POST = _respond  # noqa: N815 - http.server's

    @override
    def log_message(self, *_: object) -> None:
        """Log nothing."""
