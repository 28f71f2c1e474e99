"""Which error a response is raised as, by its status and its body."""

from __future__ import annotations

import json

import pytest

from singer_kit.errors import (
    AuthError,
    PluginError,
    RetriableError,
    UnexpectedResponseError,
)
from singer_kit.http import HttpResponse
from target_bigcommerce.api.models import ApiRequest
from target_bigcommerce.api.responses import parse_response
from target_bigcommerce.errors import (
    OutcomeUnknownError,
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
    ("status", "kind"), [(423, RetriableError), (429, ThrottledError)]
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
        (UPDATE, 400, UnexpectedResponseError),
        (UPDATE, 413, RequestRejectedError),
        (UPDATE, 422, RequestRejectedError),
        (UPDATE, 401, AuthError),
        (UPDATE, 403, AuthError),
    ],
)
def test_rejection_differs_from_a_wrong_request(
    request_: ApiRequest, status: int, kind: type[Exception]
) -> None:
    assert isinstance(error_of(request_, status), kind)


def _page(*, rows: int, total: object, pages: int) -> bytes:
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
        ("POST", 204, b"", False),
        ("GET", 204, b"", False),
        ("DELETE", 204, b"", True),
        ("DELETE", 200, b"whatever", True),
        ("GET", 200, _page(rows=2, total=2, pages=1), True),
        ("GET", 200, _page(rows=1, total=2, pages=1), False),
        ("GET", 200, _page(rows=1, total=2, pages=2), True),
        ("GET", 200, _page(rows=1, total="2", pages=1), False),
        ("GET", 200, _page(rows=1, total=None, pages=1), True),
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
