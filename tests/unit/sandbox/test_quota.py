"""The store's quota: windows, headers, other apps, calls in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sandbox import Clock, Options, Sandbox
from sandbox.http import to_request

if TYPE_CHECKING:
    from sandbox.http import Call
    from support.store import MakeBox

PATH = "/stores/sandbox1/v3/customers"


def statuses(box: Sandbox, number: int) -> list[int]:
    return [box.store.call("GET", "/customers", limit=1).status for _ in range(number)]


def begin(box: Sandbox, method: str = "GET") -> Call:
    headers = {
        "X-Auth-Token": box.options.store_token,
        "Content-Type": "application/json",
    }
    return box.store.begin(to_request(method, PATH, headers=headers, body="[]"))


def test_a_spent_window_answers_429_until_it_is_over(make_box: MakeBox) -> None:
    box = make_box(quota=3)
    in_the_window = statuses(box, 5)
    box.clock.advance(29.9)
    near_its_end = statuses(box, 1)
    box.clock.advance(0.2)

    in_the_next = statuses(box, 4)

    assert in_the_window == [200, 200, 200, 429, 429]
    assert near_its_end == [429]
    assert in_the_next == [200, 200, 200, 429]


def test_every_answer_bears_the_four_headers(make_box: MakeBox) -> None:
    box = make_box(quota=2)
    box.clock.advance(10)

    answers = [box.store.call("GET", "/customers", foo=1) for _ in range(3)]

    assert [answer.status for answer in answers] == [422, 422, 429]
    for answer, left in zip(answers, "100", strict=True):
        assert answer.headers["X-Rate-Limit-Requests-Left"] == left
        assert answer.headers["X-Rate-Limit-Requests-Quota"] == "2"
        assert answer.headers["X-Rate-Limit-Time-Window-Ms"] == "30000"
        assert answer.headers["X-Rate-Limit-Time-Reset-Ms"] == "20000"


def test_a_429_has_the_documented_body(make_box: MakeBox) -> None:
    answer = make_box(quota=0).store.call("GET", "/customers").json()

    assert (answer["status"], answer["title"]) == (429, "Too many requests")
    assert answer["errors"] == {}


def test_the_headers_can_be_left_out(make_box: MakeBox) -> None:
    answer = make_box(rate_headers=False).store.call("GET", "/customers")

    assert answer.headers.keys() == {"Content-Type"}


def test_a_fourth_call_in_flight_is_refused_while_calls_remain(box: Sandbox) -> None:
    flying = [begin(box) for _ in range(3)]

    fourth = begin(box).finish()

    assert fourth.status == 429
    assert int(fourth.headers["X-Rate-Limit-Requests-Left"]) > 0
    assert {call.finish().status for call in flying} == {200}
    assert begin(box).finish().status == 200


def test_calls_in_flight_count_by_method_and_path(box: Sandbox) -> None:
    flying = [begin(box) for _ in range(3)]

    other = begin(box, "PUT").finish()

    assert other.status == 200
    assert {call.finish().status for call in flying} == {200}


def test_another_app_takes_its_part_evenly(make_box: MakeBox) -> None:
    box = make_box(quota=100, other_app_calls_per_window=60)
    box.clock.advance(15)

    left = box.store.call("GET", "/customers").headers["X-Rate-Limit-Requests-Left"]

    assert left == "69"
    assert box.store.quota.other_served == 30


def test_another_app_that_finds_nothing_left_is_refused(make_box: MakeBox) -> None:
    box = make_box(quota=10, other_app_calls_per_window=6)
    statuses(box, 10)
    box.clock.advance(29)

    statuses(box, 1)

    assert box.store.quota.other_served == 0
    assert box.store.quota.other_refused == 5


def test_a_refused_token_costs_no_quota(box: Sandbox) -> None:
    box.store.handle("GET", PATH, headers={"X-Auth-Token": "wrong"})

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
