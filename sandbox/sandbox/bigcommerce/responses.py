"""Responses in BigCommerce's form: rows, and errors, which are raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.http import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"


class RefusalError(Exception):
    """The call is refused; `response` builds the error to send."""

    def __init__(
        self, status: int, title: str, errors: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.errors = dict(errors or {})

    def response(self) -> Response:
        """Build the response."""
        return error_response(self.status, self.title, self.errors)


def error_response(
    status: int, title: str, errors: Mapping[str, str] | None = None
) -> Response:
    """Build an error response."""
    body = {"status": status, "title": title, "type": TYPE, "errors": errors or {}}
    return json_response(status, body)


def rows_response(
    rows: list[dict[str, Any]], meta: Mapping[str, Any] | None = None
) -> Response:
    """Build a response with rows."""
    return json_response(200, {"data": rows, "meta": meta or {}})
