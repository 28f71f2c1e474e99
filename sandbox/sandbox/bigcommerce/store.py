"""The BigCommerce store: authorization, rate limits and the endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from typing_extensions import override

from sandbox.faults import OF_LYTICS
from sandbox.http import JSON_TYPE, Request, Response, Vendor, corrupted, replaced

from . import attributes, customers
from .data import StoreData, blank_customer
from .quota import Quota
from .requests import is_bad_row, read_rows
from .responses import RefusalError, error_response

if TYPE_CHECKING:
    from sandbox.clock import Clock
    from sandbox.faults import Fault, Faults
    from sandbox.http import Json
    from sandbox.journal import Journal, Side
    from sandbox.options import Options

    from .data import AttributeValues, Customers
    from .requests import Row

UNAUTHORIZED = (
    "Unauthorized - the v3 Auth client ID or token in the request are not a valid "
    "combination for this store."
)
NO_SCOPE = "You don't have a required scope to access the endpoint"
Endpoint = Callable[[StoreData, Request], Response]
ENDPOINTS: dict[str, dict[str, Endpoint]] = {
    "/customers": {
        "GET": lambda data, request: customers.read(data, request.query),
        "PUT": lambda data, request: customers.update(data, request.body),
        "POST": lambda data, request: customers.create(data, request.body),
    },
    "/customers/attributes": {
        "GET": lambda data, request: attributes.read(data, request.query),
        "POST": lambda data, request: attributes.create(data, request.body),
        "PUT": lambda data, request: attributes.rename(data, request.body),
        "DELETE": lambda data, request: attributes.delete(data, request.query),
    },
    "/customers/attribute-values": {
        "GET": lambda data, request: attributes.read_values(data, request.query),
        "PUT": lambda data, request: attributes.upsert_values(data, request.body),
        "DELETE": lambda data, request: attributes.delete_values(data, request.query),
    },
}
DOCUMENTED_KEYS: dict[tuple[str, str], frozenset[str]] = {
    ("PUT", "/customers"): customers.PUT_KEYS,
    ("POST", "/customers"): customers.POST_KEYS,
    ("PUT", "/customers/attribute-values"): attributes.VALUE_KEYS,
    ("POST", "/customers/attributes"): frozenset({"name", "type"}),
}
WITH_BODY = frozenset({"PUT", "POST"})
WITH_BAD_ROWS = frozenset({"/customers", "/customers/attribute-values"})
TITLES = {
    400: "Input is invalid",
    401: UNAUTHORIZED,
    403: NO_SCOPE,
    404: "The requested resource was not found.",
    405: "Method Not Allowed",
    409: "Conflict",
    415: "Unsupported Media Type",
    423: "Locked",
    429: "Too many requests",
    501: "Not Implemented",
    507: "Insufficient Storage",
}
GATEWAY = frozenset({500, 502, 503, 504})  # Their responses have no body.


class Store(Vendor):
    """A BigCommerce store with seeded customers, called in process."""

    side: ClassVar[Side] = "store"
    limits_calls_in_flight: ClassVar[bool] = True

    def __init__(
        self, options: Options, clock: Clock, faults: Faults, journal: Journal
    ) -> None:
        super().__init__(options, clock, faults, journal)
        self.data = StoreData(options, clock)
        self.quota = Quota(options, clock)
        self.bad_rows = dict(options.bad_rows)
        self._prefix = f"/stores/{options.store_hash}/v3"

    # The content, and changes to it other than by calls. For tests and the control API.

    @property
    def customers(self) -> Customers:
        """Customers by id; a row read by `[]` can be modified in place."""
        return self.data.customers

    @property
    def attributes(self) -> dict[int, Row]:
        """Attribute definitions by id."""
        return self.data.attributes

    @property
    def values(self) -> AttributeValues:
        """Attribute values by (customer id, attribute id)."""
        return self.data.values

    @property
    def welcome_mails(self) -> int:
        """The number of welcome mails that creations requested."""
        return self.data.welcome_mails

    def add_attribute(self, name: str, kind: str = "string") -> int:
        """Add an attribute definition that the diff does not show; returns its id."""
        with self.lock:
            row = self.data.add_attribute(name, kind)
            self.data.changes.attributes.pop(row["id"])
            return int(row["id"])

    def put_customer(self, customer_id: int, **fields: Json) -> None:
        """Add or change a customer as another app would; the diff does not show it."""
        with self.lock:
            now = self.clock.now()
            old = self.customers.peek(customer_id) or blank_customer(customer_id, now)
            self.customers[customer_id] = {**old, **fields}

    def call(
        self, method: str, path: str, rows: object = None, **query: Json
    ) -> Response:
        """Call with the right token: `call("PUT", "/customers", rows)`.

        The colon of a filter is written as two underscores: `id__in="1,2"`.
        """
        names = {name.replace("__", ":"): value for name, value in query.items()}
        body = b"" if rows is None else msgspec.json.encode(rows)
        headers = {"X-Auth-Token": self.options.store_token, "Content-Type": JSON_TYPE}
        return self.handle(method, self._prefix + path, names, headers, body)

    def diff(self) -> dict[str, Any]:
        """Return what calls changed since the start or the last mark."""
        with self.lock:
            return self.data.diff()

    def mark(self) -> None:
        """Start a new diff."""
        with self.lock:
            self.data.changes.clear()

    # The steps of a call.

    @override
    def catch_up(self) -> None:
        self.quota.catch_up()

    @override
    def admit(self, request: Request) -> Response | None:
        if request.headers.get("x-auth-token") != self.options.store_token:
            return self._error(401)
        if not request.path.startswith(self._prefix + "/"):
            return self._error(403)
        if not self.quota.spend():
            return self._error(429)
        if not self.quota.acquire(f"{request.method} {request.path}"):
            return self._error(429)
        return None

    @override
    def release(self, request: Request) -> None:
        self.quota.release(f"{request.method} {request.path}")

    @override
    def execute(self, request: Request) -> Response:
        try:
            endpoint = self._endpoint(request)
            return self._bad_row(endpoint, request) or endpoint(self.data, request)
        except RefusalError as error:
            form = self.options.error_body
            return error_response(error.status, error.title, error.errors, form=form)

    def _error(self, status: int) -> Response:
        """Build the error of a status; a gateway's has no body."""
        if status in GATEWAY:
            html = {"Content-Type": "text/html"}
            return Response(status=status, headers=html)
        title = TITLES.get(status, "Error")
        return error_response(status, title, form=self.options.error_body)

    def _bad_row(self, endpoint: Endpoint, request: Request) -> Response | None:
        """Return the response of a write with a row of `bad_rows`, else None."""
        path = self.short_path(request.path)
        if not self.bad_rows or request.method not in WITH_BODY:
            return None
        if path not in WITH_BAD_ROWS:
            return None
        rows = read_rows(request.body)
        for text, status in self.bad_rows.items():
            others = [row for row in rows if not is_bad_row(row, text)]
            if len(others) == len(rows) or self._is_overfull(path, rows):
                continue
            if self.options.apply_valid_rows and others:
                body = msgspec.json.encode(others)
                endpoint(self.data, replace(request, body=body))
            return self._error(status)
        return None

    def _is_overfull(self, path: str, rows: list[Any]) -> bool:
        """Whether the endpoint refuses a call for its number of rows."""
        is_values = path == "/customers/attribute-values"
        count = attributes.count_of(self.options, rows) if is_values else len(rows)
        return count > self.options.rows_per_call

    def _endpoint(self, request: Request) -> Endpoint:
        if request.url_length > self.options.url_limit:
            raise RefusalError(414, "URI Too Long")
        methods = ENDPOINTS.get(self.short_path(request.path))
        if methods is None:
            raise RefusalError(404, "The requested resource was not found.")
        if request.method not in methods:
            raise RefusalError(405, "Method Not Allowed")
        if request.method in WITH_BODY:
            _check_content_type(request.headers)
        if self.options.read_only_token and request.method != "GET":
            raise RefusalError(403, NO_SCOPE)
        return methods[request.method]

    @override
    def add_headers(self, response: Response, fault: str) -> Response:
        if not response.status:
            return response
        common = {
            "Date": formatdate(self.clock.now(), usegmt=True),
            "X-Request-Id": f"sandbox-{self.journal.total + 1}",
        }
        response = replace(response, headers={**response.headers, **common})
        if fault in {"429_bare", "429_retry_after"} or not self.options.rate_headers:
            return response
        limits = self.quota.headers()
        if fault == "429":
            limits["X-Rate-Limit-Requests-Left"] = "0"
        return replace(response, headers={**response.headers, **limits})

    @override
    def can_apply(self, kind: str, request: Request) -> bool:
        return kind not in OF_LYTICS

    @override
    def fault_response(self, fault: Fault) -> Response:
        response = replaced(fault) or self._status_response(fault)
        if fault.kind == "429_retry_after":
            wait = str(max(1, round(fault.seconds or 0)))
            return replace(
                response, headers={**response.headers, "X-Retry-After": wait}
            )
        return response

    @override
    def interfere(self, fault: Fault, request: Request) -> None:
        return

    @override
    def corrupt(self, response: Response, fault: Fault, request: Request) -> Response:
        if fault.kind[:3].isdigit():
            return self._status_response(fault)
        if fault.kind == "row_missing" and response.status == HTTPStatus.OK:
            content = response.json()
            content["data"] = content["data"][:-1]
            return replace(response, body=msgspec.json.encode(content))
        return corrupted(response, fault)

    def _status_response(self, fault: Fault) -> Response:
        if fault.kind == "429_bare":
            return Response(status=429, headers={"Content-Type": "text/html"})
        return self._error(int(fault.kind[:3]))

    @override
    def short_path(self, path: str) -> str:
        _, found, rest = path.partition("/v3/")
        return f"/{rest}" if found else path

    @override
    def endpoint(self, path: str) -> str:
        return self.short_path(path)

    @override
    def extra_keys(self, request: Request) -> tuple[str, ...]:
        path = self.short_path(request.path)
        documented = DOCUMENTED_KEYS.get((request.method, path))
        if documented is None:
            return ()
        try:
            rows = read_rows(request.body)
        except RefusalError:
            return ()
        keys = {key for row in rows if isinstance(row, dict) for key in row}
        return tuple(sorted(keys - documented))


def _check_content_type(headers: Mapping[str, str]) -> None:
    if not headers.get("content-type", "").startswith(JSON_TYPE):
        raise RefusalError(415, "Unsupported Media Type")
