"""The quota tracker in situations that the quota simulation does not reach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.quota import QuotaTracker, RateLimits


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
        st.sampled_from(["start", "respond", "lose", "pass"]), limits_of_any_kind
    ),
    max_size=60,
)


def play(
    tracker: QuotaTracker, steps: list[tuple[str, RateLimits]], now: float
) -> float:
    """Start, answer and lose requests in these steps; returns the time at the end."""
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
