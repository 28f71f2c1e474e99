"""A store whose responses are rewritten before the target sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox import Sandbox
    from sandbox.http import Response

    Tell = Callable[[str, Any], Any]


SUCCESSES = range(200, 300)
NOTHING = None  # A 204.


def retold(
    box: Sandbox, tell: Tell, *, page_rows: int = 250, deaf_to: str = ""
) -> Sandbox:
    """Retell every success that has rows.

    No page has more rows than so many, and one filter is not listened to.
    """
    return cast("Sandbox", _Box(box, _Store(box, tell, page_rows, deaf_to)))


class _Box:
    """The sandbox, but for its store."""

    def __init__(self, box: Sandbox, store: _Store) -> None:
        self._box = box
        self.store = store

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all that it has
        return getattr(self._box, name)


class _Store:
    """The store, but for what it answers."""

    def __init__(self, box: Sandbox, tell: Tell, page_rows: int, deaf_to: str) -> None:
        self._real = box.store
        self._tell = tell
        self._page_rows = page_rows
        self._deaf_to = deaf_to

    def handle(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Response:
        """Let the store answer, and say it otherwise."""
        heard = dict(parse_qsl(query))
        heard.pop(self._deaf_to, None)
        if heard.get("limit") == "250":
            heard["limit"] = str(self._page_rows)
        answer = self._real.handle(method, path, heard, headers, body)
        if answer.status not in SUCCESSES or not answer.body:
            return answer
        content = self._tell(method, answer.json())
        if content is NOTHING:
            return replace(answer, status=204, body=b"")
        return replace(answer, body=msgspec.json.encode(content))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all that it has
        return getattr(self._real, name)
