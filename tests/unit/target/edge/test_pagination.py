"""Where pages end, whatever their figures say of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.paging import (
    MOST_PAGES,
    are_short,
    check_number,
    check_turned,
    figures,
    goes_on,
    lacks_rows,
)
from target_bigcommerce.errors import ProtocolError

odd = st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers()
NAMES = ("total", "count", "per_page", "current_page", "total_pages")


def page(rows: int = 0, **said: object) -> dict[str, Any]:
    return {"data": [{"id": n} for n in range(rows)], "meta": {"pagination": said}}


@pytest.mark.parametrize(
    ("rows", "said", "number", "more"),
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
def test_a_list_ends_where_its_figures_say_or_with_an_empty_page(
    rows: int, said: dict[str, object], number: int, *, more: bool
) -> None:
    assert goes_on(page(rows, **said), number, rows) is more


@pytest.mark.parametrize("meta", [None, [], {}, {"pagination": None}])
def test_a_page_without_figures_is_not_the_last(meta: object) -> None:
    assert goes_on({"data": [{"id": 1}], "meta": meta}, 1, 1)


@pytest.mark.parametrize(
    ("rows", "said", "lacks"),
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
        # A store that repeats the limit it was asked for and gives fewer rows.
        (
            20,
            {"total": 30, "total_pages": 2, "per_page": 250, "current_page": 1},
            False,
        ),
        (20, {"total": 30, "per_page": 20}, False),
        (1, {"total_pages": 5, "per_page": 1}, False),
    ],
)
def test_a_page_that_lacks_rows_is_told_from_one_that_is_short(
    rows: int, said: dict[str, object], *, lacks: bool
) -> None:
    assert lacks_rows(page(**said), rows) is lacks


@given(st.dictionaries(st.sampled_from(NAMES), odd))
def test_no_figures_break_the_reading(said: dict[str, object]) -> None:
    body = page(1, **said)

    read = figures(body)

    assert min(read.total, read.pages, read.per_page) >= 0
    assert goes_on(body, 1, 1) in {True, False}
    assert lacks_rows(body, 1) in {True, False}


@given(st.integers(0, 2000), st.integers(1, 250))
def test_figures_that_are_right_lack_nothing(total: int, per_page: int) -> None:
    pages, read = -(-total // per_page), 0
    for number in range(1, max(pages, 1) + 1):
        rows = min(per_page, total - read)
        read += rows
        said = page(
            rows,
            total=total,
            total_pages=pages,
            per_page=per_page,
            current_page=number,
        )

        assert not lacks_rows(said, rows)
        assert goes_on(said, number, read) is (number < pages)

    assert not are_short([said], read)


def test_pages_are_short_of_what_any_of_them_says() -> None:
    bodies = [page(total=3), page(), page(total=2)]

    assert are_short(bodies, 2)
    assert not are_short(bodies, 3)


def test_a_page_that_comes_twice_ends_the_reading() -> None:
    check_turned(page(1), page(2))
    check_turned(page(0), page(0))

    with pytest.raises(ProtocolError, match="same page"):
        check_turned(page(2), page(2))


def test_a_list_without_end_is_not_begun() -> None:
    check_number(MOST_PAGES)

    with pytest.raises(ProtocolError, match="no end"):
        check_number(MOST_PAGES + 1)
