"""Serves a sandbox's Lytics over plain sockets, with answers that go wrong."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from .plans import Garbled
from .wire import Asked, Wire, to_wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox import Sandbox

    from .plans import Spoil

MOST_CALLS = 1500  # Of one run; more is a run without an end.


@dataclass(slots=True)
class Served:
    """What one run asked for and got; an answer is None beyond all patience."""

    plan: Garbled
    answers: list[tuple[Asked, Wire]] = field(default_factory=list)

    @property
    def is_endless(self) -> bool:
        """Whether the run asked on and on."""
        return len(self.answers) >= MOST_CALLS


class GarbledLytics:
    """One server for many runs; each has an address of its own, as calls linger."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self._served: dict[str, Served] = {}
        self._runs = 0
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def begin(self, spoils: Iterable[Spoil]) -> tuple[str, Served]:
        """Begin a run: its address, and what it is going to be served."""
        self._runs += 1
        served = Served(Garbled(tuple(spoils), Counter()))
        self._served = {f"/run{self._runs}": served}
        return f"http://127.0.0.1:{self._server.server_port}/run{self._runs}", served

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[bytes, bool]:
        """Answer a call of the run under way (of an earlier one, not at all).

        The second is whether the connection can be used again.
        """
        _, run, rest = path.split("/", 2)
        served = self._served.get(f"/{run}")
        if served is None or served.is_endless:
            return b"", False
        parts = urlsplit(f"/{rest}")
        answer = self.box.lytics.handle(method, parts.path, parts.query, headers, body)
        asked = _asked(parts.path, parts.query, [each for each, _ in served.answers])
        good = to_wire(answer)
        wire = served.plan.on(good, asked)
        served.answers.append((asked, wire))
        return (good.to_bytes(), True) if wire is good else (wire.to_last(), False)


def _asked(path: str, query: str, before: Sequence[Asked]) -> Asked:
    kind = "schema" if "schema" in path else "list"
    kind = "look" if path.startswith("/v2/segment/") else kind
    kind = "scan" if path.endswith("/scan") else kind
    starts = [each.start for each in before if each.start and each.kind == kind]
    return Asked(
        kind=kind,
        start=parse_qs(query).get("start", [""])[0],
        number=len(before),
        earlier=tuple(dict.fromkeys(starts)),
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], lytics: GarbledLytics) -> None:
        self.lytics = lytics
        super().__init__(address, _Handler)

    def handle_error(self, *_: Any) -> None:  # noqa: ANN401 - a broken pipe, mostly
        """Say nothing: the tap may hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 5  # Connections that nobody uses any more are not kept.

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer, is_good = self.server.lytics.answer(
            self.command, self.path, dict(self.headers), body
        )
        self.close_connection = not is_good  # Whatever length was told, this is all.
        self.wfile.write(answer)

    do_GET = do_POST = _answer  # noqa: N815 - http.server's

    def log_message(self, *_: object) -> None:
        """Say nothing."""
