"""Whether a call may start, decided from a view of the window."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.quota.window import View, kept_back, our_share, pause

FRESH = View(
    share=1.0,
    quota=150,
    window=30.0,
    left=150,
    elapsed=0.0,
    remaining=30.0,
    since_answer=0.0,
    since_call=30.0,
    in_flight=0,
    own=0,
    others=0,
    others_before=0.0,
    to_come=0,
)


@pytest.mark.parametrize(
    ("quota", "share", "kept"),
    [(150, 1.0, 3), (150, 0.9, 15), (150, 0.25, 113), (450, 0.9, 45), (3, 1.0, 2)],
)
def test_our_share_and_three_calls_are_kept_back(
    quota: int, share: float, kept: int
) -> None:
    assert kept_back(quota, share) == kept


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
@pytest.mark.parametrize("quota", [1, 2, 3, 4])
def test_a_tiny_quota_still_lets_one_call_through(quota: int, share: float) -> None:
    view = replace(FRESH, quota=quota, left=quota, share=share)

    assert pause(view) == 0.0


def test_with_three_calls_left_the_reset_is_waited_for() -> None:
    view = replace(FRESH, left=3, own=147, elapsed=12.0, remaining=18.0)

    assert pause(view) == 18.0


def test_calls_under_way_count_as_spent_until_they_are_answered() -> None:
    view = replace(FRESH, left=5, own=145, in_flight=2, elapsed=12.0, remaining=18.0)

    assert pause(view) is None


def test_our_share_spent_the_reset_is_waited_for_though_calls_are_left() -> None:
    view = replace(
        FRESH, share=0.5, own=75, left=100, quota=150, elapsed=20.0, remaining=10.0
    )

    assert pause(view) == 10.0


def test_calls_that_the_window_covers_start_at_once() -> None:
    view = replace(FRESH, to_come=147, since_call=0.0)

    assert pause(view) == 0.0


def test_calls_that_it_does_not_cover_are_spread_over_it() -> None:
    view = replace(FRESH, to_come=1000, since_call=0.1)

    assert pause(view) == pytest.approx(30 * 0.95 / 147 - 0.1)


def test_what_another_app_will_take_is_left_to_it() -> None:
    view = replace(
        FRESH, left=80, own=45, others=25, elapsed=10.0, remaining=20.0, since_call=0.0
    )

    took_more = replace(view, left=55, others=50)

    assert pause(view) == 0.0
    assert pause(replace(took_more, own=75)) == 5.0


def test_a_greedy_app_never_pushes_us_below_half_of_our_share() -> None:
    view = replace(FRESH, left=60, own=40, others=50, elapsed=5.0, remaining=25.0)

    assert pause(view) == 0.0


def test_after_a_while_without_an_answer_a_call_looks_what_is_left() -> None:
    blocked = replace(
        FRESH, left=35, own=80, others=35, elapsed=15.0, remaining=15.0, since_call=1.0
    )

    assert pause(blocked) == 4.0
    assert pause(replace(blocked, since_call=5.0)) == 0.0


views = st.builds(
    View,
    share=st.floats(0.01, 1.0),
    quota=st.integers(1, 1000),
    window=st.just(30.0),
    left=st.integers(0, 1000),
    elapsed=st.floats(0, 30),
    remaining=st.floats(0, 30),
    since_answer=st.floats(0, 30),
    since_call=st.floats(0, 100),
    in_flight=st.integers(0, 3),
    own=st.integers(0, 1000),
    others=st.integers(0, 1000),
    others_before=st.floats(0, 30),
    to_come=st.integers(0, 5000),
)


@given(views)
def test_no_call_starts_past_our_share_or_what_is_kept_back(view: View) -> None:
    may_start = pause(view) == 0.0 and view.remaining > 0

    if may_start and view.since_call < view.window / 6:
        assert view.left - view.in_flight > kept_back(view.quota, view.share)
        assert view.own < our_share(view.quota, view.share)


@given(views)
def test_a_wait_ends_by_the_reset_and_an_answer_is_only_awaited_if_due(
    view: View,
) -> None:
    seconds = pause(view)

    if seconds is None:
        assert view.in_flight > 0
    else:
        assert 0 <= seconds <= max(view.remaining, view.window)
