"""The pace in the situations that no simulation brings about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.quota.limits import Limits
from target_bigcommerce.quota.pace import Pace


def answered(pace: Pace, now: float, **figures: float) -> None:
    window = pace.begin(now)
    pace.learn(now, Limits(**figures), window)  # type: ignore[arg-type]  # by name
    pace.end()


def test_a_quota_without_a_reset_time_is_followed_in_windows_of_thirty_seconds() -> (
    None
):
    pace = Pace(1.0)

    answered(pace, 100.0, quota=150, left=3)

    assert pace.pause(110.0) == 20.0
    assert pace.pause(130.0) == 0.0


def test_a_quota_without_what_is_left_is_counted_by_ourselves() -> None:
    pace = Pace(1.0)

    for n in range(147):
        answered(pace, 100.0 + n / 100, quota=150, reset_seconds=20.0 - n / 100)

    assert pace.pause(110.0) == pytest.approx(10.05)


def test_what_is_left_without_a_quota_is_enough_to_stop_in_time() -> None:
    pace = Pace(1.0)

    answered(pace, 100.0, left=3, reset_seconds=20.0)

    assert pace.pause(101.0) == pytest.approx(19.05)


def test_a_window_that_began_early_is_taken_as_it_comes() -> None:
    pace = Pace(1.0)
    answered(pace, 100.0, quota=150, left=50, reset_seconds=20.0)

    answered(pace, 110.0, quota=150, left=3, reset_seconds=29.0)

    assert pace.pause(120.0) == pytest.approx(19.05)


def test_a_late_answer_from_the_window_before_changes_nothing() -> None:
    pace = Pace(1.0)
    answered(pace, 100.0, quota=150, left=100, reset_seconds=1.0)
    late = pace.begin(101.0)
    assert pace.pause(101.06) == 0.0
    answered(pace, 101.1, quota=150, left=149, reset_seconds=29.9)

    pace.learn(101.2, Limits(quota=150, left=0, reset_seconds=0.01), late)
    pace.end()

    assert pace.pause(101.21) == 0.0


def test_calls_under_way_at_the_reset_are_not_taken_for_another_apps() -> None:
    pace = Pace(1.0)
    answered(pace, 100.0, quota=150, left=149, reset_seconds=1.0)
    early = [pace.begin(101.0), pace.begin(101.0)]
    assert pace.pause(101.06) == 0.0
    pace.expect(1_000_000)

    answered(pace, 101.06, quota=150, left=147, reset_seconds=29.94)
    for window in early:
        pace.learn(101.06, Limits(quota=150, left=147, reset_seconds=29.94), window)
        pace.end()

    assert pace.pause(101.06) == pytest.approx(0.95 * 30 / 144, rel=0.01)


def test_long_after_the_last_answer_the_window_is_taken_for_fresh() -> None:
    pace = Pace(1.0)
    answered(pace, 100.0, quota=150, left=0, reset_seconds=20.0)

    assert pace.pause(100_000.0) == 0.0


def test_an_answer_without_figures_changes_nothing() -> None:
    pace = Pace(1.0)
    answered(pace, 100.0, quota=150, left=3, reset_seconds=20.0)
    window = pace.begin(101.0)

    pace.learn(101.0, Limits(), window)
    pace.end()

    assert pace.pause(102.0) == pytest.approx(18.05)


@pytest.mark.parametrize("began", [1000.0, 1000.37, 1_700_000_000.0])
def test_every_pause_moves_the_clock(began: float) -> None:
    pace = Pace(1.0)
    answered(pace, began, quota=10, left=4, window_seconds=1.0, reset_seconds=1.0)
    now = began + 0.1
    pauses: list[float | None] = []

    while pauses[-1:] != [0.0] and len(pauses) < 5:
        pauses.append(pace.pause(now))
        now += pauses[-1] or 0.0

    assert pauses[0] == pytest.approx(1 / 6 - 0.1, abs=1e-6)
    assert pauses[-1] == 0.0, pauses


figures = st.builds(
    Limits,
    left=st.none() | st.integers(0, 200),
    quota=st.none() | st.integers(1, 200),
    window_seconds=st.none() | st.sampled_from([1.0, 30.0, 60.0]),
    reset_seconds=st.none() | st.floats(0, 60),
)
steps = st.lists(
    st.tuples(st.sampled_from(["call", "answer", "lose", "pass"]), figures), max_size=60
)


def play(pace: Pace, steps: list[tuple[str, Limits]], now: float) -> float:
    """Call, answer and lose calls as the steps say; gives the time at the end."""
    under_way: list[int] = []
    for step, limits in steps:
        now += 0.37
        if step == "call" and pace.pause(now) == 0.0:
            under_way.append(pace.begin(now))
        elif step == "answer" and under_way:
            pace.learn(now, limits, under_way.pop())
            pace.end()
        elif step == "lose" and under_way:
            pace.lose(under_way.pop())
            pace.end()
    for _ in under_way:
        pace.end()
    return now


@given(steps=steps, share=st.floats(0.01, 1.0))
def test_whatever_the_store_says_calls_go_on(
    steps: list[tuple[str, Limits]], share: float
) -> None:
    pace = Pace(share)
    began = now = play(pace, steps, 1000.0)

    while (seconds := pace.pause(now)) != 0.0:
        assert seconds is not None
        now += seconds
        assert now - began <= 200
