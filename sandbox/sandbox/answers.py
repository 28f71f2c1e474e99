"""The forms of BigCommerce's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .messages import Answer, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPE = "https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes"
BAD_JSON = "JSON data is missing or invalid"


class RefusalError(Exception):
    """A call that is answered with an error."""

    def __init__(
        self, status: int, title: str, errors: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.errors = dict(errors or {})

    def answer(self) -> Answer:
        """Write it as BigCommerce does."""
        return refusal(self.status, self.title, self.errors)


def refusal(status: int, title: str, errors: Mapping[str, str] | None = None) -> Answer:
    """Refuse a call."""
    body = {"status": status, "title": title, "type": TYPE, "errors": errors or {}}
    return json_answer(status, body)


def success(
    rows: list[dict[str, Any]], meta: Mapping[str, Any] | None = None
) -> Answer:
    """Answer with rows."""
    return json_answer(200, {"data": rows, "meta": meta or {}})
