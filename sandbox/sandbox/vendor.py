"""A vendor's way with a call: let it in, carry it out, answer, write it down."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from .journal import Entry
from .messages import Answer, Request, to_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clock import Clock
    from .faults import Fault, Faults
    from .journal import Journal, Side


class _Answered(msgspec.Struct):
    data: list[msgspec.Raw]


ANSWERED = msgspec.json.Decoder(_Answered)  # Counts rows without reading them.
SENT = msgspec.json.Decoder(list[msgspec.Raw])


class Vendor(ABC):
    """What Lytics and BigCommerce have in common here. No I/O.

    A call has two ends, so that a simulation can let time pass in between:
    `begin` admits it, `Call.finish` carries it out; `handle` does both at once.
    """

    side: ClassVar[Side]

    def __init__(self, clock: Clock, faults: Faults, journal: Journal) -> None:
        self.clock = clock
        self.faults = faults
        self.journal = journal
        self.lock = RLock()

    def handle(
        self,
        method: str,
        path: str,
        query: str | Mapping[str, Any] = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
    ) -> Answer:
        """Answer a call at once."""
        return self.begin(to_request(method, path, query, headers, body)).finish()

    def begin(self, request: Request) -> Call:
        """Let a call in, or refuse it at the door."""
        with self.lock:
            self.settle()
            at = self.clock.now()
            refusal = self.admit(request)
            fault = None if refusal else self._pick_fault(request)
        return Call(self, request, at=at, refusal=refusal, fault=fault)

    def _pick_fault(self, request: Request) -> Fault | None:
        route = f"{request.method} {self.short_path(request.path)}"
        return self.faults.pick(route, lambda kind: self.can_have(kind, request))

    @abstractmethod
    def settle(self) -> None:
        """Catch up with the clock."""

    @abstractmethod
    def admit(self, request: Request) -> Answer | None:
        """Refuse a call, or count it as under way."""

    @abstractmethod
    def release(self, request: Request) -> None:
        """End an admitted call."""

    @abstractmethod
    def work(self, request: Request) -> Answer:
        """Carry a call out."""

    @abstractmethod
    def dress(self, answer: Answer, fault: str) -> Answer:
        """Add the headers that every answer bears."""

    @abstractmethod
    def can_have(self, kind: str, request: Request) -> bool:
        """Say whether a kind of fault makes sense for a call."""

    @abstractmethod
    def fail(self, fault: Fault) -> Answer:
        """Answer a call that goes wrong and is not carried out."""

    @abstractmethod
    def short_path(self, path: str) -> str:
        """The path as faults and the journal name it."""

    @abstractmethod
    def endpoint(self, path: str) -> str:
        """The path with ids left out."""

    @abstractmethod
    def extra_keys(self, request: Request) -> tuple[str, ...]:
        """Name what a write sent that the vendor does not take."""

    @property
    @abstractmethod
    def keeps_bodies(self) -> bool:
        """Whether the journal remembers what writes sent."""

    @abstractmethod
    def spoil(self, answer: Answer, fault: Fault, request: Request) -> Answer:
        """Let a call that was carried out answer wrongly."""


class Call:
    """A call under way."""

    def __init__(
        self,
        vendor: Vendor,
        request: Request,
        *,
        at: float,
        refusal: Answer | None,
        fault: Fault | None,
    ) -> None:
        self._vendor = vendor
        self._request = request
        self._at = at
        self._refusal = refusal
        self._fault = fault

    @property
    def refused(self) -> bool:
        """The call was turned away at the door."""
        return self._refusal is not None

    def finish(self) -> Answer:
        """Carry the call out, if it was let in, and write it down."""
        with self._vendor.lock:
            self._vendor.settle()
            answer = self._refusal or self._carried_out()
            kind = self._fault.kind if self._fault else ""
            answer = self._vendor.dress(answer, kind)
            self._write_down(answer, kind)
        return answer

    def _carried_out(self) -> Answer:
        vendor, fault = self._vendor, self._fault
        vendor.release(self._request)
        if fault and fault.before:
            return vendor.fail(fault)
        answer = vendor.work(self._request)
        return vendor.spoil(answer, fault, self._request) if fault else answer

    def _write_down(self, answer: Answer, fault: str) -> None:
        vendor, request = self._vendor, self._request
        entry = Entry(
            n=vendor.journal.total + 1,
            at=self._at,
            side=vendor.side,
            method=request.method,
            path=vendor.short_path(request.path),
            endpoint=f"{request.method} {vendor.endpoint(request.path)}",
            query=request.query,
            status=answer.status,
            rows=_rows(request, answer),
            fault=fault,
            extra_keys=vendor.extra_keys(request),
            body=request.body if vendor.keeps_bodies else b"",
        )
        vendor.journal.add(entry)


def _rows(request: Request, answer: Answer) -> int:
    try:
        if request.method == "GET":
            return len(ANSWERED.decode(answer.body).data)
        return len(SENT.decode(request.body))
    except msgspec.DecodeError:
        return 0  # Not JSON, or not rows.


def spoiled(answer: Answer, fault: Fault) -> Answer:
    """Spoil an answer in the ways that both vendors share."""
    if fault.kind == "slow":
        return replace(answer, delay=fault.seconds or 0.0)
    if fault.kind == "cut_after":
        return replace(answer, ending="cut")
    if fault.kind == "truncated":
        return replace(answer, ending="truncated")
    if fault.kind == "not_json":
        return replace(answer, body=b"<html>Bad gateway</html>")
    if fault.kind == "empty_body":
        return replace(answer, body=b"")
    return answer


def failed(fault: Fault) -> Answer | None:
    """Answer in the ways of failing that both vendors share."""
    if fault.kind == "cut":
        return Answer(status=0, ending="cut")
    if fault.kind == "redirect":
        return Answer(status=302, headers={"Location": fault.to})
    return None
