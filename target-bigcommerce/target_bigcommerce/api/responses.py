"""Parses and classifies responses, rows and pagination. Pure.

A response that lacks documented fields is an error, because a customer missing from it
would be rejected as unknown to the store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from singer_kit.errors import (
    AuthError,
    PluginError,
    UnexpectedResponseError,
)
from target_bigcommerce.errors import (
    ErrorDetails,
    FailedCallError,
    ForbiddenError,
    OutcomeUnknownError,
    PlanLimitError,
    RefusedCallError,
    RequestRejectedError,
    ThrottledError,
)

from .models import ApiResponse, AttributeDefinition, StoredValue
from .quota import read_rate_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from singer_kit.http import HttpResponse

    from .models import ApiRequest, AttributeValue, Row

REJECTED = frozenset(
    {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
LIST_TOO_LONG = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_URI_TOO_LONG})
NOT_STARTED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.LOCKED})
TIMED_OUT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
# Successes that need not list the rows that were written.
WITHOUT_ROWS = frozenset(
    {
        HTTPStatus.ACCEPTED,
        HTTPStatus.NO_CONTENT,
        HTTPStatus.RESET_CONTENT,
        HTTPStatus.MULTI_STATUS,
    }
)
INCOMPLETE_READS = WITHOUT_ROWS | {HTTPStatus.PARTIAL_CONTENT}
SCOPE = "the scope Customers set to modify (store_v2_customers)"
STOPPED = "The run stops and the state does not advance."

ROW_INDEX = re.compile(r"^([0-9]{1,6})([.\[]|$)")  # In the keys of `errors`.
REQUEST_ID = re.compile(r"[\w.:/+=-]{1,100}", re.ASCII)
MAX_TEXTS, MAX_LENGTH, MAX_DEPTH = 100, 1000, 10  # Of an error's texts.

DIGITS = re.compile(r"[0-9]{1,18}")  # Fits 64 bits.
FIRST_INEXACT = 2.0**53  # Larger floats may have lost digits.
VALUE_KEY = ("customer_id", "attribute_id")

# A look-up has at most 250 ids and 50 attributes, so at most 12,500 values, and a page
# has at least one row.
MAX_PAGES = 12_500


# Status and body.


def parse_response(
    request: ApiRequest, response: HttpResponse, *, was_accepted: bool = False
) -> ApiResponse:
    """Decode a 2xx response; raise the error for any other.

    An error status in the body overrides a 2xx, unless the body also has rows.

    Args:
        request: the request.
        response: the response.
        was_accepted: whether the store accepted an earlier request with the same token.

    Raises:
        AuthError: for a 401 or 403.
        RequestRejectedError: when the store rejects rows or the length of a list.
        RefusedCallError: for any other 4xx, which may concern a single row.
        OutcomeUnknownError: when a POST may or may not have been applied.
        ThrottledError: for a 429.
        FailedCallError: when another attempt may succeed.
        PlanLimitError: for a 507.
        UnexpectedResponseError: for anything else.
    """
    status = response.status
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise _error(request, response, status, was_accepted=was_accepted)
    content = _decode(response.body)
    stated = _stated_status(content)
    if stated >= HTTPStatus.BAD_REQUEST:
        raise _error(request, response, stated, was_accepted=was_accepted)
    failures, failed = _failures(response, content)
    is_read = request.method == "GET"
    if not _is_complete(request.method, status, content) or (is_read and failures):
        details = failures or ErrorDetails(status=status, request_id=_id(response))
        raise outcome_unknown(
            request,
            f"returned {status} without all the rows it should contain"
            f"{_with_id(response)}",
            details,
        )
    return ApiResponse(status=status, body=content, failures=failures, failed=failed)


def outcome_unknown(
    request: ApiRequest,
    what: str,
    details: ErrorDetails,
    retry_after: float | None = None,
) -> PluginError:
    """Return the error for a request that the store may or may not have processed.

    Any request but a POST is idempotent and can be retried.
    """
    kind = OutcomeUnknownError if request.method == "POST" else FailedCallError
    return kind(f"{request.endpoint} {what}.", details, retry_after=retry_after)


def read_error_details(status: int, body: bytes, request_id: str = "") -> ErrorDetails:
    """Read the body of an error; of an invalid body only the status is kept.

    Reads `errors` in any form, else `detail`. Sources: BigCommerce's status codes page,
    and the error bodies of its other V3 endpoints.
    """
    content = _decode(body)
    errors = _texts(content if isinstance(content, list) else _get(content, "errors"))
    title = _text(_get(content, "title"))
    detail = (
        "" if errors else _text(_get(content, "detail") or _get(content, "message"))
    )
    titles = dict.fromkeys(text for text in (title, detail) if text)
    return ErrorDetails(
        status=status,
        title=" ".join(titles)[:MAX_LENGTH],
        errors=errors or None,
        request_id=request_id,
    )


def _error(
    request: ApiRequest, response: HttpResponse, status: int, *, was_accepted: bool
) -> PluginError:
    details = read_error_details(status, response.body, _id(response))
    returned = f"{request.endpoint} returned {status}{_with_id(response)}"
    retry_after = read_rate_limits(response.headers).retry_after_seconds
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ThrottledError(f"{returned}.", retry_after=retry_after)
    if status in NOT_STARTED:
        return FailedCallError(f"{returned}.", details, retry_after=retry_after)
    if status in REJECTED or (status in LIST_TOO_LONG and request.has_list):
        return RequestRejectedError(f"{returned}.", details)
    if status in TIMED_OUT or _is_transient(status):
        what = f"returned {status}{_with_id(response)}"
        return outcome_unknown(request, what, details, retry_after)
    if status == HTTPStatus.UNAUTHORIZED and was_accepted:
        return AuthError(
            f"{returned}, although earlier calls of this run succeeded: access_token"
            f" was revoked or has expired. Create one with {SCOPE}, and set"
            " access_token."
        )
    return _permanent_error(returned, details)


def _is_transient(status: int) -> bool:
    is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return is_server_error and status not in {
        HTTPStatus.NOT_IMPLEMENTED,
        HTTPStatus.INSUFFICIENT_STORAGE,
    }


def _permanent_error(returned: str, details: ErrorDetails) -> PluginError:
    status = details.status
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthError(
            f"{returned}: access_token is not a valid token of the store in"
            f" store_hash. Create one in the store's control panel, with {SCOPE}, and"
            " set access_token."
        )
    if status == HTTPStatus.FORBIDDEN:
        return ForbiddenError(
            f"{returned}: access_token belongs to another store than store_hash, or"
            f" lacks {SCOPE}; a read-only token fails at the first write. Correct"
            " store_hash, or create a token with that scope and set access_token.",
            details,
        )
    if status == HTTPStatus.INSUFFICIENT_STORAGE:
        return PlanLimitError(
            f"{returned}: the store has reached a limit of its BigCommerce plan. Delete"
            f" what it does not need, or upgrade the plan. {STOPPED}"
        )
    text = f"{returned}. {_hint(status)}"
    is_client_error = (
        HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    )
    return (
        RefusedCallError(text, details)
        if is_client_error
        else UnexpectedResponseError(text)
    )


def _hint(status: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return (
            "A redirect is not followed, because it would send the token to another"
            " address. Check api_url."
        )
    if status == HTTPStatus.NOT_FOUND:
        return "Check api_url: it must not include /stores/{store_hash}/v3."
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return f"The server does not support this call. Check api_url. {STOPPED}"
    return STOPPED


def _is_complete(method: str, status: int, content: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether a 2xx response has all the rows that it must have.

    A DELETE returns none. A PUT may return none with a status that allows that, because
    its rows can be read back; so may a POST with a 207.
    """
    if method == "DELETE" or (method == "PUT" and status in WITHOUT_ROWS):
        return True
    if method == "POST" and status == HTTPStatus.MULTI_STATUS:
        return isinstance(content, dict)
    if method == "GET" and status in INCOMPLETE_READS:
        return False
    rows = _get(content, "data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return False
    return len(rows) >= read_pagination(content).rows_on_page


def _stated_status(content: Any) -> int:  # noqa: ANN401 - JSON
    """Return the status in the body of a response without rows; 0 if it has none."""
    has_rows = isinstance(_get(content, "data"), list)
    return 0 if has_rows else whole_number(_get(content, "status")) or 0


def _failures(
    response: HttpResponse,
    content: Any,  # noqa: ANN401 - JSON
) -> tuple[ErrorDetails | None, int]:
    """Read the errors that a 2xx response reports, and the number of rows concerned.

    The form is not documented: `errors` as in an error, `meta.failed` as a number or as
    the list of what failed.
    """
    failed = _get(_get(content, "meta"), "failed")
    errors = _texts(_get(content, "errors"))
    if isinstance(failed, list | dict):
        errors |= {
            key if ROW_INDEX.match(key) else f"failed{key}": text
            for key, text in _texts(failed).items()
        }
        count = len(failed)
    else:
        count = _count(failed)
    if not errors and not count and response.status != HTTPStatus.MULTI_STATUS:
        return None, 0
    title = "" if errors else read_error_details(0, response.body).title
    details = ErrorDetails(
        status=response.status,
        title=title,
        errors=errors or None,
        request_id=_id(response),
    )
    return details, count


def _texts(value: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """List the texts of an error at any depth, by key or by the path to them."""
    leaves = islice(_leaves(value, "", MAX_DEPTH), MAX_TEXTS)
    return {path: text for path, leaf in leaves if (text := _text(leaf)[:MAX_LENGTH])}


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and depth:
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key), depth - 1)
    elif isinstance(value, list) and depth:
        for at, each in enumerate(value):
            # The position in a list is no row index, so it is written in brackets.
            is_by_row = isinstance(each, dict) and any(map(ROW_INDEX.match, each))
            yield from _leaves(each, path if is_by_row else f"{path}[{at}]", depth - 1)
    else:
        yield path, value


def _get(content: Any, key: str) -> Any:  # noqa: ANN401 - JSON
    return content.get(key) if isinstance(content, dict) else None


def _id(response: HttpResponse) -> str:
    named = {name.lower(): value for name, value in response.headers.items()}
    stated = named.get("x-request-id", "")
    return stated if REQUEST_ID.fullmatch(stated) else ""


def _with_id(response: HttpResponse) -> str:
    stated = _id(response)
    return f" (x-request-id {stated})" if stated else ""


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
    value = row["attribute_value"]
    if isinstance(value, float) and value.is_integer():
        value = whole_number(value) or value  # 33.0 was sent as 33.
    return StoredValue(**numbers, value=_text(value))


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
    return whole_number(value) is not None


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
    """Check that a list has at most 12,500 pages.

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
