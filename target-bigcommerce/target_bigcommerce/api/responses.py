"""Parses and classifies responses, rows and pagination. Pure.

A response that lacks documented fields is an error, because a customer missing from it
would be rejected as unknown to the store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from singer_kit.errors import (
    AuthError,
    PluginError,
    RetriableError,
    UnexpectedResponseError,
)
from target_bigcommerce.errors import (
    ErrorDetails,
    OutcomeUnknownError,
    RequestRejectedError,
    ThrottledError,
)

from .models import ApiResponse, AttributeDefinition, StoredValue
from .quota import read_rate_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from singer_kit.http import HttpResponse

    from .models import ApiRequest, AttributeValue, Row

REJECTED = frozenset(
    {
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
LIST_TOO_LONG = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_URI_TOO_LONG})
NOT_STARTED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.LOCKED})
TIMED_OUT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
SCOPE = "the scope Customers set to modify (store_v2_customers)"
STOPPED = "The run stops and the state does not advance."

DIGITS = re.compile(r"[0-9]{1,18}")  # Fits 64 bits.
FIRST_INEXACT = 2.0**53  # Larger floats may have lost digits.
VALUE_KEY = ("customer_id", "attribute_id")

# A look-up has at most 100 ids and 50 attributes, so at most 5000 values, and a page
# has at least one row.
MAX_PAGES = 5000


# Status and body.


def parse_response(request: ApiRequest, response: HttpResponse) -> ApiResponse:
    """Decode a 2xx response; raise the error for any other.

    Raises:
        AuthError: for a 401 or 403.
        RequestRejectedError: when the store rejects rows or the length of a list.
        OutcomeUnknownError: when a POST may or may not have been applied.
        ThrottledError: for a 429.
        RetriableError: when another attempt may succeed.
        UnexpectedResponseError: for anything else.
    """
    status = response.status
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise _error(request, response)
    content = _decode(response.body)
    if not _is_complete(request.method, status, content):
        raise outcome_unknown(
            request, f"returned {status} without all the rows it should contain"
        )
    return ApiResponse(status=status, body=content)


def outcome_unknown(
    request: ApiRequest, what: str, retry_after: float | None = None
) -> PluginError:
    """Return the error for a request that the store may or may not have processed.

    Any request but a POST is idempotent and can be retried.
    """
    kind = OutcomeUnknownError if request.method == "POST" else RetriableError
    return kind(f"{request.endpoint} {what}.", retry_after=retry_after)


def read_error_details(status: int, body: bytes) -> ErrorDetails:
    """Read the body of an error; of an invalid body only the status is kept."""
    content = _decode(body)
    if not isinstance(content, dict):
        return ErrorDetails(status=status)
    errors = content.get("errors")
    if not isinstance(errors, dict) or not errors:
        errors = None
    return ErrorDetails(
        status=status,
        title=_text(content.get("title")),
        errors=errors and {str(key): _text(value) for key, value in errors.items()},
    )


def _error(request: ApiRequest, response: HttpResponse) -> PluginError:
    status = response.status
    returned = f"{request.endpoint} returned {status}"
    retry_after = read_rate_limits(response.headers).retry_after_seconds
    if status in NOT_STARTED:
        is_throttled = status == HTTPStatus.TOO_MANY_REQUESTS
        kind = ThrottledError if is_throttled else RetriableError
        return kind(f"{returned}.", retry_after=retry_after)
    is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if (
        is_server_error and status != HTTPStatus.NOT_IMPLEMENTED
    ) or status in TIMED_OUT:
        return outcome_unknown(request, f"returned {status}", retry_after)
    if status in REJECTED or (status in LIST_TOO_LONG and request.has_list):
        details = read_error_details(status, response.body)
        return RequestRejectedError(f"{returned}.", details)
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthError(
            f"{returned}: access_token is not a valid token of the store in"
            f" store_hash. Create one in the store's control panel, with {SCOPE}, and"
            " set access_token."
        )
    if status == HTTPStatus.FORBIDDEN:
        return AuthError(
            f"{returned}: access_token belongs to another store than store_hash, or"
            f" lacks {SCOPE}; a read-only token fails at the first write. Correct"
            " store_hash, or create a token with that scope and set access_token."
        )
    return UnexpectedResponseError(f"{returned}. {_hint(status)}")


def _hint(status: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return (
            "A redirect is not followed, because it would send the token to another"
            " address. Check api_url."
        )
    if status == HTTPStatus.NOT_FOUND:
        return "Check api_url: it must not include /stores/{store_hash}/v3."
    return STOPPED


def _is_complete(method: str, status: int, content: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether a 2xx response has all the rows that its pagination states.

    A DELETE returns none. A PUT may return 204, because its rows can be read back.
    """
    if method == "DELETE" or (method == "PUT" and status == HTTPStatus.NO_CONTENT):
        return True
    if not isinstance(content, dict):
        return False
    rows = content.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return False
    return len(rows) >= read_pagination(content).rows_on_page


