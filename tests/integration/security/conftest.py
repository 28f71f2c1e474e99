"""A server that may answer anything, and what a log has to look like."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Hostile = Callable[..., str]


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """Serve one answer to everything; gives the address."""
    with ExitStack() as stack:

        def serve(status: int, body: str | bytes, **headers: str) -> str:
            content = body.encode() if isinstance(body, str) else body
            return stack.enter_context(_serving(status, content, headers))

        yield serve


@contextmanager
def _serving(status: int, body: bytes, headers: dict[str, str]) -> Iterator[str]:
    class Answering(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - http.server's

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
