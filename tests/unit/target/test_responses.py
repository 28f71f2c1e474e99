"""How a response is classified, and where a list ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.errors import (
    AuthError,
    PluginError,
    RetriableError,
    UnexpectedResponseError,
)
from singer_kit.http import HttpResponse
from target_bigcommerce.api.models import ApiRequest
from target_bigcommerce.api.responses import (
    MAX_PAGES,
    are_rows_missing,
    check_page_count,
    check_page_differs,
    has_next_page,
    parse_response,
    read_error_details,
    read_pagination,
    whole_number,
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

LISTING = ApiRequest(method="GET", path="/customers", query={"id:in": "1,2"})
UPDATE = ApiRequest(method="PUT", path="/customers", body=[])
CREATION = ApiRequest(method="POST", path="/customers", body=[])


def error_of(request: ApiRequest, status: int, **headers: str) -> PluginError:
    """Return the error that a response is raised as."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with pytest.raises(PluginError) as caught:
        parse_response(request, HttpResponse(status=status, headers=named, body=b""))
    return caught.value


@pytest.mark.parametrize("request_", [LISTING, UPDATE, CREATION])
@pytest.mark.parametrize("status", [302, 404, 405, 501])
def test_permanent_error_stops_the_run(request_: ApiRequest, status: int) -> None:
    error = error_of(request_, status)

    assert isinstance(error, UnexpectedResponseError)
    assert str(error).startswith(f"{request_.method} /customers returned {status}")


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520])
def test_outcome_of_a_post_is_unknown_after_an_error(status: int) -> None:
    assert isinstance(error_of(LISTING, status), RetriableError)
    assert isinstance(error_of(UPDATE, status), RetriableError)
    assert isinstance(error_of(CREATION, status), OutcomeUnknownError)


@pytest.mark.parametrize(
    ("status", "kind"), [(423, FailedCallError), (429, ThrottledError)]
)
def test_request_that_was_not_started_is_retried(
    status: int, kind: type[Exception]
) -> None:
    assert type(error_of(CREATION, status)) is kind


@pytest.mark.parametrize("request_", [UPDATE, CREATION])
def test_server_error_states_when_to_retry(request_: ApiRequest) -> None:
    error = error_of(request_, 503, Retry_After="7")

    assert isinstance(error, RetriableError | OutcomeUnknownError)
    assert error.retry_after == 7.0


@pytest.mark.parametrize(
    ("request_", "status", "kind"),
    [
        (LISTING, 400, RequestRejectedError),
        (LISTING, 414, RequestRejectedError),
        (UPDATE, 400, RefusedCallError),
        (LISTING, 404, RefusedCallError),
        (UPDATE, 409, RefusedCallError),
        (CREATION, 415, RefusedCallError),
        (CREATION, 406, RefusedCallError),
        (UPDATE, 413, RequestRejectedError),
        (UPDATE, 422, RequestRejectedError),
        (UPDATE, 401, AuthError),
        (UPDATE, 403, ForbiddenError),
        (UPDATE, 507, PlanLimitError),
        (LISTING, 507, PlanLimitError),
    ],
)
def test_rejection_differs_from_a_wrong_request(
    request_: ApiRequest, status: int, kind: type[Exception]
) -> None:
    assert isinstance(error_of(request_, status), kind)


def list_body(*, rows: int, total: object, pages: int) -> bytes:
    meta = {"pagination": {"total": total, "total_pages": pages}}
    return json.dumps({"data": [{"id": 1}] * rows, "meta": meta}).encode()


@pytest.mark.parametrize(
    ("method", "status", "body", "is_complete"),
    [
        ("GET", 200, b'{"data":[],"meta":{}}', True),
        ("GET", 200, b'{"data":[{"id":1}', False),
        ("PUT", 200, b"", False),
        ("PUT", 200, b"<html></html>", False),
        ("PUT", 200, b'{"data":null}', False),
        ("PUT", 200, b'{"data":[1]}', False),
        ("PUT", 204, b"", True),
        ("PUT", 202, b"", True),
        ("PUT", 207, b"", True),
        ("POST", 204, b"", False),
        ("POST", 207, b"", False),
        ("POST", 207, b'{"errors":{"0.email":"taken"}}', True),
        ("GET", 202, b'{"data":[],"meta":{}}', False),
        ("GET", 204, b"", False),
        ("GET", 206, b'{"data":[],"meta":{}}', False),
        ("GET", 207, b'{"data":[],"meta":{}}', False),
        ("GET", 200, b'{"data":[],"errors":{"1":"timeout"}}', False),
        ("GET", 200, b'{"data":[],"meta":{"failed":1}}', False),
        ("DELETE", 204, b"", True),
        ("DELETE", 200, b"whatever", True),
        ("GET", 200, list_body(rows=2, total=2, pages=1), True),
        ("GET", 200, list_body(rows=1, total=2, pages=1), False),
        ("GET", 200, list_body(rows=1, total=2, pages=2), True),
        ("GET", 200, list_body(rows=1, total="2", pages=1), False),
        ("GET", 200, list_body(rows=1, total=None, pages=1), True),
    ],
)
def test_success_must_have_its_rows(
    method: str, status: int, body: bytes, *, is_complete: bool
) -> None:
    request = ApiRequest(method=method, path="/customers")
    response = HttpResponse(status=status, headers={}, body=body)

    if is_complete:
        assert parse_response(request, response).status == status
    else:
        with pytest.raises((RetriableError, OutcomeUnknownError)):
            parse_response(request, response)


