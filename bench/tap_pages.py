"""Serves pages of a Lytics account that are rendered in advance."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = re.compile(rb"(?i)content-length: (\d+)")
VIP = "vip_customers"
PAGE = 100
DISTINCT = 20  # Rendered pages; they repeat with other email addresses.


class Rendered:
    """Serves rendered pages of `members` members."""

    def __init__(self, members: int) -> None:
        self.pages = members // PAGE
        self.total = members
        box = Sandbox(Options(members=DISTINCT * PAGE))
        token = {"Authorization": box.options.lytics_token}

        def body(path: str, query: str = "") -> bytes:
            return box.lytics.handle("GET", path, query, token).body

        self._fixed = {
            "/api/schema/user": body("/api/schema/user"),
            f"/v2/segment/{VIP}": body(f"/v2/segment/{VIP}", "sizes=true"),
        }
        self._data, start = [], ""
        for _ in range(DISTINCT):
            query = f"limit={PAGE}" + (f"&start={start}" if start else "")
            page = msgspec.json.decode(body(f"/api/segment/{VIP}/scan", query))
            self._data.append(msgspec.json.encode(page["data"]))
            start = page.get("_next") or ""

    def respond(self, target: str) -> bytes:
        """Return the response body for a path and query."""
        parts = urlsplit(target)
        if parts.path in self._fixed:
            return self._fixed[parts.path]
        if parts.path == "/api/segment/scan":
            return b'{"status":200,"_next":"","total":0,"data":[]}'
        number = int(parse_qs(parts.query).get("start", ["0"])[0])
        after = str(number + 1) if number + 1 < self.pages else ""
        head = f'{{"status":200,"_next":"{after}","total":{self.total},"data":'
        data = self._data[number % DISTINCT]
        # A different email makes a different member.
        data = data.replace(b'"email":"', b'"email":"p%d.' % number)
        return head.encode() + data + b"}"

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Respond to the requests of one connection."""
        while True:
            try:
                request = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(request)
                await reader.readexactly(int(length[1]) if length else 0)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()
                return
            body = self.respond(request.split(b" ", 2)[1].decode())
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)


def serve(members: int) -> None:
    """Print the URL and serve until killed."""

    async def run() -> None:
        server = await asyncio.start_server(Rendered(members).serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        print(f"http://{host}:{port}", flush=True)
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def served(members: int) -> Iterator[dict[str, Any]]:
    """Serve members from a process; yield the tap's configuration."""
    command = [sys.executable, __file__, str(members)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
    try:
        assert server.stdout is not None  # noqa: S101 - it is a pipe
        url = server.stdout.readline().strip()
        yield {
            "api_url": url,
            "api_token": "none",
            "audiences": [VIP],
            "existing_users": True,
        }
    finally:
        server.kill()
        server.communicate()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
