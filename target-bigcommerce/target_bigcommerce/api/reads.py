"""Reads long lists: splits values across requests and reads all pages.

A list of ids or emails is split to fit BigCommerce's limits. A list that is rejected as
too long is halved, and the smaller size is used from then on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from http import HTTPStatus
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Any

from singer_kit.errors import RetriableError, UnexpectedResponseError
from target_bigcommerce.errors import RequestRejectedError

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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .models import ApiRequest, Row
    from .parallel import ParallelCalls
    from .transport import Transport

MAX_URL_LENGTH = 2000  # Undocumented; servers commonly allow this much.
PAGE_ROWS = 250  # BigCommerce's maximum.


class CallSize:
    """The number of rows or values per request, which only decreases during a run.

    Several threads may lower it; the lowest value wins.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def lower(self, rejected: int) -> None:
        """Lower the limit to half of a size that was rejected."""
        self.limit = max(1, min(self.limit, rejected // 2))


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


class ListReader:
    """Reads complete lists; pages in parallel if their number is known."""

    def __init__(self, transport: Transport, parallel: ParallelCalls) -> None:
        self._transport = transport
        self._parallel = parallel

    # By values in the query.

    def read_matching(
        self, request: ApiRequest, name: str, values: Sequence[str], size: CallSize
    ) -> list[Row]:
        """Read all rows that match any of the values.

        A value that the store rejects, such as too large an id, matches nothing.

        Args:
            request: the GET, without the list.
            name: the query parameter of the list, such as `id:in`.
            values: the list.
            size: maximum number of values per request.
        """
        read = partial(self._read_or_nothing, name)
        return self.for_each_part(request, name, values, size, read)

    def for_each_part(
        self,
        request: ApiRequest,
        name: str,
        values: Sequence[str],
        size: CallSize,
        call: Callable[[ApiRequest], list[Row]],
    ) -> list[Row]:
        """Make a call for each part of the list; halve a part that is rejected.

        Returns:
            The rows of all calls.
        """
        room = MAX_URL_LENGTH - self._transport.url_length(_with(request, name, []))
        parts = chunks(values, size.limit, room)
        tasks = [partial(self._part, request, name, part, size, call) for part in parts]
        return list(chain.from_iterable(self._parallel.run(tasks)))

    def _read_or_nothing(self, name: str, request: ApiRequest) -> list[Row]:
        try:
            return self.read_all(request)
        except RequestRejectedError:
            if "," in request.query[name]:
                raise  # The caller halves a list.
            return []

    def _part(
        self,
        request: ApiRequest,
        name: str,
        part: list[str],
        size: CallSize,
        call: Callable[[ApiRequest], list[Row]],
    ) -> list[Row]:
        try:
            return call(_with(request, name, part))
        except RequestRejectedError as error:
            if len(part) == 1:
                raise
            # A 422 may concern a value instead of the length.
            if error.details.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                size.lower(len(part))
        middle = len(part) // 2
        tasks = [
            partial(self._part, request, name, half, size, call)
            for half in (part[:middle], part[middle:])
        ]
        return list(chain.from_iterable(self._parallel.run(tasks)))

    # Page by page.

    def read_all(self, request: ApiRequest) -> list[Row]:
        """Read all pages; retry if rows are missing.

        Raises:
            RetriesExhaustedError: when rows are missing after every attempt.
        """
        return self._transport.retry(lambda: self._read_pages(request), RetriableError)

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
