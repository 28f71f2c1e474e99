"""The Lytics API: authorization, the endpoints, and the forms of their responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from typing_extensions import override

from sandbox.clock import timestamp
from sandbox.faults import ENVELOPES, OF_FIRST_PAGES, OF_SCANS, OF_TOKENS
from sandbox.http import Request, Response, Vendor, corrupted, json_response, replaced

from .events import AccountEvents
from .fields import Field
from .filterql import FilterError, Include, Node, parse
from .population import Population
from .scan import Page, Scan, Scans, StaleTokenError, parse_splits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.clock import Clock
    from sandbox.faults import Fault, Faults
    from sandbox.http import Json
    from sandbox.journal import Journal, Side
    from sandbox.options import Options

    from .population import Audience

DEFAULT_LIMIT = 20
Endpoint = Callable[[Request, str], Response]


class Account(AccountEvents, Vendor):
    """A Lytics account with seeded people, called in process."""

    side: ClassVar[Side] = "lytics"
    limits_calls_in_flight: ClassVar[bool] = False

    def __init__(
        self, options: Options, clock: Clock, faults: Faults, journal: Journal
    ) -> None:
        Vendor.__init__(self, options, clock, faults, journal)
        self.population = Population(options, clock)
        self.seed_audiences()
        self._endpoints = Endpoints(self, Scans(options, self.population, clock))

    def call(self, method: str, path: str, text: str = "", **query: Json) -> Response:
        """Call with the right token; `text` is the body, a filter."""
        token = self.options.lytics_token
        headers = {"Authorization": token, "Content-Type": "text/plain"}
        return self.handle(method, path, query, headers, text)

    @override
    def catch_up(self) -> None:
        self.population.apply_due()

    @override
    def admit(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != self.options.lytics_token:
            return error_response(401, "Not authorized")
        if self.options.lytics_forbidden:
            return error_response(403, "Forbidden")
        return None

    @override
    def release(self, request: Request) -> None:
        return

    @override
    def execute(self, request: Request) -> Response:
        return self._endpoints.handle(request)

    @override
    def add_headers(self, response: Response, fault: str) -> Response:
        if not self.options.lytics_date_header or not response.status:
            return response
        at = self.clock.now() + self.options.lytics_clock_ahead_seconds
        date = formatdate(at, usegmt=True)
        return replace(response, headers={"Date": date, **response.headers})

    @override
    def can_apply(self, kind: str, request: Request) -> bool:
        if kind not in OF_SCANS:
            return True
        if not request.path.endswith("/scan"):
            return False
        return kind not in (OF_FIRST_PAGES if request.query.get("start") else OF_TOKENS)

    @override
    def fault_response(self, fault: Fault) -> Response:
        if fault.kind == "stale_cursor":
            return error_response(
                self.options.stale_token_status, "invalid start token"
            )
        if fault.kind in ENVELOPES:
            return self._error_under_200(fault.kind)
        response = replaced(fault) or error_response(
            int(fault.kind[:3]), "sandbox fault"
        )
        if fault.kind == "429_retry_after":
            wait = str(max(1, round(fault.seconds or 0)))
            return replace(response, headers={**response.headers, "Retry-After": wait})
        return response

    def _error_under_200(self, kind: str) -> Response:
        status = "500" if self.options.status_as_text else 500
        message = {"message": "backend timeout"}
        content: dict[str, Any] = {**message, "data": None, "total": 0}
        if kind == "error_envelope":
            content["status"] = status
        if kind == "error_code":
            content = {"code": "TIMEOUT-001", "level": "error", **message}
            content["timestamp"] = timestamp(self.clock.now())
        return json_response(200, content)

    @override
    def interfere(self, fault: Fault, request: Request) -> None:
        if fault.kind == "audience_renamed":
            text = request.path + request.body.decode(errors="replace")
            for audience in list(self.audiences.values()):
                if audience.id in text or audience.slug in text:
                    self.rename(audience.slug, f"{audience.slug}_renamed")
                    return

    @override
    def corrupt(self, response: Response, fault: Fault, request: Request) -> Response:
        if fault.kind[:3].isdigit():
            return error_response(int(fault.kind[:3]), "sandbox fault")
        if fault.kind == "date_ahead":
            at = self.clock.now() + (fault.seconds or 0.0)
            ahead = {"Date": formatdate(at, usegmt=True)}
            return replace(response, headers={**response.headers, **ahead})
        token = request.query.get("start", "")
        return _corrupt_scan(corrupted(response, fault), fault.kind, token)

    @override
    def short_path(self, path: str) -> str:
        return path

    @override
    def endpoint(self, path: str) -> str:
        return self._endpoints.pattern(path)

    @override
    def extra_keys(self, request: Request) -> tuple[str, ...]:
        return ()


class Endpoints:
    """The endpoints of one account."""

    def __init__(self, account: AccountEvents, scans: Scans) -> None:
        self._account = account
        self._options = account.options
        self._scans = scans

    def handle(self, request: Request) -> Response:
        """Execute a call."""
        found = self._route(request.path)
        if found is None:
            return error_response(404, "not found")
        endpoint, pattern, name = found
        if request.method != ("POST" if endpoint == self._post_scan else "GET"):
            return self._other_method(request, pattern)
        return endpoint(request, name)

    def pattern(self, path: str) -> str:
        """Return the path with the audience's slug or id replaced by `{id}`."""
        found = self._route(path)
        return found[1] if found else path

    def _route(self, path: str) -> tuple[Endpoint, str, str] | None:
        fixed: Mapping[str, Endpoint] = {
            "/v2/segment": self._list,
            "/api/segment": self._list,
            "/api/segment/sizes": self._sizes,
            "/api/segment/scan": self._post_scan,
            "/v2/schema/user/field": self._fields,
            "/api/schema/user": self._table,
        }
        if path in fixed:
            return fixed[path], path, ""
        for prefix, suffix, endpoint in (
            ("/api/segment/", "/scan", self._scan_audience),
            ("/api/segment/", "/size", self._size),
            ("/api/segment/", "", self._one),
            ("/v2/segment/", "", self._one),
        ):
            name = path.removeprefix(prefix).removesuffix(suffix)
            if path == f"{prefix}{name}{suffix}" and name and "/" not in name:
                return endpoint, f"{prefix}{{id}}{suffix}", name
        return None

    def _other_method(self, request: Request, pattern: str) -> Response:
        if pattern == "/api/segment/scan" and request.method == "GET":
            text = request.query.get("segments", "")
            return self._scan_filter(request, text, fields=True)
        return error_response(405, "method not allowed")

    # Audiences.

    def _list(self, request: Request, _: str) -> Response:
        query, per_page = request.query, self._options.audiences_per_page
        rows = [
            audience.to_dict(sizes=query.get("sizes") == "true")
            for audience in self._account.audiences.values()
            if _is_listed(audience, query)
        ]
        try:
            start = int(query.get("start") or 0)
        except ValueError:
            return error_response(400, "start is not a number")
        page = rows[start : start + per_page] if per_page else rows
        more = start + len(page) < len(rows)
        token = {"_next": str(start + per_page)} if more and per_page else {}
        return self._envelope(page, **token)

    def _one(self, request: Request, name: str) -> Response:
        audience = self._account.find(name)
        if audience is None:
            return error_response(404, "segment not found")
        with_size = request.query.get("sizes") == "true"
        return self._envelope(audience.to_dict(sizes=with_size))

    def _sizes(self, request: Request, _: str) -> Response:
        names = [name for name in request.query.get("ids", "").split(",") if name]
        found = [self._account.find(name) for name in names] or list(
            self._account.audiences.values()
        )
        if None in found:
            return error_response(404, "segment not found")
        return self._envelope(_size_rows(found, self._account.clock.now()))

    def _size(self, _: Request, name: str) -> Response:
        audience = self._account.find(name)
        if audience is None:
            return error_response(404, "segment not found")
        row = _size_rows([audience], self._account.clock.now())[0]
        shapes = {"list": [audience.size], "object": row, "objects": [row]}
        return self._envelope(shapes[self._options.size_shape])

    # The schema.

    def _fields(self, *_: object) -> Response:
        return self._envelope([_field_row(field) for field in self._user_fields()])

    def _table(self, *_: object) -> Response:
        fields = self._user_fields()
        return self._envelope(
            {
                "name": "user",
                "by_fields": [field.name for field in fields if field.is_by],
                "columns": [_column(field) for field in fields],
            }
        )

    def _user_fields(self) -> list[Field]:
        fields = list(self._account.population.fields.values())
        if self._options.builtins_in_schema:
            fields += [Field(name=n, type=t, value=lambda _: None) for n, t in BUILTINS]
        return fields

    # Scans.

    def _scan_audience(self, request: Request, name: str) -> Response:
        audience = self._account.find(name)
        if audience is None:
            return error_response(404, "segment not found")
        if audience.invalid_reason:
            return self._envelope([], _next="", total=0)
        scan = f"audience {audience.id}"
        return self._scan(
            request, scan, Include(audience.id, is_path=True), fields=True
        )

    def _post_scan(self, request: Request, _: str) -> Response:
        if not request.headers.get("content-type", "").startswith("text/plain"):
            return error_response(400, "send the filter as text/plain")
        try:
            text = request.body.decode()
        except UnicodeDecodeError:
            return error_response(400, "the filter is not UTF-8")
        return self._scan_filter(request, text, fields=self._options.fields_on_post)

    def _scan_filter(self, request: Request, text: str, *, fields: bool) -> Response:
        if request.query.get("table", "user") != "user":
            return error_response(400, "unknown table")
        try:
            return self._scan(request, text, parse(text), fields=fields)
        except FilterError as error:
            return error_response(400, str(error))

    def _scan(
        self, request: Request, name: str, node: Node, *, fields: bool
    ) -> Response:
        query = request.query
        try:
            limit = int(query.get("limit") or DEFAULT_LIMIT)
        except ValueError:
            return error_response(400, "limit is not a number")
        limit = min(max(limit, 1), self._options.page_limit)
        names = [part for part in query.get("fields", "").split(",") if part]
        try:
            scan = Scan(name=name, node=node, splits=self._splits(request))
        except ValueError as error:
            return error_response(400, str(error))
        try:
            page = self._scans.page(
                scan,
                query.get("start", ""),
                limit,
                (names if fields else []) or None,
            )
        except StaleTokenError as error:
            return error_response(self._options.stale_token_status, str(error))
        return self._envelope(page.members, **self._scan_end(page))

    def _splits(self, request: Request) -> frozenset[int] | None:
        text, served = request.query.get("splits"), self._options.splits
        if text is None or served == "ignored":
            return None
        if served == "ignored_on_post" and request.method == "POST":
            return None
        if served == "refused":
            raise ValueError("unknown parameter splits")
        return parse_splits(text)

    def _scan_end(self, page: Page) -> dict[str, Any]:
        if page.token is None and self._options.scan_end == "missing":
            return {"total": page.total}
        return {"_next": page.token or "", "total": page.total}

    def _envelope(self, content: object, **beside: Json) -> Response:
        status = "200" if self._options.status_as_text else 200
        parts: dict[str, Any] = {"status": status, **beside, "data": content}
        if not self._options.bare_envelope:
            parts |= {"message": "success", "request_id": "sandbox"}
        return json_response(200, parts)