def _decode(body: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None


# Rows.


def whole_number(value: object) -> int | None:
    """Read a whole number, also from a text or a float such as `1.0`; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if DIGITS.fullmatch(value) else None
    if isinstance(value, float):
        is_exact = value.is_integer() and abs(value) < FIRST_INEXACT
        return int(value) if is_exact else None
    return value if isinstance(value, int) else None


def row_id(row: Row) -> int:
    """Read the id of a row."""
    return _whole_number(row, "id", "a row without a valid id")


def parse_customer(row: Row) -> Row:
    """Validate a customer; its id becomes an integer.

    Raises:
        UnexpectedResponseError: when it is malformed.
    """
    channels, forms = row.get("channel_ids") or [], row.get("form_fields") or []
    if not _are_all(channels, _is_channel) or not _are_all(forms, _is_form_field):
        raise _malformed("a customer with malformed channel_ids or form_fields")
    return {**row, "id": row_id(row)}


def parse_written_customers(rows: Iterable[Row]) -> list[Row]:
    """Read the customers that a POST returns, without those that have no valid id."""
    numbers = [(row, whole_number(row.get("id"))) for row in rows]
    return [{**row, "id": number} for row, number in numbers if number is not None]


def parse_attribute(row: Row) -> AttributeDefinition:
    """Read an attribute definition."""
    name, kind = row.get("name"), row.get("type")
    if not isinstance(name, str) or not isinstance(kind, str):
        raise _malformed("an attribute definition without a name or a type")
    return AttributeDefinition(id=row_id(row), name=name, type=kind)


def parse_value(row: Row) -> StoredValue:
    """Read an attribute value. It is read as `attribute_value`, written as `value`."""
    what = "a malformed attribute value"
    numbers = {name: _whole_number(row, name, what) for name in (*VALUE_KEY, "id")}
    if "attribute_value" not in row:
        raise _malformed(what)
    return StoredValue(**numbers, value=_text(row["attribute_value"]))


def value_row(value: AttributeValue | StoredValue) -> Row:
    """Return the row of a PUT that writes this value."""
    return {
        "attribute_id": value.attribute_id,
        "customer_id": value.customer_id,
        "value": value.value,
    }


def _whole_number(row: Row, name: str, what: str) -> int:
    number = whole_number(row.get(name))
    if number is None:
        raise _malformed(what)
    return number


def _are_all(values: object, is_valid: Callable[[object], bool]) -> bool:
    return isinstance(values, list) and all(map(is_valid, values))


def _is_channel(value: object) -> bool:
    return isinstance(value, int)


def _is_form_field(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _text(value: object) -> str:
    """Convert JSON to text; null becomes an empty text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _malformed(what: str) -> UnexpectedResponseError:
    return UnexpectedResponseError(f"BigCommerce returned {what}. {STOPPED}")


# Pagination.


@dataclass(frozen=True, slots=True, kw_only=True)
class Pagination:
    """The pagination of a page; 0 for an absent or invalid number."""

    total: int = 0
    pages: int = 0
    per_page: int = 0
    page: int = 0

    @property
    def rows_on_page(self) -> int:
        """Number of rows that the page should have; 0 if the numbers are invalid."""
        if self.pages == 1:
            return self.total if self.page <= 1 else 0
        if (
            not self.per_page
            or not self.page
            or -(-self.total // self.per_page) != self.pages
        ):
            return 0
        return min(self.per_page, self.total - (self.page - 1) * self.per_page)


def read_pagination(body: Any) -> Pagination:  # noqa: ANN401 - JSON
    """Read the pagination of a page."""
    stated = _pagination(body)
    return Pagination(
        total=_count(stated.get("total")),
        pages=_count(stated.get("total_pages")),
        per_page=_count(stated.get("per_page")),
        page=_count(stated.get("current_page")),
    )


def read_total(body: Any) -> int:  # noqa: ANN401 - JSON
    """Read the total number of rows.

    Raises:
        UnexpectedResponseError: when it is missing.
    """
    number = whole_number(_pagination(body).get("total"))
    if number is None:
        raise _malformed("a page that does not state the number of rows")
    return number


def has_next_page(body: Any, page: int, rows_so_far: int) -> bool:  # noqa: ANN401 - JSON
    """Whether another page follows.

    A page may have fewer rows than requested. Without a stated number of pages, the
    last page is one that is empty or completes the stated total.
    """
    if not body["data"]:
        return False
    stated = read_pagination(body)
    return page < stated.pages if stated.pages else rows_so_far != stated.total


def are_rows_missing(bodies: Iterable[Any], rows: int) -> bool:
    """Whether there are fewer rows than the largest total that a page states."""
    return rows < max(read_pagination(body).total for body in bodies)


def check_page_differs(request: ApiRequest, previous: Any, body: Any) -> None:  # noqa: ANN401 - JSON
    """Check that a page differs from the previous one.

    Raises:
        UnexpectedResponseError: when it does not, so the rest cannot be read.
    """
    if body["data"] and body["data"] == previous["data"]:
        raise UnexpectedResponseError(
            f"{request.endpoint} returned the same page twice. {STOPPED}"
        )


def check_page_count(request: ApiRequest, pages: int) -> None:
    """Check that a list has at most 5000 pages.

    Raises:
        UnexpectedResponseError: when it has more.
    """
    if pages > MAX_PAGES:
        raise UnexpectedResponseError(
            f"{request.endpoint} has more than {MAX_PAGES:,} pages. {STOPPED}"
        )


def _pagination(body: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    meta = body.get("meta")
    found = meta.get("pagination") if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else {}


def _count(value: object) -> int:
    return max(whole_number(value) or 0, 0)
