"""Scans whose pages are not as Lytics gave them, in this process."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lytics_in_process import is_scan, read_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from singer_kit.http import HttpResponse
    from tap_lytics.transport import ApiRequest

Job = Any  # Of a conftest, which no module can import.


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
        self, method: str, target: str, *, body: bytes | None, content_type: str
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
