"""A store that returns fewer rows than requested is read to the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.errors import RetriesExhaustedError, UnexpectedResponseError
from support.reworded import rewrite_responses

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.target_job import MakeJob

Pagination = Mapping[str, Any]
AUDIENCE = "LyticsAudience_vip_customers"
PAGE_ROWS = 20
CUSTOMERS = range(1, 31)
ATTRIBUTES = [{"from": name, "to": name, "write": "if_empty"} for name in ("A", "B")]
PAGINATIONS: list[dict[str, Any]] = [
    {},
    {"total_pages": None, "total": None},
    {"total_pages": None},
    {"total_pages": 0},
    {"total_pages": 0, "total": 0},
    {"total_pages": "2"},
    {"total_pages": 2.0, "total": "30"},
    {"total_pages": None, "total": None, "per_page": 250},
    {"total_pages": None, "total": None, "per_page": None, "count": None},
]
paginations = pytest.mark.parametrize("stated", PAGINATIONS, ids=str)


def with_pagination(stated: Pagination) -> Callable[[str, Any], Any]:
    """Replace the pagination of lists of thirty rows; None removes a number."""

    def rewrite(_method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        if is_of_thirty(content):
            pagination = content["meta"]["pagination"] | stated
            known = {name: n for name, n in pagination.items() if n is not None}
            content["meta"]["pagination"] = known
        return content

    return rewrite


def is_of_thirty(content: Any) -> bool:  # noqa: ANN401 - JSON
    pagination = content["meta"].get("pagination", {})
    return bool(pagination.get("total") == len(CUSTOMERS))


def member(number: int) -> dict[str, Any]:
    return {"id": number, "A": "mine", "B": "mine"}


@pytest.fixture
def shop(box: Sandbox) -> Sandbox:
    """Thirty customers, the first fifteen with a value of A and of B."""
    numbers = [box.store.add_attribute(name) for name in ("A", "B")]
    for number in CUSTOMERS:
        box.store.put_customer(number, email=f"m{number}@example.com")
    for number in CUSTOMERS[:15]:
        values = [
            {"customer_id": number, "attribute_id": each, "value": "theirs"}
            for each in numbers
        ]
        box.store.call("PUT", "/customers/attribute-values", values)
    return box


@paginations
def test_value_on_a_later_page_is_not_overwritten(
    shop: Sandbox, make_job: MakeJob, stated: Pagination
) -> None:
    store = rewrite_responses(shop, with_pagination(stated), page_rows=PAGE_ROWS)
    job = make_job(store, map_standard_fields=[], map_custom_attributes=ATTRIBUTES)

    job.write(*map(member, CUSTOMERS[:15]))

    assert job.values("A") == job.values("B") == dict.fromkeys(range(1, 16), "theirs")


@paginations
def test_customer_on_a_later_page_is_known(
    shop: Sandbox, make_job: MakeJob, stated: Pagination
) -> None:
    store = rewrite_responses(shop, with_pagination(stated), page_rows=PAGE_ROWS)
    job = make_job(store, map_standard_fields=[])

    outcomes = job.write(*map(member, CUSTOMERS))

    assert outcomes == {"updated": len(CUSTOMERS)}


@paginations
def test_attribute_on_a_later_page_gets_no_duplicate(
    shop: Sandbox, make_job: MakeJob, stated: Pagination
) -> None:
    for number in range(27):
        shop.store.add_attribute(f"More {number}")
    shop.store.add_attribute(AUDIENCE)
    before = dict(shop.store.attributes.items())
    store = rewrite_responses(shop, with_pagination(stated), page_rows=PAGE_ROWS)
    job = make_job(store, map_standard_fields=[])

    job.write(member(1))

    assert dict(shop.store.attributes.items()) == before
    assert "POST /customers/attributes" not in job.calls()


@paginations
def test_exits_on_a_later_page_are_found(
    shop: Sandbox, make_job: MakeJob, stated: Pagination
) -> None:
    make_job(shop, map_standard_fields=[]).write(*map(member, CUSTOMERS))
    store = rewrite_responses(shop, with_pagination(stated), page_rows=PAGE_ROWS)
    job = make_job(store, map_standard_fields=[], on_exit="clear")
    job.write(*map(member, CUSTOMERS[:28]), version=1)

    job.activate(1)

    assert sorted(job.values(AUDIENCE)) == list(CUSTOMERS[:28])


def without_a_row(page: int) -> Callable[[str, Any], Any]:
    """Remove the last row of a page."""

    def rewrite(_method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        pagination = content["meta"].get("pagination", {})
        if is_of_thirty(content) and pagination["current_page"] == page:
            del content["data"][-1:]
        return content

    return rewrite


@pytest.mark.guarantee("unconfirmed-is-not-written")
@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize(
    "stated", [{}, {"total_pages": None}, {"per_page": None}], ids=str
)
def test_row_missing_between_pages_is_an_error(
    shop: Sandbox, make_job: MakeJob, page: int, stated: Pagination
) -> None:
    remove_row, change_pagination = without_a_row(page), with_pagination(stated)
    store = rewrite_responses(
        shop,
        lambda method, content: change_pagination(method, remove_row(method, content)),
        page_rows=PAGE_ROWS,
    )
    job = make_job(store, map_standard_fields=[])

    with pytest.raises((RetriesExhaustedError, UnexpectedResponseError)):
        job.write(*map(member, CUSTOMERS))

    assert not job.reject_codes
    assert not job.values(AUDIENCE)


def test_repeated_page_ends_the_run(shop: Sandbox, make_job: MakeJob) -> None:
    def rewrite(_method: str, content: Any) -> Any:  # noqa: ANN401 - JSON
        content["meta"] = {}
        content["data"] = content["data"] or [{"id": 1, "name": "A", "type": "string"}]
        return content

    job = make_job(rewrite_responses(shop, rewrite), map_standard_fields=[])

    with pytest.raises(UnexpectedResponseError, match="returned the same page twice"):
        job.write(member(1))


def test_list_without_an_end_ends_the_run(shop: Sandbox, make_job: MakeJob) -> None:
    store = rewrite_responses(
        shop, with_pagination({"total_pages": 10**12}), page_rows=9
    )
    job = make_job(store, map_standard_fields=[])

    with pytest.raises(UnexpectedResponseError, match="more than 12,500 pages"):
        job.write(*map(member, CUSTOMERS))
