"""Serves the vendors over HTTP: an ASGI app, and uvicorn's protocol in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .http import to_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from .http import Request, Response, Vendor

LOOPBACK = "127.0.0.1"
BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class App:
    """An ASGI application: finds the vendor of a path and sends its response.

    Args:
        vendor_of: returns the vendor of a path, None for the control API.
        control: handles a call of the control API.
        latency: returns the seconds that a vendor's call takes.
    """

    def __init__(
        self,
        vendor_of: Callable[[str], Vendor | None],
        control: Callable[[Request], Response],
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
        response = await self._handle(request)
        if response.delay:
            await asyncio.sleep(response.delay)
        await _send(response, send)

    async def _handle(self, request: Request) -> Response:
        vendor = self._vendor_of(request.path)
        if vendor is None:
            return self._control(request)
        began, call = time.monotonic(), vendor.begin(request)
        latency = self._latency()
        if not latency:
            return call.finish()
        if vendor.limits_calls_in_flight:
            await asyncio.sleep(latency)
            return call.finish()
        response = call.finish()  # The time that this takes is part of the latency.
        await asyncio.sleep(max(began + latency - time.monotonic(), 0))
        return response


async def _send(response: Response, send: Send) -> None:
    if response.ending == "cut":
        # ASGI has no way to break a connection; `send` is a method of uvicorn's cycle.
        send.__self__.transport.abort()  # type: ignore[attr-defined]  # see above
        return
    headers = [
        (name.lower().encode(), value.encode("latin-1"))
        for name, value in response.headers.items()
    ]
    if response.status not in BODILESS:
        headers.append((b"content-length", str(len(response.body)).encode()))
    body = response.body
    if response.ending == "truncated":
        body = body[: len(body) // 2]
    await send(
        {"type": "http.response.start", "status": response.status, "headers": headers}
    )
    if response.byte_seconds:
        await _drip(body, response.byte_seconds, send)
        body = b""
    more = response.ending == "truncated"
    await send({"type": "http.response.body", "body": body, "more_body": more})
    if more:
        send.__self__.transport.close()  # type: ignore[attr-defined]  # as above


async def _drip(body: bytes, seconds: float, send: Send) -> None:
    for at in range(len(body)):
        part = {"type": "http.response.body", "body": body[at : at + 1]}
        await send({**part, "more_body": True})
        await asyncio.sleep(seconds)


def _bind(port: int) -> socket.socket:
    # uvicorn.Config.bind_socket exits the process when the port is in use.
    # asyncio sets TCP_NODELAY only on sockets whose protocol is IPPROTO_TCP.
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

    `uvicorn.Server` takes 0.2 seconds to stop, too long for hundreds of tests, and
    nothing here needs a graceful stop.
    """

    def __init__(self, app: App, port: int) -> None:
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
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start serving; returns once connections are accepted."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Close all connections and wait for the thread to end."""
        self._loop.call_soon_threadsafe(self._stopping.set)
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
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for connection in state.connections:
            if isinstance(connection, H11Protocol):
                connection.transport.abort()
        for task in state.tasks:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
