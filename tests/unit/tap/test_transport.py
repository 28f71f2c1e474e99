"""Requests are retried with bounded waits."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace

import pytest

from singer_kit.errors import (
    AuthError,
    RetriableError,
    RetriesExhaustedError,
    UnreachableError,
)
from singer_kit.http import HttpResponse
from tap_lytics.transport import ApiRequest, Transport, read_response

REQUEST = ApiRequest(method="GET", path="/", detail="the test")


class Statuses:
    """A server that responds with these statuses in turn, the last one forever."""

    def __init__(self, *statuses: int, **headers: str) -> None:
        self._statuses = deque(statuses)
        self._headers = {
            name.replace("_", "-"): value for name, value in headers.items()
        }

    def send(self, *_: object, **__: object) -> HttpResponse:
        """Respond with the next status."""
        status = self._statuses[0]
        if len(self._statuses) > 1:
            self._statuses.popleft()
        return HttpResponse(status=status, headers=self._headers, body=b"")

    def close(self) -> None:
        """Nothing is open."""


def test_retries_are_bounded_with_jitter() -> None:
    waits: list[float] = []
    transport = Transport(Statuses(503), sleep=waits.append)

    with pytest.raises(
        RetriesExhaustedError, match=r"the test.*503.*after 10 attempts"
    ):
        transport.send(REQUEST, lambda response: response)

    assert len(waits) == 9
    assert len(set(waits)) > 1, "jitter"
    assert max(waits) <= 60


class Unreachable(Statuses):
    """A server that responds with these statuses, and then cannot be reached."""

    def send(self, *_: object, **__: object) -> HttpResponse:
        """Respond, if there is a status left."""
        if not self._statuses:
            raise UnreachableError("127.0.0.1:9 refused the connection", "Start it.")
        return HttpResponse(status=self._statuses.popleft(), headers={}, body=b"")


def test_connection_that_never_worked_fails_within_seconds() -> None:
    waits: list[float] = []

    with pytest.raises(RetriesExhaustedError) as caught:
        Transport(Unreachable(), sleep=waits.append).send(REQUEST, lambda got: got)

    assert str(caught.value).startswith(
        "GET / (the test) failed: 127.0.0.1:9 refused the connection. Start it."
    )
    assert len(waits) == 2
    assert sum(waits) <= 3


@pytest.mark.parametrize("status", [200, 404])
def test_connection_that_worked_before_is_retried(status: int) -> None:
    waits: list[float] = []
    transport = Transport(Unreachable(status), sleep=waits.append)
    transport.send(REQUEST, lambda got: got)

    with pytest.raises(RetriesExhaustedError, match=r"got no response .* 10 attempts"):
        transport.send(REQUEST, lambda got: got)

    assert len(waits) == 9


def test_retry_after_is_obeyed() -> None:
    waits: list[float] = []
    sender = Statuses(429, 200, Retry_After="17")

    Transport(sender, sleep=waits.append).send(REQUEST, lambda response: response)

    assert waits == [17.0]


def envelope(http_status: int, **content: object) -> HttpResponse:
    """Build a response with this HTTP status and this body."""
    body = json.dumps(content).encode()
    return HttpResponse(status=http_status, headers={}, body=body)


@pytest.mark.guarantee("misleading-responses")
@pytest.mark.parametrize(
    "content",
    [
        {"status": 500, "message": "backend timeout", "data": None, "total": 0},
        {"status": "500", "data": [], "total": 0},
        {"status": 500.0, "data": {}},
        {"status": " 503.0 ", "data": [{"email": "ann@example.com"}]},
        {"status": 429, "data": None},
        {"status": 200, "message": "backend timeout", "data": None, "total": 0},
        {"message": "no result", "data": None},
        {"status": 200, "message": "backend timeout", "data": [], "total": 0},
        {"status": 200, "error": "timeout", "data": None},
        {"status": 200, "errors": ["timeout"], "data": {}},
        {"status": 200, "message": {"text": "timeout"}},
        {"status": True, "data": []},
        {"status": "error", "data": []},
        {"status": 0, "data": None},
        {"status": 302, "data": []},
        {"status": [500], "data": []},
        {"code": "INTERNAL-004", "level": "error", "message": "x", "timestamp": "y"},
        {"code": "SOMETHING-1", "level": "error", "message": "x"},
        {"code": 500, "message": "x"},
        {"code": "TOO_MANY_REQUESTS-3"},
        {"status": 200, "code": "SERVICE UNAVAILABLE", "data": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("http_status", [200, 202])
def test_error_in_envelope_is_retried(
    http_status: int, content: dict[str, object]
) -> None:
    with pytest.raises(RetriableError) as error:
        read_response(REQUEST, envelope(http_status, **content))

    assert "timeout" not in str(error.value)


@pytest.mark.guarantee("misleading-responses")
@pytest.mark.parametrize(
    "content",
    [
        {"status": 401, "message": "Not authorized", "data": None},
        {"status": "403", "data": None},
        {"status": 401.0, "data": []},
        {"code": "UNAUTHORIZED-017", "level": "error", "message": "x"},
        {"code": "FORBIDDEN-026", "data": None},
        {"code": 403},
    ],
    ids=str,
)
@pytest.mark.parametrize("http_status", [200, 400])
def test_auth_error_in_envelope_ends_run(
    http_status: int, content: dict[str, object]
) -> None:
    with pytest.raises(AuthError, match="api_token"):
        read_response(REQUEST, envelope(http_status, **content))


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"status": 404, "data": None}, 404),
        ({"status": "410", "data": None}, 410),
        ({"status": 400, "message": "invalid start token", "data": None}, 400),
        ({"code": "NOT_FOUND-1", "message": "x"}, 404),
        ({"code": "NOTFOUND"}, 404),
        ({"code": "BAD REQUEST-2"}, 400),
    ],
    ids=str,
)
def test_envelope_overrides_http_status(
    content: dict[str, object], status: int
) -> None:
    response = read_response(REQUEST, envelope(200, **content))

    assert response.status == status
    assert response.outcome == f"{status} (in the body of a 200)"


@pytest.mark.parametrize(
    "content",
    [
        {"status": 200, "message": "success", "data": [], "total": 0},
        {"status": "200", "message": "OK", "data": None},
        {"status": 200.0, "data": {"code": "x"}},
        {"status": None, "message": None, "data": []},
        {"status": "success", "data": []},
        {"data": [{"code": 500}], "code": 500},
        {"status": 200, "message": "partial", "data": [{}]},
    ],
    ids=str,
)
def test_successful_envelope_is_no_error(content: dict[str, object]) -> None:
    response = read_response(REQUEST, envelope(200, **content))

    assert (response.status, response.content) == (200, content)


@pytest.mark.parametrize(("http_status", "status"), [(503, 404), (404, 503)])
def test_server_error_outranks_client_error(http_status: int, status: int) -> None:
    with pytest.raises(RetriableError, match="returned 503"):
        read_response(REQUEST, envelope(http_status, status=status, data=None))


@pytest.mark.parametrize("status", [200, 1, "x", None])
def test_http_error_outranks_odd_envelope(status: object) -> None:
    assert read_response(REQUEST, envelope(404, status=status)).status == 404


def test_error_in_envelope_obeys_retry_after() -> None:
    response = envelope(200, status=429, data=None)
    headers = {"Retry-After": "17"}

    with pytest.raises(RetriableError) as error:
        read_response(REQUEST, replace(response, headers=headers))

    assert error.value.retry_after == 17