ERRORS_IN_SUCCESSES = [
    (UPDATE, b'{"status":422,"title":"No."}', RequestRejectedError),
    (CREATION, b'{"status":"422","data":null}', RequestRejectedError),
    (LISTING, b'{"status":500,"data":{}}', FailedCallError),
    (CREATION, b'{"status":503,"title":"Down"}', OutcomeUnknownError),
    (LISTING, b'{"status":401,"title":"Unauthorized"}', AuthError),
]


@pytest.mark.parametrize(("request_", "body", "kind"), ERRORS_IN_SUCCESSES)
def test_status_in_the_body_overrides_a_200(
    request_: ApiRequest, body: bytes, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        parse_response(request_, HttpResponse(status=200, headers={}, body=body))


@pytest.mark.parametrize(
    ("body", "errors", "failed"),
    [
        (b'{"errors":{"1.email":"taken"}}', {"1.email": "taken"}, 0),
        (b'{"errors":["a","b"]}', {"[0]": "a", "[1]": "b"}, 0),
        (b'{"meta":{"failed":2}}', None, 2),
        (b'{"meta":{"failed":["a"]}}', {"failed[0]": "a"}, 1),
        (b'{"meta":{"failed":{"3":"a"}}}', {"3": "a"}, 1),
        (b"", None, 0),
    ],
)
def test_failures_of_a_207_are_read(
    body: bytes, errors: dict[str, str] | None, failed: int
) -> None:
    headers = {"X-Request-Id": "r-1"}

    response = parse_response(
        UPDATE, HttpResponse(status=207, headers=headers, body=body)
    )

    assert response.failed == failed
    assert response.failures == ErrorDetails(
        status=207, errors=errors, request_id="r-1"
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 503, 507])
def test_error_names_its_request_id(status: int) -> None:
    assert "(x-request-id r-1)" in str(error_of(UPDATE, status, X_Request_Id="r-1"))


@pytest.mark.parametrize("stated", ["", "a b", "x" * 200, "a@example.com"])
def test_unusable_request_id_is_left_out(stated: str) -> None:
    assert "x-request-id" not in str(error_of(UPDATE, 503, X_Request_Id=stated))


# Error bodies.


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"title":"No.","errors":{"0.id":"bad","0.x":"worse"}}', "No. bad; worse"),
        (b'{"title":"No.","errors":["bad","worse"]}', "No. bad; worse"),
        (b'{"errors":{"0":{"email":["bad"]}}}', "bad"),
        (b'{"errors":[{"0.email":"bad"}]}', "bad"),
        (b'{"errors":"bad"}', "bad"),
        (b'{"title":"No.","errors":{"0.id":"bad"},"detail":"unused"}', "No. bad"),
        (b'{"title":"No.","detail":"Because."}', "No. Because."),
        (b'{"title":"No.","detail":"No.","errors":{}}', "No."),
        (b'{"detail":"Because."}', "Because."),
        (b'{"message":"Because."}', "Because."),
        (b'[{"status":404,"message":"Not there."}]', "404; Not there."),
        (b'{"title":"No."}', "No."),
    ],
)
def test_reason_is_read_from_any_form(body: bytes, text: str) -> None:
    assert read_error_details(422, body).text == text


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (b'{"errors":{"3":{"email":"bad"}}}', {"3.email"}),
        (b'{"errors":{"3":["bad","worse"]}}', {"3[0]", "3[1]"}),
        (b'{"errors":[{"3.email":"bad"}]}', {"3.email"}),
        (b'{"errors":["bad"]}', {"[0]"}),
    ],
)
def test_position_in_a_list_is_no_row_index(body: bytes, keys: set[str]) -> None:
    assert set(read_error_details(422, body).errors or {}) == keys


def test_title_and_errors_are_read() -> None:
    body = b'{"status":422,"title":"No.","errors":{"0.id":"invalid customer ID"}}'

    details = read_error_details(422, body)

    assert details == ErrorDetails(
        status=422, title="No.", errors={"0.id": "invalid customer ID"}
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"errors":{}}',
        b'{"errors":[]}',
        b'{"errors":{"0.email":null}}',
        b'{"title":null}',
    ],
)
def test_unreadable_body_leaves_the_status(body: bytes) -> None:
    assert read_error_details(413, body) == ErrorDetails(status=413)


@pytest.mark.guarantee("hostile-responses")
@given(st.binary() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_no_body_breaks_reading(body: bytes | str) -> None:
    text = body if isinstance(body, bytes) else body.encode()

    assert read_error_details(422, text).status == 422


# Pagination.


any_value = (
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers()
)
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
    check_page_differs(LISTING, page(1), page(2))
    check_page_differs(LISTING, page(0), page(0))

    with pytest.raises(UnexpectedResponseError, match="same page"):
        check_page_differs(LISTING, page(2), page(2))


def test_too_many_pages_are_an_error() -> None:
    check_page_count(LISTING, MAX_PAGES)

    with pytest.raises(UnexpectedResponseError, match="more than 12,500 pages"):
        check_page_count(LISTING, MAX_PAGES + 1)


# Numbers.


@given(st.integers(0, 10**18 - 1))
def test_number_is_read_from_a_number_and_from_text(number: int) -> None:
    assert whole_number(number) == whole_number(str(number)) == number


@given(st.integers(-(2**52), 2**52))
def test_float_without_a_fraction_is_whole(number: int) -> None:
    assert whole_number(float(number)) == number


TEXTS = ("", " 1", "1.0", "-1", "1e3", "٣", "9" * 19)
FRACTIONS = (1.5, 2.0**53, float("inf"), float("nan"))


@pytest.mark.parametrize("value", [None, True, False, [1], {}, *TEXTS, *FRACTIONS])
def test_anything_else_is_none(value: object) -> None:
    assert whole_number(value) is None
