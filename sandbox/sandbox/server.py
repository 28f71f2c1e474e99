"""The thin shell: from HTTP to the vendors and back."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .messages import Answer, to_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from .messages import Request
    from .vendor import Vendor

LOOPBACK = "127.0.0.1"
BODILESS = frozenset({204, 304})


class Shell:
    """An ASGI application over whoever answers for a path."""

    def __init__(
        self,
        vendor_of: Callable[[str], Vendor | None],
        control: Callable[[Request], Answer],
        latency: Callable[[], float],
    ) -> None:
        self._vendor_of = vendor_of
        self._control = control
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        http = HttpRequest(scope, receive)
        try:
            body = await http.body()
        except ClientDisconnect:
            return
        query = scope["query_string"].decode("latin-1")
        request = to_request(
            http.method, http.url.path, query, dict(http.headers), body
        )
        answer = await self._answer(request)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        await _send(answer, send)

    async def _answer(self, request: Request) -> Answer:
        vendor = self._vendor_of(request.path)
        if vendor is None:
            return self._control(request)
        call = vendor.begin(request)
        latency = self._latency()
        if latency:
            await asyncio.sleep(latency)
        return call.finish()


async def _send(answer: Answer, send: Send) -> None:
    if answer.ending == "cut":
        # The bound method's owner is uvicorn's cycle: the one way to its socket.
        send.__self__.transport.abort()  # type: ignore[attr-defined]  # see above
        return
    headers = [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in answer.headers.items()
    ]
    if answer.status not in BODILESS:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    body = answer.body
    if answer.ending == "truncated":
        body = body[: len(body) // 2]
    await send(
        {"type": "http.response.start", "status": answer.status, "headers": headers}
    )
    more = answer.ending == "truncated"
    await send({"type": "http.response.body", "body": body, "more_body": more})
    if more:
        send.__self__.transport.close()  # type: ignore[attr-defined]  # as above


def _bind(port: int) -> socket.socket:
    # Uvicorn's own way to bind ends the process when the port is taken.
    # The protocol is named, as asyncio sends small packets at once only then.
    tcp = socket.IPPROTO_TCP
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, tcp)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError:
        listening.close()
        raise
    return listening


class Server:
    """Uvicorn's protocol in a thread, on a loopback port.

    Uvicorn's own server takes a fifth of a second to stop, which hundreds of tests
    would wait for; nothing here needs a graceful end.
    """

    def __init__(self, app: Shell, port: int) -> None:
        self._config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            timeout_keep_alive=300,
        )
        self._socket = _bind(port)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Serve until stopped; returns once connections are taken."""
        self._thread.start()
        self._open.wait()

    def stop(self) -> None:
        """Break all connections and wait for the thread."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._config.load()
        state = ServerState()
        server = await self._loop.create_server(
            lambda: H11Protocol(self._config, state, {}, self._loop),
            sock=self._socket,
        )
        self._open.set()
        await self._over.wait()
        server.close()
        for connection in state.connections:
            if isinstance(connection, H11Protocol):
                connection.transport.abort()
        for task in state.tasks:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
