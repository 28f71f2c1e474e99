"""Tokens and scopes; the store's quota and concurrency limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Clock, Options, Sandbox
from sandbox.http import to_request

if TYPE_CHECKING:
    from sandbox.http import Call
    from support.store import MakeBox

CUSTOMERS = "/stores/sandbox1/v3/customers"
NO_SCOPE = "You don't have a required scope to access the endpoint"


@pytest.mark.parametrize("headers", [{}, {"X-Auth-Token": "wrong"}])
def test_wrong_store_token_gets_401(box: Sandbox, headers: dict[str, str]) -> None:
    response = box.store.handle("GET", CUSTOMERS, headers=headers)

    assert response.status == 401
    assert response.json()["title"].startswith("Unauthorized - the v3 Auth client ID")


def test_other_store_gets_403(box: Sandbox) -> None:
    headers = {"X-Auth-Token": box.options.store_token}

    response = box.store.handle("GET", "/stores/other/v3/customers", headers=headers)

    assert response.status == 403
    assert response.json()["title"] == NO_SCOPE


def test_read_only_token_cannot_write(make_box: MakeBox) -> None:
    box = make_box(read_only_token=True)

    reading = box.store.call("GET", "/customers")
    writing = box.store.call("PUT", "/customers", [{"id": 1001}])

    assert reading.status == 200
    assert (writing.status, writing.json()["title"]) == (403, NO_SCOPE)


@pytest.mark.parametrize("token", [None, "wrong", "Bearer sandbox-lytics-token"])
def test_wrong_lytics_token_gets_401(box: Sandbox, token: str | None) -> None:
    headers = {"Authorization": token} if token else {}

    assert box.lytics.handle("GET", "/v2/segment", headers=headers).status == 401


def test_forbidden_lytics_role_gets_403(make_box: MakeBox) -> None:
    box = make_box(lytics_forbidden=True)

    assert box.lytics.call("GET", "/v2/segment").status == 403


def test_date_header_can_be_omitted(make_box: MakeBox) -> None:
    with_date = make_box().lytics.call("GET", "/v2/segment")
    without = make_box(lytics_date_header=False).lytics.call("GET", "/v2/segment")

    assert with_date.headers["Date"] == "Thu, 28 May 2026 20:26:40 GMT"
    assert "Date" not in without.headers


def statuses(box: Sandbox, number: int) -> list[int]:
    return [box.store.call("GET", "/customers", limit=1).status for _ in range(number)]


def begin(box: Sandbox, method: str = "GET") -> Call:
    headers = {
        "X-Auth-Token": box.options.store_token,
        "Content-Type": "application/json",
    }
    return box.store.begin(to_request(method, CUSTOMERS, headers=headers, body="[]"))


def test_spent_quota_gets_429_until_next_window(make_box: MakeBox) -> None:
    box = make_box(quota=3)
    first_window = statuses(box, 5)
    box.clock.advance(29.9)
    before_its_end = statuses(box, 1)
    box.clock.advance(0.2)

    next_window = statuses(box, 4)

    assert first_window == [200, 200, 200, 429, 429]
    assert before_its_end == [429]
    assert next_window == [200, 200, 200, 429]


def test_response_has_four_rate_headers(make_box: MakeBox) -> None:
    box = make_box(quota=2)
    box.clock.advance(10)

    responses = [box.store.call("GET", "/customers", foo=1) for _ in range(3)]

    assert [response.status for response in responses] == [422, 422, 429]
    for response, left in zip(responses, "100", strict=True):
        assert response.headers["X-Rate-Limit-Requests-Left"] == left
        assert response.headers["X-Rate-Limit-Requests-Quota"] == "2"
        assert response.headers["X-Rate-Limit-Time-Window-Ms"] == "30000"
        assert response.headers["X-Rate-Limit-Time-Reset-Ms"] == "20000"


def test_429_has_documented_body(make_box: MakeBox) -> None:
    response = make_box(quota=0).store.call("GET", "/customers").json()

    assert (response["status"], response["title"]) == (429, "Too many requests")
    assert response["errors"] == {}


def test_rate_headers_can_be_omitted(make_box: MakeBox) -> None:
    response = make_box(rate_headers=False).store.call("GET", "/customers")

    assert response.headers.keys() == {"Content-Type", "Date", "X-Request-Id"}


def test_fourth_concurrent_call_is_refused(box: Sandbox) -> None:
    in_flight = [begin(box) for _ in range(3)]

    fourth = begin(box).finish()

    assert fourth.status == 429
    assert int(fourth.headers["X-Rate-Limit-Requests-Left"]) > 0
    assert {call.finish().status for call in in_flight} == {200}
    assert begin(box).finish().status == 200


def test_concurrency_is_counted_per_endpoint(box: Sandbox) -> None:
    in_flight = [begin(box) for _ in range(3)]

    other = begin(box, "PUT").finish()

    assert other.status == 200
    assert {call.finish().status for call in in_flight} == {200}


def test_other_app_spends_quota_evenly(make_box: MakeBox) -> None:
    box = make_box(quota=100, other_app_calls_per_window=60)
    box.clock.advance(15)

    left = box.store.call("GET", "/customers").headers["X-Rate-Limit-Requests-Left"]

    assert left == "69"
    assert box.store.quota.other_served == 30


def test_other_app_without_quota_is_refused(make_box: MakeBox) -> None:
    box = make_box(quota=10, other_app_calls_per_window=6)
    statuses(box, 10)
    box.clock.advance(29)

    statuses(box, 1)

    assert box.store.quota.other_served == 0
    assert box.store.quota.other_refused == 5


def test_refused_token_costs_no_quota(box: Sandbox) -> None:
    box.store.handle("GET", CUSTOMERS, headers={"X-Auth-Token": "wrong"})

    assert box.store.quota.left == box.options.quota


@given(
    quota=st.integers(1, 20),
    steps=st.lists(st.tuples(st.floats(0, 40), st.integers(0, 8)), max_size=20),
)
def test_no_window_serves_more_than_its_quota(
    quota: int, steps: list[tuple[float, int]]
) -> None:
    box = Sandbox(Options(members=2, quota=quota), clock=Clock.still(1e9))

    for seconds, calls in steps:
        box.clock.advance(seconds)
        statuses(box, calls)

    served = box.store.quota.used_by_window
    assert all(number <= quota for number in served.values())
    assert sum(served.values()) == box.journal.statuses["store 200"]
