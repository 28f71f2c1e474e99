"""The store behind `requests`, without a socket."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from typing_extensions import override

from sandbox.http import Request, to_request
from target_bigcommerce.api.session import open_session

from .world import DeadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.bigcommerce.store import Store
    from sandbox.http import Response

    from .watch import Watch
    from .world import World


class Wire:
    """Carries requests to the store and answers back, or loses them on the way.

    Args:
        world: lets time pass meanwhile.
        store: answers.
        watch: looks at what the store does.
        width: how many calls there may be at once.
    """

    def __init__(self, world: World, store: Store, watch: Watch, width: int) -> None:
        self._world = world
        self._store = store
        self._watch = watch
        self._width = width
        self._under_way = 0
        self.most_at_once = 0

    def open(self, *given: str) -> requests.Session:
        """Open the target's own session, except for what it is connected to."""
        return VirtualSession(open_session(*given), self)

    def carry(self, request: Request, patience: float) -> requests.Response:
        """Let the store answer.

        Raises:
            requests.RequestException: when the answer is lost, slow or cut.
        """
        if self._world.signalled is not None:
            self._world.violate("a call begins after a signal")
        self._world.touch()
        with self._one_more():
            answer = self._answer(request)
            self._world.pass_by(min(answer.delay, patience))
        if answer.delay > patience:
            raise requests.ReadTimeout
        if answer.ending == "cut":
            raise requests.ConnectionError
        if answer.ending == "truncated":
            raise requests.exceptions.ChunkedEncodingError
        return _to_response(answer)

    @contextmanager
    def _one_more(self) -> Iterator[None]:
        strand = self._world.turns.current
        strand.is_in_call = True
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            if self._under_way > self._width:
                self._world.violate("there are more calls at once than max_in_flight")
            yield
        finally:
            self._under_way -= 1
            strand.is_in_call = False

    def _answer(self, request: Request) -> Response:
        call = self._store.begin(request)
        try:
            self._world.pass_by(self._world.chance.uniform(0.0, 0.4))
        except DeadError:
            call.finish()  # What has reached the store is carried out all the same.
            raise
        self._watch.before(request)
        answer = call.finish()
        self._watch.after(request)
        self._world.touch()  # The answer is on its way.
        return answer


class VirtualSession(requests.Session):
    """Sends what the target's session would send, over a wire."""

    def __init__(self, real: requests.Session, wire: Wire) -> None:
        super().__init__()
        self._real = real
        self._wire = wire

    @override
    def request(  # type: ignore[override]  # only what the transport gives
        self, method: str, url: str, **how: Any
    ) -> requests.Response:
        assert not how["allow_redirects"]
        assert callable(self._real.auth)
        bearer = requests.PreparedRequest()
        bearer.headers = CaseInsensitiveDict({**self._real.headers, **how["headers"]})
        self._real.auth(bearer)
        parts = urlsplit(url)
        request = to_request(
            method, parts.path, parts.query, dict(bearer.headers), how["data"] or b""
        )
        return self._wire.carry(request, patience=how["timeout"][1])


def _to_response(answer: Response) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(answer.headers)
    response._content = answer.body
    return response
