"""The Lytics account: its API, and what tests can let happen in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from .filterql import FilterError, Include, Node, parse
from .happenings import Happenings
from .lytics_answers import envelope, error, httpdate, sizes, spoiled_scan
from .messages import Answer, Request
from .population import Population
from .scan import Page, Scans, StaleTokenError
from .schema_answers import schema_fields, schema_table
from .vendor import Vendor, failed, spoiled

if TYPE_CHECKING:
    from .audiences import Audience
    from .clock import Clock
    from .faults import Fault, Faults
    from .journal import Journal, Side
    from .options import Options

DEFAULT_LIMIT = 20
Route = Callable[[Request, str], Answer]


class Account(Happenings, Vendor):
    """A Lytics account over generated people. No I/O."""

    side: ClassVar[Side] = "lytics"

    def __init__(
        self, options: Options, clock: Clock, faults: Faults, journal: Journal
    ) -> None:
        Vendor.__init__(self, clock, faults, journal)
        self.options = options
        self.population = Population(options, clock)
        self.seed_audiences()
        self._scans = Scans(options, self.population, clock)

    # The way of a call.

    @override
    def settle(self) -> None:
        self.population.settle()

    @override
    def admit(self, request: Request) -> Answer | None:
        if request.headers.get("authorization") != self.options.lytics_token:
            return error(401, "Not authorized")
        if self.options.lytics_forbidden:
            return error(403, "Forbidden")
        return None

    @override
    def release(self, request: Request) -> None:
        return

    @override
    def dress(self, answer: Answer, fault: str) -> Answer:
        if not self.options.lytics_date_header or not answer.status:
            return answer
        date = httpdate(self.clock.now())
        return replace(answer, headers={**answer.headers, "Date": date})

    @override
    def fail(self, fault: Fault) -> Answer:
        if fault.kind == "stale_cursor":
            return error(self.options.stale_token_status, "invalid start token")
        answer = failed(fault) or error(int(fault.kind[:3]), "sandbox fault")
        if fault.kind == "429_retry_after":
            wait = str(max(1, round(fault.seconds or 0)))
            return replace(answer, headers={**answer.headers, "Retry-After": wait})
        return answer

    @override
    def spoil(self, answer: Answer, fault: Fault) -> Answer:
        if fault.kind[:3].isdigit():
            return error(int(fault.kind[:3]), "sandbox fault")
        return spoiled_scan(spoiled(answer, fault), fault.kind)

    @override
    def short_path(self, path: str) -> str:
        return path

    @override
    def endpoint(self, path: str) -> str:
        found = self._route(path)
        return found[1] if found else path

    @override
    def extra_keys(self, request: Request) -> tuple[str, ...]:
        return ()

    @property
    @override
    def keeps_bodies(self) -> bool:
        return self.options.journal_bodies

    @override
    def work(self, request: Request) -> Answer:
        found = self._route(request.path)
        if found is None:
            return error(404, "not found")
        act, pattern, name = found
        if request.method != ("POST" if act == self._scan_filter_post else "GET"):
            return self._other_method(request, pattern)
        return act(request, name)

    # Routes.

    def _route(self, path: str) -> tuple[Route, str, str] | None:
        fixed: Mapping[str, Route] = {
            "/v2/segment": self._list,
            "/api/segment": self._list,
            "/api/segment/sizes": self._sizes,
            "/api/segment/scan": self._scan_filter_post,
            "/v2/schema/user/field": self._fields,
            "/api/schema/user": self._table,
        }
        if path in fixed:
            return fixed[path], path, ""
        for prefix, suffix, act in (
            ("/api/segment/", "/scan", self._scan_audience),
            ("/api/segment/", "/size", self._size),
            ("/api/segment/", "", self._one),
            ("/v2/segment/", "", self._one),
        ):
            name = path.removeprefix(prefix).removesuffix(suffix)
            if path == f"{prefix}{name}{suffix}" and name and "/" not in name:
                return act, f"{prefix}{{id}}{suffix}", name
        return None

    def _other_method(self, request: Request, pattern: str) -> Answer:
        if pattern == "/api/segment/scan" and request.method == "GET":
            text = request.query.get("segments", "")
            return self._scan_filter(request, text, fields=True)
        return error(405, "method not allowed")

    def _list(self, request: Request, _: str) -> Answer:
        query, per_page = request.query, self.options.audiences_per_page
        rows = [
            audience.to_dict(sizes=query.get("sizes") == "true")
            for audience in self.audiences.values()
            if _is_listed(audience, query)
        ]
        start = int(query.get("start") or 0)
        page = rows[start : start + per_page] if per_page else rows
        more = start + len(page) < len(rows)
        token = {"_next": str(start + per_page)} if more and per_page else {}
        return envelope(self.options, page, **token)

    def _one(self, request: Request, name: str) -> Answer:
        audience = self.find(name)
        if audience is None:
            return error(404, "segment not found")
        with_size = request.query.get("sizes") == "true"
        return envelope(self.options, audience.to_dict(sizes=with_size))

    def _sizes(self, request: Request, _: str) -> Answer:
        names = [name for name in request.query.get("ids", "").split(",") if name]
        found = [self.find(name) for name in names] or list(self.audiences.values())
        if None in found:
            return error(404, "segment not found")
        return envelope(self.options, sizes(found, self.clock.now()))

    def _size(self, _: Request, name: str) -> Answer:
        audience = self.find(name)
        if audience is None:
            return error(404, "segment not found")
        row = sizes([audience], self.clock.now())[0]
        shapes = {"list": [audience.size], "object": row, "objects": [row]}
        return envelope(self.options, shapes[self.options.size_shape])

    def _fields(self, *_: object) -> Answer:
        return envelope(self.options, schema_fields(self.population))

    def _table(self, *_: object) -> Answer:
        return envelope(self.options, schema_table(self.population))

    # Scans.

    def _scan_audience(self, request: Request, name: str) -> Answer:
        audience = self.find(name)
        if audience is None:
            return error(404, "segment not found")
        if audience.invalid_reason:
            return envelope(self.options, [], _next="", total=0)
        scan = f"audience {audience.id}"
        return self._scan(request, scan, Include(audience.slug), fields=True)

    def _scan_filter_post(self, request: Request, _: str) -> Answer:
        if not request.headers.get("content-type", "").startswith("text/plain"):
            return error(400, "send the filter as text/plain")
        try:
            text = request.body.decode()
        except UnicodeDecodeError:
            return error(400, "the filter is not UTF-8")
        return self._scan_filter(request, text, fields=self.options.fields_on_post)

    def _scan_filter(self, request: Request, text: str, *, fields: bool) -> Answer:
        if request.query.get("table", "user") != "user":
            return error(400, "unknown table")
        try:
            return self._scan(request, text, parse(text), fields=fields)
        except FilterError as refusal:
            return error(400, str(refusal))

    def _scan(self, request: Request, name: str, node: Node, *, fields: bool) -> Answer:
        query = request.query
        try:
            limit = int(query.get("limit") or DEFAULT_LIMIT)
        except ValueError:
            return error(400, "limit is not a number")
        limit = min(max(limit, 1), self.options.page_limit)
        names = [part for part in query.get("fields", "").split(",") if part]
        try:
            page = self._scans.page(
                name,
                node,
                query.get("start", ""),
                limit,
                (names if fields else []) or None,
            )
        except StaleTokenError as stale:
            return error(self.options.stale_token_status, str(stale))
        return envelope(self.options, page.members, **self._scan_end(page))

    def _scan_end(self, page: Page) -> dict[str, Any]:
        if page.token is None and self.options.scan_end == "missing":
            return {"total": page.total}
        return {"_next": page.token or "", "total": page.total}


def _is_listed(audience: Audience, query: Mapping[str, str]) -> bool:
    if query.get("table", "user") != "user":
        return False
    if query.get("kind", audience.kind) != audience.kind:
        return False
    return "valid" not in query or (query["valid"] == "true") != bool(
        audience.invalid_reason
    )
