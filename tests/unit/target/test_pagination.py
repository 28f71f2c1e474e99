"""Where a list ends, whatever its pagination states."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import UnexpectedResponseError
from target_bigcommerce.api.models import ApiRequest
from target_bigcommerce.api.responses import (
    MAX_PAGES,
    are_rows_missing,
    check_page_count,
    check_page_differs,
    has_next_page,
    read_pagination,
)

any_value = (
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers()
)
READ = ApiRequest(method="GET", path="/customers")
NAMES = ("total", "count", "per_page", "current_page", "total_pages")


def page(rows: int = 0, **stated: object) -> dict[str, Any]:
    return {"data": [{"id": n} for n in range(rows)], "meta": {"pagination": stated}}


@pytest.mark.parametrize(
    ("rows", "stated", "number", "more"),
    [
        (50, {"total_pages": 3}, 1, True),
        (50, {"total_pages": 3}, 3, False),
        (50, {"total_pages": "3"}, 2, True),
        (50, {"total_pages": 3.0}, 3, False),
        (0, {"total_pages": 3}, 1, False),
        (50, {}, 1, True),
        (49, {}, 1, True),
        (0, {}, 1, False),
        (20, {"total": 30}, 1, True),
        (20, {"total": 20}, 1, False),
        (20, {"total": "20"}, 1, False),
        (20, {"total": 0, "total_pages": 0}, 1, True),
        (20, {"total": 19}, 1, True),
        (20, {"total_pages": None, "per_page": 250, "count": 20}, 1, True),
        (20, {"total_pages": "many"}, 1, True),
        (20, {"total_pages": -1}, 1, True),
        (20, {"total_pages": True}, 1, True),
    ],
)
def test_list_ends_as_stated_or_with_an_empty_page(
    rows: int, stated: dict[str, object], number: int, *, more: bool
) -> None:
    assert has_next_page(page(rows, **stated), number, rows) is more


@pytest.mark.parametrize("meta", [None, [], {}, {"pagination": None}])
def test_page_without_pagination_is_not_the_last(meta: object) -> None:
    assert has_next_page({"data": [{"id": 1}], "meta": meta}, 1, 1)


@pytest.mark.parametrize(
    ("rows", "stated", "lacks"),
    [
        (1, {"total": 2, "total_pages": 1}, True),
        (2, {"total": 2, "total_pages": 1}, False),
        (0, {"total": 2, "total_pages": 1, "current_page": 2}, False),
        (19, {"total": 30, "total_pages": 2, "per_page": 20, "current_page": 1}, True),
        (20, {"total": 30, "total_pages": 2, "per_page": 20, "current_page": 1}, False),
        (10, {"total": 30, "total_pages": 2, "per_page": 20}, False),
        (9, {"total": 30, "total_pages": 2, "per_page": 20, "current_page": 2}, True),
        (10, {"total": 30, "total_pages": 2, "per_page": 20, "current_page": 2}, False),
        (0, {"total": 30, "total_pages": 2, "per_page": 20, "current_page": 3}, False),
        # A store that repeats the requested limit and returns fewer rows.
        (
            20,
            {"total": 30, "total_pages": 2, "per_page": 250, "current_page": 1},
            False,
        ),
        (20, {"total": 30, "per_page": 20}, False),
        (1, {"total_pages": 5, "per_page": 1}, False),
    ],
)
def test_page_that_lacks_rows_differs_from_a_short_one(
    rows: int, stated: dict[str, object], *, lacks: bool
) -> None:
    assert (rows < read_pagination(page(**stated)).rows_on_page) is lacks


@given(st.dictionaries(st.sampled_from(NAMES), any_value))
def test_no_pagination_breaks_reading(stated: dict[str, object]) -> None:
    body = page(1, **stated)

    read = read_pagination(body)

    assert min(read.total, read.pages, read.per_page) >= 0
    assert has_next_page(body, 1, 1) in {True, False}
    assert isinstance(read.rows_on_page, int)


@given(st.integers(0, 2000), st.integers(1, 250))
def test_correct_pagination_lacks_nothing(total: int, per_page: int) -> None:
    pages, read = -(-total // per_page), 0
    for number in range(1, max(pages, 1) + 1):
        rows = min(per_page, total - read)
        read += rows
        stated = page(
            rows,
            total=total,
            total_pages=pages,
            per_page=per_page,
            current_page=number,
        )

        assert rows >= read_pagination(stated).rows_on_page
        assert has_next_page(stated, number, read) is (number < pages)

    assert not are_rows_missing([stated], read)


def test_rows_are_missing_if_any_page_states_more() -> None:
    bodies = [page(total=3), page(), page(total=2)]

    assert are_rows_missing(bodies, 2)
    assert not are_rows_missing(bodies, 3)


def test_repeated_page_is_an_error() -> None:
    check_page_differs(READ, page(1), page(2))
    check_page_differs(READ, page(0), page(0))

    with pytest.raises(UnexpectedResponseError, match="same page"):
        check_page_differs(READ, page(2), page(2))


def test_too_many_pages_are_an_error() -> None:
    check_page_count(READ, MAX_PAGES)

    with pytest.raises(UnexpectedResponseError, match="more than 5,000 pages"):
        check_page_count(READ, MAX_PAGES + 1)
