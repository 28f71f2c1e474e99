"""The store's quota: what the headers state, and when a request may start."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.quota import (
    QuotaState,
    QuotaTracker,
    RateLimits,
    own_share,
    pause_before_request,
    read_rate_limits,
    reserve,
)

# Headers.

HEADERS = {
    "X-Rate-Limit-Requests-Left": "7",
    "X-Rate-Limit-Requests-Quota": "150",
    "X-Rate-Limit-Time-Window-Ms": "30000",
    "X-Rate-Limit-Time-Reset-Ms": "1500",
}


@pytest.mark.parametrize("write", [str, str.lower, str.upper])
def test_header_names_are_case_insensitive(write: type[str]) -> None:
    headers = {write(name): value for name, value in HEADERS.items()}

    limits = read_rate_limits(headers)

    assert limits == RateLimits(
        left=7, quota=150, window_seconds=30.0, reset_seconds=1.5
    )


def test_zero_left_differs_from_absent() -> None:
    limits = read_rate_limits({"X-Rate-Limit-Requests-Left": "0"})

    assert limits.left == 0
    assert read_rate_limits({}).left is None


@pytest.mark.parametrize("invalid", ["", "soon", "-5", "1e9", "nan", "٣", "9" * 40])
def test_invalid_value_counts_as_absent(invalid: str) -> None:
    headers = dict.fromkeys([*HEADERS, "X-Retry-After", "Retry-After"], invalid)

    assert read_rate_limits(headers) == RateLimits()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-Rate-Limit-Time-Reset-Ms": "1500"}, 1.5),
        ({"X-Rate-Limit-Time-Reset-Ms": "1500", "X-Retry-After": "4"}, 4.0),
        ({"X-Retry-After": "4", "Retry-After": "9"}, 9.0),
        ({"X-Rate-Limit-Time-Reset-Ms": "12000", "Retry-After": "9"}, 12.0),
        ({}, None),
    ],
)
def test_429_waits_for_the_longest_of_its_headers(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read_rate_limits(headers).wait_seconds == seconds


def test_retry_after_date_is_relative_to_the_date_header() -> None:
    headers = {
        "Date": "Tue, 03 Mar 2026 10:00:00 GMT",
        "Retry-After": "Tue, 03 Mar 2026 10:00:25 GMT",
    }

    assert read_rate_limits(headers).wait_seconds == 25.0


def test_date_out_of_range_counts_as_absent() -> None:
    beyond = f"Fri, 31 Dec {9 * 10**20} 23:59:59 GMT"

    assert read_rate_limits({"Date": beyond, "Retry-After": beyond}) == RateLimits()


@pytest.mark.guarantee("hostile-responses")
def test_wait_is_capped_at_15_minutes() -> None:
    limits = read_rate_limits(
        {"Retry-After": "999999", "X-Rate-Limit-Time-Reset-Ms": "9e9"}
    )

    assert limits.wait_seconds == 900.0


@given(st.dictionaries(st.sampled_from([*HEADERS, "Retry-After", "Date"]), st.text()))
def test_no_header_breaks_reading(headers: dict[str, str]) -> None:
    limits = read_rate_limits(headers)

    assert limits.wait_seconds is None or 0 <= limits.wait_seconds <= 900


# Pauses.

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
def test_reserve_is_the_rest_of_the_share_but_at_least_3(
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


def test_share_of_another_app_is_left_to_it() -> None:
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


quota_states = st.builds(
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
@given(quota_states)
def test_no_request_exceeds_the_share_or_the_reserve(state: QuotaState) -> None:
    may_start = pause_before_request(state) == 0.0 and state.remaining > 0

    if may_start and state.since_request < state.window / 6:
        assert state.left - state.in_flight > reserve(state.quota, state.share)
        assert state.own < own_share(state.quota, state.share)


@given(quota_states)
def test_pause_ends_by_the_reset(state: QuotaState) -> None:
    seconds = pause_before_request(state)

    if seconds is None:
        assert state.in_flight > 0
    else:
        assert 0 <= seconds <= max(state.remaining, state.window)


# The tracker.


def respond(tracker: QuotaTracker, now: float, **headers: float) -> None:
    window = tracker.start_request(now)
    tracker.record_response(now, RateLimits(**headers), window)  # type: ignore[arg-type]  # by name
    tracker.finish_request()


def test_windows_last_30_seconds_without_a_reset_time() -> None:
    tracker = QuotaTracker(1.0)

    respond(tracker, 100.0, quota=150, left=3)

    assert tracker.pause(110.0) == 20.0
    assert tracker.pause(130.0) == 0.0


def test_own_requests_are_counted_if_left_is_absent() -> None:
    tracker = QuotaTracker(1.0)

    for n in range(147):
        respond(tracker, 100.0 + n / 100, quota=150, reset_seconds=20.0 - n / 100)

    assert tracker.pause(110.0) == pytest.approx(10.05)


def test_left_alone_is_enough_to_pause_in_time() -> None:
    tracker = QuotaTracker(1.0)

    respond(tracker, 100.0, left=3, reset_seconds=20.0)

    assert tracker.pause(101.0) == pytest.approx(19.05)


def test_window_may_start_early() -> None:
    tracker = QuotaTracker(1.0)
    respond(tracker, 100.0, quota=150, left=50, reset_seconds=20.0)

    respond(tracker, 110.0, quota=150, left=3, reset_seconds=29.0)

    assert tracker.pause(120.0) == pytest.approx(19.05)


def test_late_response_of_the_previous_window_is_ignored() -> None:
    tracker = QuotaTracker(1.0)
    respond(tracker, 100.0, quota=150, left=100, reset_seconds=1.0)
    late = tracker.start_request(101.0)
    assert tracker.pause(101.06) == 0.0
    respond(tracker, 101.1, quota=150, left=149, reset_seconds=29.9)

    tracker.record_response(
        101.2, RateLimits(quota=150, left=0, reset_seconds=0.01), late
    )
    tracker.finish_request()

    assert tracker.pause(101.21) == 0.0


def test_requests_in_flight_at_the_reset_count_as_own() -> None:
    tracker = QuotaTracker(1.0)
    respond(tracker, 100.0, quota=150, left=149, reset_seconds=1.0)
    early = [tracker.start_request(101.0), tracker.start_request(101.0)]
    assert tracker.pause(101.06) == 0.0
    tracker.expect(1_000_000)

    respond(tracker, 101.06, quota=150, left=147, reset_seconds=29.94)
    for window in early:
        tracker.record_response(
            101.06, RateLimits(quota=150, left=147, reset_seconds=29.94), window
        )
        tracker.finish_request()

    assert tracker.pause(101.06) == pytest.approx(0.95 * 30 / 144, rel=0.01)


def test_window_is_fresh_long_after_the_last_response() -> None:
    tracker = QuotaTracker(1.0)
    respond(tracker, 100.0, quota=150, left=0, reset_seconds=20.0)

    assert tracker.pause(100_000.0) == 0.0


def test_response_without_headers_changes_nothing() -> None:
    tracker = QuotaTracker(1.0)
    respond(tracker, 100.0, quota=150, left=3, reset_seconds=20.0)
    window = tracker.start_request(101.0)

    tracker.record_response(101.0, RateLimits(), window)
    tracker.finish_request()

    assert tracker.pause(102.0) == pytest.approx(18.05)


@pytest.mark.parametrize("start", [1000.0, 1000.37, 1_700_000_000.0])
def test_every_pause_advances_the_clock(start: float) -> None:
    tracker = QuotaTracker(1.0)
    respond(tracker, start, quota=10, left=4, window_seconds=1.0, reset_seconds=1.0)
    now = start + 0.1
    pauses: list[float | None] = []

    while pauses[-1:] != [0.0] and len(pauses) < 5:
        pauses.append(tracker.pause(now))
        now += pauses[-1] or 0.0

    assert pauses[0] == pytest.approx(1 / 6 - 0.1, abs=1e-6)
    assert pauses[-1] == 0.0, pauses


limits_of_any_kind = st.builds(
    RateLimits,
    left=st.none() | st.integers(0, 200),
    quota=st.none() | st.integers(1, 200),
    window_seconds=st.none() | st.sampled_from([1.0, 30.0, 60.0]),
    reset_seconds=st.none() | st.floats(0, 60),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["start", "respond", "lose", "wait"]), limits_of_any_kind
    ),
    max_size=60,
)


def play(
    tracker: QuotaTracker, steps: list[tuple[str, RateLimits]], now: float
) -> float:
    """Start, finish and lose requests in these steps; returns the time at the end."""
    in_flight: list[int] = []
    for step, limits in steps:
        now += 0.37
        if step == "start" and tracker.pause(now) == 0.0:
            in_flight.append(tracker.start_request(now))
        elif step == "respond" and in_flight:
            tracker.record_response(now, limits, in_flight.pop())
            tracker.finish_request()
        elif step == "lose" and in_flight:
            tracker.record_no_response(in_flight.pop())
            tracker.finish_request()
    for _ in in_flight:
        tracker.finish_request()
    return now


@given(steps=steps, share=st.floats(0.01, 1.0))
def test_requests_continue_whatever_the_headers_state(
    steps: list[tuple[str, RateLimits]], share: float
) -> None:
    tracker = QuotaTracker(share)
    start = now = play(tracker, steps, 1000.0)

    while (seconds := tracker.pause(now)) != 0.0:
        assert seconds is not None
        now += seconds
        assert now - start <= 200
