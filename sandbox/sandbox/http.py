"""HTTP calls without a transport, and the steps of a call at either vendor.

A vendor admits or refuses a call, executes it, applies a fault that replaces or
corrupts the response, adds headers and records the call in the journal. The server and
the in-process tests use the same steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias
from urllib.parse import parse_qsl, urlencode

import msgspec

from .journal import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .clock import Clock
    from .faults import Fault, Faults
    from .journal import Journal, Side
    from .options import Options

Ending = Literal["whole", "cut", "truncated"]
JSON_TYPE = "application/json"
Json: TypeAlias = Any  # Any JSON value: an alias, because ruff rejects a bare Any.


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    url_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response; unpacks as `status, headers, body`.

    `ending` is whether the connection breaks before or within the body, `delay` is
    a wait before the response, `byte_seconds` the time that each byte of the body
    takes; the server applies them.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    ending: Ending = "whole"
    delay: float = 0.0
    byte_seconds: float = 0.0

    def __iter__(self) -> Iterator[Any]:
        return iter((self.status, self.headers, self.body))

    def json(self) -> Json:
        """Decode the body."""
        return msgspec.json.decode(self.body)


def to_request(
    method: str,
    path: str,
    query: str | Mapping[str, Any] = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | str = b"",
) -> Request:
    """Build a request from what a client sends; `query` may be encoded text."""
    text = query if isinstance(query, str) else urlencode(query, safe=":,@")
    return Request(
        method=method.upper(),
        path=path,
        query=dict(parse_qsl(text, keep_blank_values=True)),
        headers={name.lower(): value for name, value in (headers or {}).items()},
        body=body.encode() if isinstance(body, str) else body,
        url_length=len(path) + len(text) + 1,
    )


def json_response(status: int, content: object) -> Response:
    """Build a response with a JSON body."""
    return Response(
        status=status,
        headers={"Content-Type": JSON_TYPE},
        body=msgspec.json.encode(content),
    )


class Vendor(ABC):
    """An HTTP API in process: what Lytics and BigCommerce have in common here.

    A call has two steps, so that time can pass in between and calls can overlap:
    `begin` admits or refuses it, `Call.finish` executes it. `handle` does both.
    """

    side: ClassVar[Side]
    limits_calls_in_flight: ClassVar[bool]

    def __init__(
        self, options: Options, clock: Clock, faults: Faults, journal: Journal
    ) -> None:
        self.options = options
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
    ) -> Response:
        """Start and finish a call."""
        return self.begin(to_request(method, path, query, headers, body)).finish()

    def begin(self, request: Request) -> Call:
        """Admit or refuse a call, and choose its fault."""
        with self.lock:
            self.catch_up()
            at = self.clock.now()
            refusal = self.admit(request)
            fault = None if refusal else self._pick_fault(request)
        return Call(self, request, at=at, refusal=refusal, fault=fault)

    def _pick_fault(self, request: Request) -> Fault | None:
        route = f"{request.method} {self.short_path(request.path)}"
        return self.faults.pick(route, lambda kind: self.can_apply(kind, request))

    @abstractmethod
    def catch_up(self) -> None:
        """Apply the changes that are due by the clock."""

    @abstractmethod
    def admit(self, request: Request) -> Response | None:
        """Return the response of a refused call; None for an admitted one."""

    @abstractmethod
    def release(self, request: Request) -> None:
        """End an admitted call."""

    @abstractmethod
    def execute(self, request: Request) -> Response:
        """Execute an admitted call."""

    @abstractmethod
    def add_headers(self, response: Response, fault: str) -> Response:
        """Add the headers of every response; `fault` is the fault's kind or empty."""

    @abstractmethod
    def can_apply(self, kind: str, request: Request) -> bool:
        """Return whether a kind of fault applies to a call."""

    @abstractmethod
    def fault_response(self, fault: Fault) -> Response:
        """Return the response of a fault that keeps the call from being executed."""

    @abstractmethod
    def interfere(self, fault: Fault, request: Request) -> None:
        """Apply a fault that happens before a call is executed."""

    @abstractmethod
    def corrupt(self, response: Response, fault: Fault, request: Request) -> Response:
        """Apply a fault to the response of an executed call."""

    @abstractmethod
    def short_path(self, path: str) -> str:
        """Return the path as faults and the journal show it."""

    @abstractmethod
    def endpoint(self, path: str) -> str:
        """Return the path with ids replaced by `{id}`."""

    @abstractmethod
    def extra_keys(self, request: Request) -> tuple[str, ...]:
        """Return the keys of a write's rows that the vendor does not document."""


class Call:
    """A call in flight."""

    def __init__(
        self,
        vendor: Vendor,
        request: Request,
        *,
        at: float,
        refusal: Response | None,
        fault: Fault | None,
    ) -> None:
        self._vendor = vendor
        self._request = request
        self._at = at
        self._refusal = refusal
        self._fault = fault

    def finish(self) -> Response:
        """Execute the call unless it was refused, and record it in the journal."""
        with self._vendor.lock:
            self._vendor.catch_up()
            response = self._refusal or self._execute()
            kind = self._fault.kind if self._fault else ""
            response = self._vendor.add_headers(response, kind)
            self._record(response, kind)
        return response

    def _execute(self) -> Response:
        vendor, fault = self._vendor, self._fault
        vendor.release(self._request)
        if fault and fault.prevents_call:
            return vendor.fault_response(fault)
        if fault:
            vendor.interfere(fault, self._request)
        response = vendor.execute(self._request)
        return vendor.corrupt(response, fault, self._request) if fault else response

    def _record(self, response: Response, fault: str) -> None:
        vendor, request = self._vendor, self._request
        entry = Entry(
            n=vendor.journal.total + 1,
            at=self._at,
            side=vendor.side,
            method=request.method,
            path=vendor.short_path(request.path),
            endpoint=f"{request.method} {vendor.endpoint(request.path)}",
            query=request.query,
            status=response.status,
            rows=_count_rows(request, response),
            fault=fault,
            extra_keys=vendor.extra_keys(request),
            body=request.body if vendor.options.journal_bodies else b"",
        )
        vendor.journal.add(entry)


class _Rows(msgspec.Struct):
    data: list[msgspec.Raw]


RETURNED = msgspec.json.Decoder(_Rows)  # Counts rows without decoding them.
SENT = msgspec.json.Decoder(list[msgspec.Raw])


def _count_rows(request: Request, response: Response) -> int:
    try:
        if request.method == "GET":
            return len(RETURNED.decode(response.body).data)
        return len(SENT.decode(request.body))
    except msgspec.DecodeError:
        return 0  # Not JSON, or not rows.


def replaced(fault: Fault) -> Response | None:
    """Return the response of a fault that is the same at both vendors, else None."""
    if fault.kind == "cut":
        return Response(status=0, ending="cut")
    if fault.kind == "redirect":
        return Response(status=302, headers={"Location": fault.to})
    return None


def corrupted(response: Response, fault: Fault) -> Response:
    """Apply a fault that is the same at both vendors to a response."""
    seconds = fault.seconds or 0.0
    changes: dict[str, dict[str, Any]] = {
        "slow": {"delay": seconds},
        "drip": {"byte_seconds": seconds},
        "cut_after": {"ending": "cut"},
        "truncated": {"ending": "truncated"},
        "not_json": {"body": b"<html>Bad gateway</html>"},
        "empty_body": {"body": b""},
    }
    return replace(response, **changes.get(fault.kind, {}))