def _is_listed(audience: Audience, query: Mapping[str, str]) -> bool:
    if query.get("table", "user") != "user":
        return False
    if query.get("kind", audience.kind) != audience.kind:
        return False
    return "valid" not in query or (query["valid"] == "true") != bool(
        audience.invalid_reason
    )


# Forms of responses.

BUILTINS = (("_created", "date"), ("_modified", "date"), ("_split", "int"))


def error_response(status: int, message: str) -> Response:
    """Build an error in Lytics' form."""
    body = {"data": None, "message": message, "status": status}
    return json_response(status, body)


def _size_rows(
    audiences: Sequence[Audience | None], now: float
) -> list[dict[str, Any]]:
    return [
        {
            "id": audience.id,
            "name": audience.name,
            "slug_name": audience.slug,
            "size": audience.size,
            "timestamp": timestamp(now),
        }
        for audience in audiences
        if audience
    ]


def _field_row(field: Field) -> dict[str, Any]:
    """Return a row of `GET /v2/schema/user/field`, whose form is not documented."""
    return {
        "id": field.name,
        "type": field.type,
        "shortdesc": field.label,
        "longdesc": "",
        "mergeop": field.merge,
        "is_identifier": field.is_by,
    }


def _column(field: Field) -> dict[str, Any]:
    """Return a column of `GET /api/schema/user`, in the form of a recorded response."""
    return {
        "as": field.name,
        "is_by": field.is_by,
        "type": field.type,
        "op": field.merge,
        "shortdesc": field.label,
        "longdesc": "",
        "froms": ["default"],
        "identities": [field.name],
    }


def _corrupt_scan(response: Response, kind: str, token: str) -> Response:
    corruption = SCAN_CORRUPTIONS.get(kind)
    if corruption is None or response.status != HTTPStatus.OK:
        return response
    content = msgspec.json.decode(response.body)
    if not isinstance(content.get("data"), list):
        return response
    content |= corruption(content, token)
    return replace(response, body=msgspec.json.encode(content))


# What each fault changes in a page, given the page and the token that requested it.
SCAN_CORRUPTIONS: dict[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
    "empty_page": lambda *_: {"data": []},
    "empty_scan": lambda *_: {"data": [], "total": 0, "_next": ""},
    "row_missing": lambda content, _: {"data": content["data"][:-1]},
    "same_next": lambda _, token: {"_next": token},
}
