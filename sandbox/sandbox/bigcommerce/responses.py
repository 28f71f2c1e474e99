"""Responses in BigCommerce's form: rows, and errors, which are raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.http import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.options import ErrorBody

TYPE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"


class RefusalError(Exception):
    """The call, or one of its rows, is refused."""

    def __init__(
        self, status: int, title: str, errors: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.errors = dict(errors or {})


def error_response(
    status: int,
    title: str,
    errors: Mapping[str, str] | None = None,
    *,
    form: ErrorBody = "errors",
) -> Response:
    """Build an error response, with `errors`, else `detail`, else only a title."""
    body: dict[str, Any] = {"status": status, "title": title, "type": TYPE}
    if form == "errors":
        body["errors"] = errors or {}
    elif form == "detail":
        body["detail"] = next(iter((errors or {}).values()), title)
    return json_response(status, body)


def partial_response(
    rows: list[dict[str, Any]],
    refused: Sequence[RefusalError],
    form: ErrorBody = "errors",
) -> Response:
    """Build a 207 with the written rows, and the reasons for the others."""
    failed = len(refused)
    meta = {"total": len(rows) + failed, "success": len(rows), "failed": failed}
    body: dict[str, Any] = {"data": rows, "meta": meta}
    if form == "errors":
        body["errors"] = {k: v for each in refused for k, v in each.errors.items()}
    elif form == "detail":
        body["detail"] = next(iter(refused[0].errors.values()), refused[0].title)
    return json_response(207, body)


def rows_response(
    rows: list[dict[str, Any]], meta: Mapping[str, Any] | None = None
) -> Response:
    """Build a response with rows."""
    return json_response(200, {"data": rows, "meta": meta or {}})
