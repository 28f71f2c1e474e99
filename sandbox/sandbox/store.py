"""The BigCommerce store: who may call, how often, and which room answers."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from typing_extensions import override

from .answers import RefusalError, refusal
from .customer_book import CustomerBook, Row, blank_customer
from .faults import OF_SCANS
from .messages import JSON_TYPE, Answer, Json, Request
from .quota import Quota
from .shelves import Shelves
from .store_routes import NO_SCOPE, extra_keys, room_for
from .vendor import Vendor, failed, spoiled

if TYPE_CHECKING:
    from .clock import Clock
    from .faults import Fault, Faults
    from .journal import Journal, Side
    from .options import Options
    from .value_book import ValueBook

UNAUTHORIZED = (
    "Unauthorized - the v3 Auth client ID or token in the request are not a valid "
    "combination for this store."
)


class Store(Vendor):
    """A BigCommerce store. No I/O."""

    side: ClassVar[Side] = "store"

    def __init__(
        self, options: Options, clock: Clock, faults: Faults, journal: Journal
    ) -> None:
        super().__init__(clock, faults, journal)
        self.options = options
        self.shelves = Shelves(options, clock)
        self.quota = Quota(options, clock)
        self._prefix = f"/stores/{options.store_hash}/v3"

    # What tests and simulations read and set.

    @property
    def customers(self) -> CustomerBook:
        """Customers by id; a row taken out by `[]` may be altered."""
        return self.shelves.customers

    @property
    def attributes(self) -> dict[int, Row]:
        """Attribute definitions by id."""
        return self.shelves.attributes

    @property
    def values(self) -> ValueBook:
        """Attribute values by (customer id, attribute id)."""
        return self.shelves.values

    @property
    def welcome_mails(self) -> int:
        """Mails that creations asked for."""
        return self.shelves.welcome_mails

    def add_attribute(self, name: str, kind: str = "string") -> int:
        """Define an attribute as if it had always been there; gives the id."""
        with self.lock:
            row = self.shelves.add_attribute(name, kind)
            self.shelves.changes.attributes.pop(row["id"])
            return int(row["id"])

    def put_customer(self, customer_id: int, **fields: Json) -> None:
        """Add or alter a customer as somebody else would."""
        with self.lock:
            now = self.clock.now()
            old = self.customers.peek(customer_id) or blank_customer(customer_id, now)
            self.customers[customer_id] = {**old, **fields}

    def call(
        self, method: str, path: str, rows: object = None, **query: Json
    ) -> Answer:
        """Call in-process with the right token: `call("PUT", "/customers", rows)`.

        Filters with a colon are written with two underscores: `id__in="1,2"`.
        """
        names = {name.replace("__", ":"): value for name, value in query.items()}
        body = b"" if rows is None else msgspec.json.encode(rows)
        headers = {"X-Auth-Token": self.options.store_token, "Content-Type": JSON_TYPE}
        return self.handle(method, self._prefix + path, names, headers, body)

    def diff(self) -> dict[str, Any]:
        """What calls changed since the start or the last mark."""
        with self.lock:
            shelves = self.shelves
            return shelves.changes.to_dict(self.customers, self.attributes, self.values)

    def mark(self) -> None:
        """Count changes from here."""
        with self.lock:
            self.shelves.changes.clear()

    # The way of a call.

    @override
    def settle(self) -> None:
        self.quota.settle()

    @override
    def admit(self, request: Request) -> Answer | None:
        if request.headers.get("x-auth-token") != self.options.store_token:
            return refusal(401, UNAUTHORIZED)
        if not request.path.startswith(self._prefix + "/"):
            return refusal(403, NO_SCOPE)
        if not self.quota.spend():
            return refusal(429, "Too many requests")
        if not self.quota.take_off(f"{request.method} {request.path}"):
            return refusal(429, "Too many requests")
        return None

    @override
    def release(self, request: Request) -> None:
        self.quota.land(f"{request.method} {request.path}")

    @override
    def work(self, request: Request) -> Answer:
        try:
            room = room_for(request, self.short_path(request.path), self.shelves)
            return room(self.shelves, request)
        except RefusalError as error:
            return error.answer()

    @override
    def dress(self, answer: Answer, fault: str) -> Answer:
        if fault in {"429_bare", "429_retry_after"} or not self.options.rate_headers:
            return answer
        limits = self.quota.headers()
        if fault == "429":
            limits["X-Rate-Limit-Requests-Left"] = "0"
        return replace(answer, headers={**answer.headers, **limits})

    @override
    def can_have(self, kind: str, request: Request) -> bool:
        return kind not in OF_SCANS

    @override
    def fail(self, fault: Fault) -> Answer:
        answer = failed(fault) or _status_answer(fault)
        if fault.kind == "429_retry_after":
            wait = str(max(1, round(fault.seconds or 0)))
            return replace(answer, headers={**answer.headers, "X-Retry-After": wait})
        return answer

    @override
    def spoil(self, answer: Answer, fault: Fault, request: Request) -> Answer:
        if fault.kind[:3].isdigit():
            return _status_answer(fault)
        if fault.kind == "row_missing" and answer.status == HTTPStatus.OK:
            content = answer.json()
            content["data"] = content["data"][:-1]
            return replace(answer, body=msgspec.json.encode(content))
        return spoiled(answer, fault)

    @override
    def short_path(self, path: str) -> str:
        _, found, rest = path.partition("/v3/")
        return f"/{rest}" if found else path

    @override
    def endpoint(self, path: str) -> str:
        return self.short_path(path)

    @property
    @override
    def keeps_bodies(self) -> bool:
        return self.options.journal_bodies

    @override
    def extra_keys(self, request: Request) -> tuple[str, ...]:
        return extra_keys(request, self.short_path(request.path))


def _status_answer(fault: Fault) -> Answer:
    status = int(fault.kind[:3])
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or fault.kind == "429_bare":
        return Answer(status=status, headers={"Content-Type": "text/html"}, body=b"")
    titles = {401: UNAUTHORIZED, 403: NO_SCOPE, 429: "Too many requests"}
    return refusal(status, titles.get(status, "Locked"))
