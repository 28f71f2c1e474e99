"""Requests, responses and rows of BigCommerce's API, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_kit.errors import PluginError
    from target_bigcommerce.errors import ErrorDetails

Row = dict[str, Any]

LITERAL_IN_QUERY = ":,@/"  # Lists stay readable; RFC 3986 allows these in a query.


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One request.

    Args:
        method: the HTTP method.
        path: relative to the store's base URL.
        query: the query's parameters, not encoded.
        body: JSON; None for no body.
        attempts: how often it is tried, not counting attempts that got a 429; None for
            the usual number.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    attempts: int | None = None

    @property
    def endpoint(self) -> str:
        """Method and path, for messages and counts."""
        return f"{self.method} {self.path}"

    @property
    def target(self) -> str:
        """Path and query string, encoded."""
        pairs = [f"{name}={encode(value)}" for name, value in self.query.items()]
        return f"{self.path}{'?' if pairs else ''}{'&'.join(pairs)}"

    @property
    def has_list(self) -> bool:
        """Whether the query has a list, which can be too long for the store."""
        return any(name.endswith(":in") for name in self.query)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """A 2xx response; any other is raised as an error.

    Args:
        status: the HTTP status.
        body: the decoded body. Of a GET it is complete.
        failures: the errors that the response reports although it is a 2xx; None if it
            reports none.
        failed: number of rows that it reports as failed.
    """

    status: int
    body: Any
    failures: ErrorDetails | None = None
    failed: int = 0

    @property
    def rows(self) -> list[Row]:
        """The rows of `data`; none if there is no list of rows."""
        rows = self.body.get("data") if isinstance(self.body, dict) else None
        return [row for row in rows if isinstance(row, dict)] if rows else []


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeDefinition:
    """A customer attribute of the store; its type is string, number or date."""

    id: int
    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeValue:
    """An attribute value to write."""

    customer_id: int
    attribute_id: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredValue:
    """An attribute value that the store has."""

    id: int
    attribute_id: int
    customer_id: int
    value: str


@dataclass(slots=True, kw_only=True)
class WriteResult:
    """The result for each row, by its index in the list that was written.

    Args:
        done: rows written, as the store returned them.
        rejected: the store's errors.
        error: what ended the writing early; the rows in neither dictionary are then
            not written, or their outcome is unknown.
    """

    done: dict[int, Row] = field(default_factory=dict)
    rejected: dict[int, ErrorDetails] = field(default_factory=dict)
    error: PluginError | None = None


def encode(value: str) -> str:
    """Percent-encode a value for a query string."""
    return quote(value, safe=LITERAL_IN_QUERY)
