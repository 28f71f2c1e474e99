"""Reads long lists: splits values across requests and reads all pages.

A list of ids or emails is split to fit BigCommerce's limits. A list that is rejected is
halved. If both halves are accepted it was too long, and the smaller size is used from
then on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Self

from singer_kit.errors import (
    PluginError,
    RetriableError,
    UnexpectedResponseError,
)
from target_bigcommerce.errors import ErrorDetails, RequestRejectedError

from .limits import cut, smaller
from .models import encode
from .responses import (
    MAX_PAGES,
    STOPPED,
    are_rows_missing,
    check_page_count,
    check_page_differs,
    has_next_page,
    read_pagination,
    row_id,
)
from .row_errors import attempts_after, call_twice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .limits import CallSize
    from .models import ApiRequest, Row
    from .parallel import ParallelCalls
    from .row_errors import RowErrors
    from .transport import Transport

Refused = dict[str, ErrorDetails]  # The store's errors by value of a list.

MAX_URL_LENGTH = 2000  # Undocumented; servers commonly allow this much.
# Statuses that concern a value of a list, not the call.
OF_VALUES = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.MULTI_STATUS,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
CLIENT_ERRORS = range(400, 500)
OF_SIZE = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    }
)
PAGE_ROWS = 250  # BigCommerce's maximum.
PAGE_QUERY = {"limit": str(PAGE_ROWS), "page": "9999"}  # As long as it can become.


def chunks(values: Sequence[str], max_values: int, max_length: int) -> list[list[str]]:
    """Split a list into parts of at most `max_values` values.

    A part also has at most `max_length` characters when encoded in a URL.
    """
    parts: list[list[str]] = []
    length = 0
    for value in values:
        width = len(encode(value)) + 1
        if not parts or len(parts[-1]) >= max_values or length + width > max_length:
            parts.append([])
            length = 0
        parts[-1].append(value)
        length += width
    return parts


@dataclass(slots=True, kw_only=True)
class _Part:
    """The result of a part of a list.

    Args:
        rows: the rows that match.
        is_accepted: whether the store refused none of its values.
    """

    rows: list[Row]
    is_accepted: bool = True

    @classmethod
    def joined(cls, parts: Sequence[_Part]) -> Self:
        """Join parts of a part."""
        return cls(
            rows=[row for part in parts for row in part.rows],
            is_accepted=all(part.is_accepted for part in parts),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _PartedCall:
    """A call that is made for each part of a list."""

    request: ApiRequest
    name: str
    size: CallSize
    call: Callable[[ApiRequest], list[Row]]
    refused: Refused | None
    attempts: int | None = None
    is_bisecting: bool = False

    def check_collects(self, error: PluginError) -> None:
        """Raise an error that must not pass unnoticed."""
        if self.refused is None:
            raise error


class ListReader:
    """Reads complete lists; pages in parallel if their number is known."""

    def __init__(
        self, transport: Transport, parallel: ParallelCalls, row_errors: RowErrors
    ) -> None:
        self._transport = transport
        self._parallel = parallel
        self._row_errors = row_errors

    # By values in the query.

    def read_matching(
        self,
        request: ApiRequest,
        name: str,
        values: Sequence[str],
        size: CallSize,
        refused: Refused | None = None,
    ) -> list[Row]:
        """Read all rows that match any of the values.

        Args:
            request: the GET, without the list.
            name: the query parameter of the list, such as `id:in`.
            values: the list.
            size: maximum number of values per request.
            refused: receives the values that the store refuses. Without it, too large
                an id matches nothing, and any other refused value ends the run.
        """
        return self.for_each_part(request, name, values, size, self.read_all, refused)

    def for_each_part(
        self,
        request: ApiRequest,
        name: str,
        values: Sequence[str],
        size: CallSize,
        call: Callable[[ApiRequest], list[Row]],
        refused: Refused | None = None,
    ) -> list[Row]:
        """Make a call for each part of the list; halve a part that is rejected.

        Returns:
            The rows of all calls.
        """
        longest = replace(request, query={**request.query, **PAGE_QUERY})
        room = MAX_URL_LENGTH - self._transport.url_length(_with(longest, name, []))
        parts = chunks(values, size.limit, room)
        parted = _PartedCall(
            request=request, name=name, size=size, call=call, refused=refused
        )
        return self._parts(parted, parts).rows

    def _parts(self, parted: _PartedCall, parts: Sequence[list[str]]) -> _Part:
        tasks = [partial(self._part, parted, part) for part in parts]
        return _Part.joined(self._parallel.run(tasks))

    def _part(self, parted: _PartedCall, part: list[str]) -> _Part:
        if len(part) > parted.size.limit:  # It was lowered since.
            return self._parts(parted, cut(part, parted.size.limit))
        request = _with(parted.request, parted.name, part)
        try:
            rows = call_twice(
                partial(parted.call, replace(request, attempts=parted.attempts)),
                when=parted.is_bisecting or len(part) == 1,
            )
        except PluginError as error:
            return self._bisect(parted, part, request, error)
        self._row_errors.record_success(request)
        return _Part(rows=rows)

    def _bisect(
        self,
        parted: _PartedCall,
        part: list[str],
        request: ApiRequest,
        error: PluginError,
    ) -> _Part:
        """Halve a part that failed; of a single value, note that it is refused."""
        if isinstance(error, RequestRejectedError):
            details = error.details
        else:
            details = self._row_errors.details_of(request, error)
            attempts = parted.attempts or attempts_after(error)
            parted = replace(parted, attempts=attempts, is_bisecting=True)
            if len(part) == 1:
                parted.check_collects(error)
        if len(part) == 1:
            self._refuse(parted, request, part[0], details)
            return _Part(rows=[], is_accepted=False)
        size = smaller(len(part))
        result = self._parts(parted, cut(part, size))
        # If no value is bad, the list was too long.
        if result.is_accepted and details.status in CLIENT_ERRORS:
            parted.size.lower(size, is_certain=details.status in OF_SIZE)
        return result

    def _refuse(
        self,
        parted: _PartedCall,
        request: ApiRequest,
        value: str,
        details: ErrorDetails,
    ) -> None:
        """Note that the store refuses a value of the list; it matches nothing."""
        refused = {} if parted.refused is None else parted.refused
        if details.status not in OF_VALUES:
            withdraw = partial(refused.pop, value, None)
            self._row_errors.record_rejected(request, details, value, withdraw)
        refused[value] = details

    # Page by page.

    def read_all(self, request: ApiRequest) -> list[Row]:
        """Read all pages; retry if rows are missing.

        Raises:
            RetriesExhaustedError: when rows are missing after every attempt.
        """
        return self._transport.retry(
            lambda: self._read_pages(request), RetriableError, request.attempts
        )

    def stream(self, request: ApiRequest) -> Iterator[Row]:
        """Read pages lazily, as their rows are consumed.

        Raises:
            UnexpectedResponseError: at the end, when rows were missing.
        """
        last, count = None, 0
        for body in self._pages_in_order(request, self._page(request, 1)):
            last, count = body, count + len(body["data"])
            yield from body["data"]
        if are_rows_missing([last], count):
            raise UnexpectedResponseError(f"{_rows_missing(request)} {STOPPED}")

    def _read_pages(self, request: ApiRequest) -> list[Row]:
        bodies = self._bodies(request)
        for previous, body in pairwise(bodies):
            check_page_differs(request, previous, body)
        rows: list[Row] = [row for body in bodies for row in body["data"]]
        if are_rows_missing(bodies, len(set(map(row_id, rows)))):
            raise RetriableError(_rows_missing(request))
        return rows

    def _bodies(self, request: ApiRequest) -> list[Any]:
        first = self._page(request, 1)
        pages = read_pagination(first).pages
        check_page_count(request, pages)
        if pages:
            tasks = [partial(self._page, request, page) for page in range(2, pages + 1)]
            return [first, *self._parallel.run(tasks)]
        bodies = list(islice(self._pages_in_order(request, first), MAX_PAGES + 1))
        check_page_count(request, len(bodies))
        return bodies

    def _pages_in_order(self, request: ApiRequest, body: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
        page, count = 1, len(body["data"])
        yield body
        while has_next_page(body, page, count):
            page, previous = page + 1, body
            body = self._page(request, page)
            check_page_differs(request, previous, body)
            count += len(body["data"])
            yield body

    def _page(self, request: ApiRequest, page: int) -> Any:  # noqa: ANN401 - JSON
        query = {**request.query, "limit": str(PAGE_ROWS)}
        if page > 1:
            query["page"] = str(page)
        try:
            return self._transport.send(replace(request, query=query)).body
        except RequestRejectedError as error:
            if page == 1 or error.details.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            # The first page was returned, so the values of the list are valid.
            raise UnexpectedResponseError(
                f"{error} It rejected page {page:,}. {STOPPED}"
            ) from None


def _with(request: ApiRequest, name: str, values: Sequence[str]) -> ApiRequest:
    return replace(request, query={**request.query, name: ",".join(values)})


def _rows_missing(request: ApiRequest) -> str:
    return f"{request.endpoint} returned fewer rows than its pagination states."
