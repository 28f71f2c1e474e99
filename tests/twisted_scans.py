"""Scans whose pages are not as Lytics gave them, in this process."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lytics_in_process import is_scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_lytics.transport import Answer, Call

Job = Any  # Of a conftest, which no module can import.


class Twisted:
    """A transport whose answers to scans are not as Lytics gave them.

    `twist` gets the number of a page asked for, from 1, and its content.
    """

    def __init__(self, job: Job) -> None:
        self._honest = job.transport
        self.twist: Callable[[int, dict[str, Any]], object] = lambda *_: None
        self.asked_twice: set[int] = set()
        self.scans: list[Call] = []
        job.transport = self

    def send(self, call: Call, read: Callable[[Answer], Any]) -> Any:  # noqa: ANN401 - what was read
        """Answer with a twist."""
        if not is_scan(call):
            return self._honest.send(call, read)
        self.scans.append(call)
        number = len(self.scans)
        if number in self.asked_twice:
            self._honest.send(call, lambda answer: answer)  # Its answer is lost.
        return self._honest.send(call, lambda answer: read(self._spoilt(answer)))

    @property
    def begun(self) -> int:
        """How many whole scans began at their first page."""
        firsts = [c for c in self.scans if not (c.query or {}).get("start")]
        return len([call for call in firsts if "_modified" not in (call.body or "")])

    def _spoilt(self, answer: Answer) -> Answer:
        content = json.loads(answer.body)
        self.twist(len(self.scans), content)
        return replace(answer, body=json.dumps(content).encode())


def ends_at(page: int) -> Callable[[int, dict[str, Any]], object]:
    """Let a page be empty and the last one, though its total says otherwise."""

    def twist(number: int, content: dict[str, Any]) -> None:
        if number == page:
            content.update(data=[], _next="")

    return twist
