"""An HTTP sender to a Lytics account in this process, and scans cut off on it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from singer_kit.errors import ShutdownRequestedError
from singer_kit.http import HttpResponse
from tap_lytics.transport import ApiRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Sandbox

ID = "bigcommerce_customer_id"  # The field that has it.


def is_scan(request: ApiRequest) -> bool:
    """Whether a request is for a page of members."""
    return request.path.endswith("/scan")


class InProcess:
    """Sends to an account in this process; `before` runs before every request."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self.before: Callable[[ApiRequest], None] = lambda _: None

    def send(
        self, method: str, target: str, *, body: bytes | None, content_type: str
    ) -> HttpResponse:
        """Respond at once."""
        request = read_request(method, target, body)
        self.before(request)
        answer = self._box.lytics.handle(
            method,
            request.path,
            request.query,
            {
                "Authorization": self._box.options.lytics_token,
                "Content-Type": content_type if body else "",
            },
            request.body or "",
        )
        return HttpResponse(
            status=answer.status, headers=answer.headers, body=answer.body
        )

    def close(self) -> None:
        """Nothing is open."""

    @contextmanager
    def cut_off(self, *, at_scan: int) -> Iterator[None]:
        """Cut off the run within as it requests this page, the first one being 1."""
        scans: list[ApiRequest] = []

        def cut(request: ApiRequest) -> None:
            scans.extend([request] if is_scan(request) else [])
            if len(scans) == at_scan:
                raise ShutdownRequestedError

        self.before = cut
        with pytest.raises(ShutdownRequestedError):
            yield
        self.before = lambda _: None


def read_request(method: str, target: str, body: bytes | None) -> ApiRequest:
    """Read what was sent."""
    path, _, query = target.partition("?")
    return ApiRequest(
        method=method,
        path=path,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        body=None if body is None else body.decode(),
    )
