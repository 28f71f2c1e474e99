"""The BigCommerce store: who may call, how often, and which room answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from . import attribute_values, attributes
from .answers import RefusalError, refusal
from .clock import Clock
from .customer_book import CustomerBook, Row, blank_customer
from .customer_rules import POST_KEYS, PUT_KEYS
from .customer_writes import CustomerWrites
from .customers import read_customers
from .faults import Fault, Faults
from .journal import Journal, Side
from .messages import JSON_TYPE, Answer, Request
from .options import Options
from .quota import Quota
from .shelves import Shelves, read_rows
from .value_book import ValueBook
from .vendor import Vendor, failed, spoiled

Act = Callable[[Shelves, Request], Answer]
ROUTES: dict[str, dict[str, Act]] = {
    "/customers": {
        "GET": lambda s, r: read_customers(s, r.query),
        "PUT": lambda s, r: CustomerWrites(s).update(r.body),
        "POST": lambda s, r: CustomerWrites(s).create(r.body),
    },
    "/customers/attributes": {
        "GET": lambda s, r: attributes.read_attributes(s, r.query),
        "POST": lambda s, r: attributes.create_attributes(s, r.body),
        "PUT": lambda s, r: attributes.rename_attributes(s, r.body),
        "DELETE": lambda s, r: attributes.delete_attributes(s, r.query),
    },
    "/customers/attribute-values": {
        "GET": lambda s, r: attribute_values.read_values(s, r.query),
        "PUT": lambda s, r: attribute_values.upsert_values(s, r.body),
        "DELETE": lambda s, r: attribute_values.delete_values(s, r.query),
    },
}
TAKEN_KEYS: dict[tuple[str, str], frozenset[str]] = {
    ("PUT", "/customers"): PUT_KEYS,
    ("POST", "/customers"): POST_KEYS,
    ("PUT", "/customers/attribute-values"): attribute_values.KEYS,
    ("POST", "/customers/attributes"): frozenset({"name", "type"}),
}
UNAUTHORIZED = (
    "Unauthorized - the v3 Auth client ID or token in the request are not a valid "
    "combination for this store."
)
NO_SCOPE = "You don't have a required scope to access the endpoint"
WRITES = frozenset({"PUT", "POST"})


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

    def put_customer(self, customer_id: int, **fields: Any) -> None:  # noqa: ANN401 - a customer's own
        """Add or alter a customer as somebody else would."""
        with self.lock:
            now = self.clock.now()
            old = self.customers.peek(customer_id) or blank_customer(customer_id, now)
            self.customers[customer_id] = {**old, **fields}

    def call(self, method: str, path: str, rows: object = None, **query: Any) -> Answer:  # noqa: ANN401 - any filter
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

    def settle(self) -> None:
        """Begin a new window when it is time."""
        self.quota.settle()

    def admit(self, request: Request) -> Answer | None:
        """Check token, store, quota and the calls in flight."""
        if request.headers.get("x-auth-token") != self.options.store_token:
            return refusal(401, UNAUTHORIZED)
        if not request.path.startswith(self._prefix + "/"):
            return refusal(403, NO_SCOPE)
        if not self.quota.spend():
            return refusal(429, "Too many requests")
        if not self.quota.take_off(f"{request.method} {request.path}"):
            return refusal(429, "Too many requests")
        return None

    def release(self, request: Request) -> None:
        """End a call in flight."""
        self.quota.land(f"{request.method} {request.path}")

    def work(self, request: Request) -> Answer:
        """Carry a call out."""
        try:
            return self._act(request)(self.shelves, request)
        except RefusalError as error:
            return error.answer()

    def dress(self, answer: Answer, fault: str) -> Answer:
        """Add the rate-limit headers."""
        if fault in {"429_bare", "429_retry_after"} or not self.options.rate_headers:
            return answer
        limits = self.quota.headers()
        if fault == "429":
            limits["X-Rate-Limit-Requests-Left"] = "0"
        return replace(answer, headers={**answer.headers, **limits})

    def fail(self, fault: Fault, request: Request) -> Answer:  # noqa: ARG002 - the base's form
        """Answer a call that goes wrong and is not carried out."""
        answer = failed(fault) or _status_answer(fault)
        if fault.kind == "429_retry_after":
            wait = str(max(1, round(fault.seconds or 0)))
            return replace(answer, headers={**answer.headers, "X-Retry-After": wait})
        return answer

    def spoil(self, answer: Answer, fault: Fault) -> Answer:
        """Let a call that was carried out answer wrongly."""
        if fault.kind[:3].isdigit():
            return _status_answer(fault)
        if fault.kind == "row_missing" and answer.status == 200:  # noqa: PLR2004 - OK
            content = answer.json()
            content["data"] = content["data"][:-1]
            return replace(answer, body=msgspec.json.encode(content))
        return spoiled(answer, fault)

    def short_path(self, path: str) -> str:
        """The path from behind `/v3`."""
        _, found, rest = path.partition("/v3/")
        return f"/{rest}" if found else path

    def endpoint(self, path: str) -> str:
        """The same: these paths hold no ids."""
        return self.short_path(path)

    @property
    def keeps_bodies(self) -> bool:
        """Whether the journal remembers what writes sent."""
        return self.options.journal_bodies

    def extra_keys(self, request: Request) -> tuple[str, ...]:
        """Name what a write sent that BigCommerce does not take."""
        known = TAKEN_KEYS.get((request.method, self.short_path(request.path)))
        if known is None:
            return ()
        try:
            rows = read_rows(request.body)
        except RefusalError:
            return ()
        keys = {key for row in rows if isinstance(row, dict) for key in row}
        return tuple(sorted(keys - known))

    def _act(self, request: Request) -> Act:
        if request.url_length > self.options.url_limit:
            raise RefusalError(414, "URI Too Long")
        methods = ROUTES.get(self.short_path(request.path))
        if methods is None:
            raise RefusalError(404, "The requested resource was not found.")
        if request.method not in methods:
            raise RefusalError(405, "Method Not Allowed")
        if request.method in WRITES:
            self._check_write(request.headers)
        if self.options.read_only_token and request.method != "GET":
            raise RefusalError(403, NO_SCOPE)
        return methods[request.method]

    def _check_write(self, headers: Mapping[str, str]) -> None:
        if not headers.get("content-type", "").startswith(JSON_TYPE):
            raise RefusalError(415, "Unsupported Media Type")


def _status_answer(fault: Fault) -> Answer:
    status = int(fault.kind[:3])
    if status >= 500 or fault.kind == "429_bare":  # noqa: PLR2004 - gateways answer without JSON
        return Answer(status=status, headers={"Content-Type": "text/html"}, body=b"")
    titles = {401: UNAUTHORIZED, 403: NO_SCOPE, 429: "Too many requests"}
    return refusal(status, titles.get(status, "Locked"))
