"""Whether a request may start in a given state of the window."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.quota import (
    QuotaState,
    own_share,
    pause_before_request,
    reserve,
)

FRESH = QuotaState(
    share=1.0,
    quota=150,
    window=30.0,
    left=150,
    elapsed=0.0,
    remaining=30.0,
    since_response=0.0,
    since_request=30.0,
    in_flight=0,
    own=0,
    others=0,
    previous_rate=0.0,
    expected=0,
)


@pytest.mark.parametrize(
    ("quota", "share", "kept"),
    [(150, 1.0, 3), (150, 0.9, 15), (150, 0.25, 113), (450, 0.9, 45), (3, 1.0, 2)],
)
def test_reserve_is_the_others_share_and_three_at_least(
    quota: int, share: float, kept: int
) -> None:
    assert reserve(quota, share) == kept


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("quota", [1, 2, 3, 4])
def test_tiny_quota_allows_one_request(quota: int, share: float) -> None:
    state = replace(FRESH, quota=quota, left=quota, share=share)

    assert pause_before_request(state) == 0.0


def test_reset_is_awaited_with_three_requests_left() -> None:
    state = replace(FRESH, left=3, own=147, elapsed=12.0, remaining=18.0)

    assert pause_before_request(state) == 18.0


def test_requests_in_flight_count_as_used() -> None:
    state = replace(FRESH, left=5, own=145, in_flight=2, elapsed=12.0, remaining=18.0)

    assert pause_before_request(state) is None


def test_reset_is_awaited_when_the_share_is_used_up() -> None:
    state = replace(
        FRESH, share=0.5, own=75, left=100, quota=150, elapsed=20.0, remaining=10.0
    )

    assert pause_before_request(state) == 10.0


def test_requests_that_fit_the_window_start_at_once() -> None:
    state = replace(FRESH, expected=147, since_request=0.0)

    assert pause_before_request(state) == 0.0


def test_requests_that_do_not_fit_are_spread_over_it() -> None:
    state = replace(FRESH, expected=1000, since_request=0.1)

    assert pause_before_request(state) == pytest.approx(30 * 0.95 / 147 - 0.1)


def test_requests_of_another_app_are_left_to_it() -> None:
    state = replace(
        FRESH,
        left=80,
        own=45,
        others=25,
        elapsed=10.0,
        remaining=20.0,
        since_request=0.0,
    )

    took_more = replace(state, left=55, others=50)

    assert pause_before_request(state) == 0.0
    assert pause_before_request(replace(took_more, own=75)) == 5.0


def test_greedy_app_leaves_half_of_the_own_share() -> None:
    state = replace(FRESH, left=60, own=40, others=50, elapsed=5.0, remaining=25.0)

    assert pause_before_request(state) == 0.0


def test_probe_starts_after_a_sixth_of_the_window() -> None:
    blocked = replace(
        FRESH,
        left=35,
        own=80,
        others=35,
        elapsed=15.0,
        remaining=15.0,
        since_request=1.0,
    )

    assert pause_before_request(blocked) == 4.0
    assert pause_before_request(replace(blocked, since_request=5.0)) == 0.0


states = st.builds(
    QuotaState,
    share=st.floats(0.01, 1.0),
    quota=st.integers(1, 1000),
    window=st.just(30.0),
    left=st.integers(0, 1000),
    elapsed=st.floats(0, 30),
    remaining=st.floats(0, 30),
    since_response=st.floats(0, 30),
    since_request=st.floats(0, 100),
    in_flight=st.integers(0, 3),
    own=st.integers(0, 1000),
    others=st.integers(0, 1000),
    previous_rate=st.floats(0, 30),
    expected=st.integers(0, 5000),
)


@pytest.mark.guarantee("quota-share")
@given(states)
def test_no_request_exceeds_the_share_or_the_reserve(state: QuotaState) -> None:
    may_start = pause_before_request(state) == 0.0 and state.remaining > 0

    if may_start and state.since_request < state.window / 6:
        assert state.left - state.in_flight > reserve(state.quota, state.share)
        assert state.own < own_share(state.quota, state.share)


@given(states)
def test_pause_ends_by_the_reset(
    state: QuotaState,
) -> None:
    seconds = pause_before_request(state)

    if seconds is None:
        assert state.in_flight > 0
    else:
        assert 0 <= seconds <= max(state.remaining, state.window)
