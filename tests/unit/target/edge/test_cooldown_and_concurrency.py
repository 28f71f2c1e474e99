"""What a 429 does to the calls after it."""

from __future__ import annotations

import pytest

from target_bigcommerce.quota.crowd import Crowd
from target_bigcommerce.quota.hold import Hold, backoff_seconds
from target_bigcommerce.quota.limits import Limits

BARE = Limits()


def test_a_429_with_headers_holds_all_calls_as_long_as_it_says() -> None:
    hold = Hold(chance=lambda: 1.0)

    hold.refused(100.0, 99.0, Limits(reset_seconds=7.0, retry_after_seconds=2.0))

    assert hold.seconds(101.0) == 6.0


def test_bare_429s_in_a_row_wait_twice_as_long_each_time_up_to_a_minute() -> None:
    hold, now, waits = Hold(chance=lambda: 1.0), 0.0, []

    for _ in range(8):
        hold.refused(now, now, BARE)
        waits.append(hold.seconds(now))
        now += 1000

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_calls_refused_together_are_one_refusal() -> None:
    hold = Hold(chance=lambda: 1.0)

    for began in (9.7, 9.8, 9.9):
        hold.refused(10.0, began, BARE)

    assert hold.seconds(10.0) == 1.0


def test_a_good_answer_ends_the_row_of_bare_429s() -> None:
    hold = Hold(chance=lambda: 1.0)
    hold.refused(0.0, 0.0, BARE)
    hold.refused(100.0, 100.0, BARE)

    hold.answered()
    hold.refused(200.0, 200.0, BARE)

    assert hold.seconds(200.0) == 1.0


@pytest.mark.parametrize("times", [1, 5, 10_000])
def test_the_jitter_is_full(times: int) -> None:
    assert backoff_seconds(times, 0.0) == 0.0
    assert 1.0 <= backoff_seconds(times, 1.0) <= 60.0


def test_the_crowd_shrinks_to_one_and_no_further() -> None:
    crowd = Crowd(3)

    for _ in range(5):
        crowd.shrink()

    assert crowd.limit == 1


def test_the_crowd_recovers_one_by_one_after_fifty_good_answers_each() -> None:
    crowd = Crowd(3)
    crowd.shrink()
    crowd.shrink()

    limits = []
    for _ in range(200):
        crowd.answered()
        limits.append(crowd.limit)

    assert [limits[48], limits[49], limits[98], limits[99], limits[-1]] == [
        1,
        2,
        2,
        3,
        3,
    ]
