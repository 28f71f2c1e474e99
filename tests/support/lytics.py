"""HTTP senders to a Lytics account in this process, and scans that misbehave."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from singer_kit.errors import ShutdownRequestedError
from singer_kit.http import HttpResponse
from tap_lytics.transport import ApiRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Sandbox
    from support.tap_job import Job


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
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
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


class Twisted:
    """An HTTP sender whose responses to scans are not as Lytics gave them.

    `twist` gets the number of a page requested, from 1, and its content.
    """

    def __init__(self, job: Job) -> None:
        self._honest = job.sender
        self.twist: Callable[[int, dict[str, Any]], object] = lambda *_: None
        self.asked_twice: set[int] = set()
        self.scans: list[ApiRequest] = []
        job.sender = self

    def send(
        self,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> HttpResponse:
        """Respond with a twist."""

        def send() -> HttpResponse:
            response: HttpResponse = self._honest.send(
                method, target, body=body, content_type=content_type
            )
            return response

        request = read_request(method, target, body)
        if not is_scan(request):
            return send()
        self.scans.append(request)
        if len(self.scans) in self.asked_twice:
            send()  # Its response is lost.
        return self._spoilt(send())

    def close(self) -> None:
        """Nothing is open."""

    @property
    def begun(self) -> int:
        """How many full syncs started at their first page."""
        firsts = [c for c in self.scans if not (c.query or {}).get("start")]
        return len([call for call in firsts if "_modified" not in (call.body or "")])

    def _spoilt(self, response: HttpResponse) -> HttpResponse:
        content = json.loads(response.body)
        self.twist(len(self.scans), content)
        return replace(response, body=json.dumps(content).encode())


def ends_at(page: int) -> Callable[[int, dict[str, Any]], object]:
    """Let a page be empty and the last one, though its total says otherwise."""

    def twist(number: int, content: dict[str, Any]) -> None:
        if number == page:
            content.update(data=[], _next="")

    return twist
