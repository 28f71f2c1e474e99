"""A store whose responses are rewritten before the target receives them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

import msgspec

from sandbox.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox import Sandbox

    Rewrite = Callable[[str, Any], Any]
    Replace = Callable[[str, str, dict[str, str], Any], tuple[int, Any] | None]


SUCCESSES = range(200, 300)
NO_CONTENT = None  # A 204.


def rewrite_responses(
    box: Sandbox, rewrite: Rewrite, *, page_rows: int = 250, ignored_filter: str = ""
) -> Sandbox:
    """Rewrite every successful response that has a body.

    Args:
        box: the sandbox.
        rewrite: takes the method and the content; returns the new content, or
            NO_CONTENT for a 204.
        page_rows: maximum number of rows on a page.
        ignored_filter: name of a query filter that the store ignores.
    """
    store = _Store(box, rewrite, page_rows, ignored_filter)
    return cast("Sandbox", _Box(box, store))


def replace_responses(box: Sandbox, replace_one: Replace) -> Sandbox:
    """Respond to some requests instead of the store, which does not receive them.

    Args:
        box: the sandbox.
        replace_one: takes the method, the path, the query and the decoded body; returns
            a status and a content, or None to let the store respond.
    """
    return cast("Sandbox", _Box(box, _ReplacedStore(box, replace_one)))


class _Box:
    """The sandbox with another store."""

    def __init__(self, box: Sandbox, store: _Store | _ReplacedStore) -> None:
        self._box = box
        self.store = store

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute
        return getattr(self._box, name)


class _Store:
    """The store with rewritten responses."""

    def __init__(
        self, box: Sandbox, rewrite: Rewrite, page_rows: int, ignored_filter: str
    ) -> None:
        self._real = box.store
        self._rewrite = rewrite
        self._page_rows = page_rows
        self._ignored_filter = ignored_filter

    def handle(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Response:
        """Let the store respond, and rewrite its response."""
        parameters = dict(parse_qsl(query))
        parameters.pop(self._ignored_filter, None)
        if parameters.get("limit") == "250":
            parameters["limit"] = str(self._page_rows)
        response = self._real.handle(method, path, parameters, headers, body)
        if response.status not in SUCCESSES or not response.body:
            return response
        content = self._rewrite(method, response.json())
        if content is NO_CONTENT:
            return replace(response, status=204, body=b"")
        return replace(response, body=msgspec.json.encode(content))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute
        return getattr(self._real, name)


class _ReplacedStore:
    """The store with some responses of its own."""

    def __init__(self, box: Sandbox, replace_one: Replace) -> None:
        self._real = box.store
        self._replace_one = replace_one

    def handle(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Response:
        """Respond, or let the store respond."""
        _, _, short_path = path.partition("/v3")
        parameters = dict(parse_qsl(query))
        content = msgspec.json.decode(body) if body else None
        replaced = self._replace_one(method, short_path, parameters, content)
        if replaced is None:
            return self._real.handle(method, path, query, headers, body)
        status, response = replaced
        encoded = b"" if response is None else msgspec.json.encode(response)
        return Response(status=status, headers={}, body=encoded)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute
        return getattr(self._real, name)
