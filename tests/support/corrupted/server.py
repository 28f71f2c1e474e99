"""Serves a sandbox's Lytics over plain sockets, with responses that are corrupted.

Which responses are corrupted and how is drawn from seeds, so that a run is repeatable.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from .http_corruptions import HTTP
from .json_corruptions import FALSE, TRUTHFUL, is_near_depth_limit, to_bytes
from .wire import RequestInfo, WireResponse, parse_json, to_wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sandbox import Sandbox

REQUEST_KINDS = ("audience", "schema", "scan", "audiences", "any")
CORRUPTIONS = (*FALSE, *TRUTHFUL, *HTTP)
ALWAYS = 10**6
MAX_REQUESTS = 1500  # Of one run; more is a run that does not end.
RESPONSE_SEPARATOR = b"\n# And then\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """Corrupts responses of one kind.

    Args:
        name: one of CORRUPTIONS.
        kind: the kind of the requests, one of REQUEST_KINDS.
        first: number of responses of this kind before the first corrupted one.
        times: number of responses that are corrupted.
        seed: of the random choices.
    """

    name: str
    kind: str = "any"
    first: int = 0
    times: int = 1
    seed: int = 0

    @property
    def is_truthful(self) -> bool:
        """Whether it says nothing false of the members and their number."""
        return self.name not in FALSE

    def applies_to(self, request: RequestInfo, number: int) -> bool:
        """Whether it corrupts the n-th response of this kind."""
        is_kind = self.kind in {request.kind, "any"}
        return is_kind and self.first <= number < self.first + self.times

    def apply(
        self, response: WireResponse, request: RequestInfo, number: int
    ) -> WireResponse:
        """Return the corrupted response."""
        random = Random(f"{self.seed}:{number}")  # noqa: S311 - repeatable
        if self.name in HTTP:
            return HTTP[self.name](response, random)
        content = parse_json(response.body)
        if not isinstance(content, dict) or not content:
            return response
        corrupt = FALSE.get(self.name) or TRUTHFUL[self.name]
        body = to_bytes(corrupt(content, random, request))
        is_json = response.is_json and not is_near_depth_limit(body)
        return replace(response, body=body, is_json=is_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedResponses(Corruption):
    """Replaces responses by those of a corpus case, in turn.

    A response is its status line, headers, an empty line and the body, with plain line
    ends. A body of `=` stands for the body that is replaced.
    """

    responses: tuple[bytes, ...]
    name: str = "canned"
    truthful: bool = False

    @classmethod
    def parse(cls, content: bytes, **options: Any) -> CannedResponses:  # noqa: ANN401 - its fields
        """Parse the content of a case."""
        responses = content.removesuffix(b"\n").split(RESPONSE_SEPARATOR)
        return cls(responses=tuple(responses), **options)

    @property
    @override
    def is_truthful(self) -> bool:
        return self.truthful

    @override
    def apply(
        self, response: WireResponse, request: RequestInfo, number: int
    ) -> WireResponse:
        text = self.responses[(number - self.first) % len(self.responses)]
        head, _, body = text.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        parts = [line.partition(b": ")[::2] for line in lines]
        keeps_body = body == b"="
        return replace(
            response,
            head=first + b"\r\n",
            headers=tuple((name, value) for name, value in parts),
            body=response.body if keeps_body else body,
            is_json=keeps_body or parse_json(body) is not None,
        )


@dataclass(slots=True)
class ServedRun:
    """The corruptions of a run, its requests and their responses."""

    corruptions: tuple[Corruption, ...] = ()
    exchanges: list[tuple[RequestInfo, WireResponse]] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    @property
    def is_endless(self) -> bool:
        """Whether the run sends requests without end."""
        return len(self.exchanges) >= MAX_REQUESTS

    @property
    def is_truthful(self) -> bool:
        """Whether no corruption says anything false of the members."""
        return all(each.is_truthful for each in self.corruptions)

    def respond(self, response: WireResponse, request: RequestInfo) -> WireResponse:
        """Return the response, corrupted or as it is."""
        for each in self.corruptions:
            number = self._counts["any" if each.kind == "any" else request.kind]
            if each.applies_to(request, number):
                response = each.apply(response, request, number)
        self._counts.update((request.kind, "any"))
        self.exchanges.append((request, response))
        return response


class CorruptedLytics:
    """A server for many runs, each with its own URL, as late requests may follow."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self._run = ServedRun()
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

    def start_run(self, corruptions: Iterable[Corruption]) -> tuple[str, ServedRun]:
        """Start a run; return its URL, and what it is served."""
        self._runs += 1
        self._run = ServedRun(tuple(corruptions))
        url = f"http://127.0.0.1:{self._server.server_port}/run{self._runs}"
        return url, self._run

    def respond(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[bytes, bool]:
        """Respond to a request of the current run; to one of an earlier run, nothing.

        The second value is whether the connection can be reused.
        """
        _, run, rest = path.split("/", 2)
        if run != f"run{self._runs}" or self._run.is_endless:
            return b"", False
        url = urlsplit(f"/{rest}")
        good = to_wire(
            self.box.lytics.handle(method, url.path, url.query, headers, body)
        )
        earlier = [request for request, _ in self._run.exchanges]
        sent = self._run.respond(good, to_info(url.path, url.query, earlier))
        return (good.to_bytes(), True) if sent is good else (sent.to_last(), False)


def to_info(path: str, query: str, earlier: Sequence[RequestInfo]) -> RequestInfo:
    """Describe a request, given those before it."""
    if path.endswith("/scan"):
        kind = "scan"
    elif "schema" in path:
        kind = "schema"
    else:
        kind = "audience" if path.startswith("/v2/segment/") else "audiences"
    cursors = [each.cursor for each in earlier if each.cursor and each.kind == kind]
    return RequestInfo(
        kind=kind,
        cursor=parse_qs(query).get("start", [""])[0],
        number=len(earlier),
        earlier_cursors=tuple(dict.fromkeys(cursors)),
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], lytics: CorruptedLytics) -> None:
        self.lytics = lytics
        super().__init__(address, _Handler)

    @override
    def handle_error(self, *_: Any) -> None:
        """Ignore errors: the tap may close the connection."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 5  # Seconds after which an idle connection is closed.

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        response, is_reusable = self.server.lytics.respond(
            self.command, self.path, dict(self.headers), body
        )
        self.close_connection = not is_reusable
        self.wfile.write(response)

    do_GET = do_POST = _respond  # noqa: N815 - http.server's

    @override
    def log_message(self, *_: object) -> None:
        """Log nothing."""
