"""What each call of the Lytics API answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .filterql import FilterError, Include, Node, parse
from .lytics_answers import envelope, error, sizes
from .messages import Answer, Request
from .scan import Page, Scans, StaleTokenError
from .schema_answers import schema_fields, schema_table

if TYPE_CHECKING:
    from .audiences import Audience
    from .happenings import Happenings

DEFAULT_LIMIT = 20
Route = Callable[[Request, str], Answer]


class Calls:
    """The calls of one account."""

    def __init__(self, account: Happenings, scans: Scans) -> None:
        self._account = account
        self._options = account.options
        self._scans = scans

    def answer(self, request: Request) -> Answer:
        """Answer a call that was let in."""
        found = self._route(request.path)
        if found is None:
            return error(404, "not found")
        act, pattern, name = found
        if request.method != ("POST" if act == self._scan_filter_post else "GET"):
            return self._other_method(request, pattern)
        return act(request, name)

    def pattern(self, path: str) -> str:
        """The path with the audience's name left out."""
        found = self._route(path)
        return found[1] if found else path

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
        query, per_page = request.query, self._options.audiences_per_page
        rows = [
            audience.to_dict(sizes=query.get("sizes") == "true")
            for audience in self._account.audiences.values()
            if _is_listed(audience, query)
        ]
        try:
            start = int(query.get("start") or 0)
        except ValueError:
            return error(400, "start is not a number")
        page = rows[start : start + per_page] if per_page else rows
        more = start + len(page) < len(rows)
        token = {"_next": str(start + per_page)} if more and per_page else {}
        return envelope(self._options, page, **token)

    def _one(self, request: Request, name: str) -> Answer:
        audience = self._account.find(name)
        if audience is None:
            return error(404, "segment not found")
        with_size = request.query.get("sizes") == "true"
        return envelope(self._options, audience.to_dict(sizes=with_size))

    def _sizes(self, request: Request, _: str) -> Answer:
        names = [name for name in request.query.get("ids", "").split(",") if name]
        found = [self._account.find(name) for name in names] or list(
            self._account.audiences.values()
        )
        if None in found:
            return error(404, "segment not found")
        return envelope(self._options, sizes(found, self._account.clock.now()))

    def _size(self, _: Request, name: str) -> Answer:
        audience = self._account.find(name)
        if audience is None:
            return error(404, "segment not found")
        row = sizes([audience], self._account.clock.now())[0]
        shapes = {"list": [audience.size], "object": row, "objects": [row]}
        return envelope(self._options, shapes[self._options.size_shape])

    def _fields(self, *_: object) -> Answer:
        return envelope(self._options, schema_fields(self._account.population))

    def _table(self, *_: object) -> Answer:
        return envelope(self._options, schema_table(self._account.population))

    # Scans.

    def _scan_audience(self, request: Request, name: str) -> Answer:
        audience = self._account.find(name)
        if audience is None:
            return error(404, "segment not found")
        if audience.invalid_reason:
            return envelope(self._options, [], _next="", total=0)
        scan = f"audience {audience.id}"
        return self._scan(request, scan, Include(audience.slug), fields=True)

    def _scan_filter_post(self, request: Request, _: str) -> Answer:
        if not request.headers.get("content-type", "").startswith("text/plain"):
            return error(400, "send the filter as text/plain")
        try:
            text = request.body.decode()
        except UnicodeDecodeError:
            return error(400, "the filter is not UTF-8")
        return self._scan_filter(request, text, fields=self._options.fields_on_post)

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
        limit = min(max(limit, 1), self._options.page_limit)
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
            return error(self._options.stale_token_status, str(stale))
        return envelope(self._options, page.members, **self._scan_end(page))

    def _scan_end(self, page: Page) -> dict[str, Any]:
        if page.token is None and self._options.scan_end == "missing":
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
