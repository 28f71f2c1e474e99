"""A broken audience cannot clear more than the user allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.errors import TooManyClearsError
from target_bigcommerce.exits import ALWAYS_ALLOWED, DAY_SECONDS, ClearGuard

VIP, NEWS = "LyticsAudience_vip", "LyticsAudience_news"


class Values:
    """An attribute's values, as far as there are any left, and a clock."""

    def __init__(self, percent: int, values: int) -> None:
        self.now = 0.0
        self.values = values
        self.asked = 0
        self.guard = ClearGuard(percent, clock=lambda: self.now)

    def clear(self, count: int, attribute: str = VIP) -> bool:
        """Clear so many, if the guard lets them pass."""
        try:
            self.guard.admit(count, attribute=attribute, total=self._total)
        except TooManyClearsError:
            return False
        self.values -= count
        return True

    def _total(self) -> int:
        self.asked += 1
        return self.values


@given(
    percent=st.integers(0, 100),
    values=st.integers(0, 2000),
    steps=st.lists(st.tuples(st.floats(0, DAY_SECONDS), st.integers(0, 300))),
)
def test_no_day_clears_more_than_the_share_or_a_hundred(
    percent: int, values: int, steps: list[tuple[float, int]]
) -> None:
    there = Values(percent, values)
    passed: list[tuple[float, int]] = []

    for pause, wanted in steps:
        there.now += pause
        count = min(wanted, there.values)
        recent = [(at, n) for at, n in passed if there.now - at < DAY_SECONDS]
        before = sum(n for _, n in recent)
        allowed = (before + count) * 100 <= percent * (there.values + before)

        is_cleared = there.clear(count)

        assert is_cleared is (allowed or before + count <= ALWAYS_ALLOWED)
        passed += [(there.now, count)] if is_cleared else []


def test_a_hundred_pass_whatever_share_they_are_and_nobody_counts() -> None:
    there = Values(0, 100)

    assert there.clear(100)
    assert there.asked == 0


def test_a_large_share_passes_nobody_at_all() -> None:
    there = Values(20, 1000)

    assert not there.clear(300)
    assert there.values == 1000


def test_small_steps_add_up() -> None:
    there = Values(20, 1000)

    assert all(there.clear(50) for _ in range(4))
    assert not there.clear(1)


def test_after_a_day_the_count_starts_again() -> None:
    there = Values(20, 1000)
    there.clear(200)
    there.now = DAY_SECONDS

    assert there.clear(160)


def test_a_refused_clear_is_not_counted() -> None:
    there = Values(20, 1000)
    there.clear(300)

    assert there.clear(200)


def test_one_attribute_s_clears_are_not_another_s() -> None:
    there = Values(20, 10_000)
    there.clear(2000, VIP)
    there.values = 1000

    assert there.clear(200, NEWS)


def test_hundred_percent_lets_everybody_pass() -> None:
    assert Values(100, 1000).clear(1000)


def test_a_refusal_says_how_many_of_how_many_and_what_would_allow_it() -> None:
    there = Values(20, 1000)

    with pytest.raises(TooManyClearsError) as caught:
        there.guard.admit(301, attribute=VIP, total=lambda: 1000)

    text = str(caught.value)
    assert "301 of the 1,000 values of LyticsAudience_vip" in text
    assert "max_clear_percent 20" in text
    assert "max_clear_percent 31." in text


@given(values=st.integers(101, 5000), data=st.data())
def test_the_share_that_a_refusal_names_would_do(
    values: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(101, values))
    with pytest.raises(TooManyClearsError) as caught:
        ClearGuard(0).admit(count, attribute=VIP, total=lambda: values)
    named = int(str(caught.value).rstrip(".").rpartition(" ")[2])

    assert Values(named, values).clear(count)
