"""Connects the target to the store without a socket."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from requests.structures import CaseInsensitiveDict

from sandbox.http import Request, to_request
from singer_kit.errors import NoResponseError
from singer_kit.http import HttpResponse

from .world import DeadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Options
    from sandbox.bigcommerce.store import Store
    from sandbox.http import Call, Response

    from .monitor import StoreMonitor
    from .world import World

TIMEOUT_SECONDS = 60.0  # The default of request_timeout_seconds.


class Wire:
    """Passes requests to the store and returns or loses the responses.

    Args:
        world: advances the time.
        store: processes the requests.
        monitor: checks the store.
        width: maximum number of requests in flight.
    """

    def __init__(
        self, world: World, store: Store, monitor: StoreMonitor, width: int
    ) -> None:
        self._world = world
        self._store = store
        self._monitor = monitor
        self._width = width
        self._in_flight = 0
        self.most_at_once = 0

    def open(self, *_: object, **__: object) -> Connection:
        """Open the session of a thread."""
        return Connection(self, self._store.options)

    def carry(self, request: Request) -> HttpResponse:
        """Process a request.

        Raises:
            NoResponseError: when the response is lost, slow or truncated.
        """
        if self._world.signalled is not None:
            self._world.violate("a request starts after a signal")
        self._world.step()
        with self._one_more():
            response = self._respond(request)
            seconds = response.delay + response.byte_seconds * len(response.body)
            self._world.advance(min(seconds, TIMEOUT_SECONDS))
        if seconds > TIMEOUT_SECONDS:
            raise NoResponseError("ReadTimeout")
        if response.ending != "whole":
            raise NoResponseError(response.ending)
        return HttpResponse(
            status=response.status,
            headers=CaseInsensitiveDict(response.headers),
            body=response.body,
        )

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        thread = self._world.scheduler.current
        thread.is_in_call = True
        self._in_flight += 1
        self.most_at_once = max(self.most_at_once, self._in_flight)
        try:
            if self._in_flight > self._width:
                self._world.violate("more than max_in_flight requests are in flight")
            yield
        finally:
            self._in_flight -= 1
            thread.is_in_call = False

    def _respond(self, request: Request) -> Response:
        call = self._store.begin(request)
        try:
            self._world.advance(self._world.rng.uniform(0.0, 0.4))
        except DeadError:
            self._finish(call, request)  # The store processes what it has received.
            raise
        response = self._finish(call, request)
        self._world.step()  # The response is in transit.
        return response

    def _finish(self, call: Call, request: Request) -> Response:
        self._monitor.before(request)
        response = call.finish()
        self._monitor.after(request)
        return response


class Connection:
    """An HTTP session of the target that uses a `Wire`."""

    def __init__(self, wire: Wire, options: Options) -> None:
        self._wire = wire
        self._path = f"/stores/{options.store_hash}/v3"
        self._token = options.store_token

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        """Process a request."""
        path, _, query = target.partition("?")
        headers = {"X-Auth-Token": self._token, "Content-Type": content_type}
        request = to_request(method, self._path + path, query, headers, body or b"")
        return self._wire.carry(request)

    def close(self) -> None:
        """Do nothing."""
