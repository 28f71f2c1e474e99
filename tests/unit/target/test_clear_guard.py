"""No more values are cleared in a day than the user allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.customers import leaver, member, put_customers
from support.target_job import MakeJob, clearing_job
from target_bigcommerce.errors import TooManyClearsError
from target_bigcommerce.exits import ALWAYS_ALLOWED, DAY_SECONDS, ClearGuard

if TYPE_CHECKING:
    from sandbox import Sandbox

VIP, NEWS = "LyticsAudience_vip", "LyticsAudience_news"


class GuardedValues:
    """The number of values of an attribute, a guard for them, and its clock."""

    def __init__(self, percent: int, values: int) -> None:
        self.now = 0.0
        self.values = values
        self.counts = 0
        self.guard = ClearGuard(percent, clock=lambda: self.now)

    def clear(self, count: int, attribute: str = VIP) -> bool:
        """Clear this many values if the guard allows it."""
        try:
            self.guard.admit(count, attribute=attribute, total=self._total)
        except TooManyClearsError:
            return False
        self.values -= count
        return True

    def _total(self) -> int:
        self.counts += 1
        return self.values


@given(
    percent=st.integers(0, 100),
    values=st.integers(0, 2000),
    steps=st.lists(st.tuples(st.floats(0, DAY_SECONDS), st.integers(0, 300))),
)
def test_day_clears_at_most_the_share_or_100(
    percent: int, values: int, steps: list[tuple[float, int]]
) -> None:
    guarded = GuardedValues(percent, values)
    cleared: list[tuple[float, int]] = []

    for pause, requested in steps:
        guarded.now += pause
        count = min(requested, guarded.values)
        recent = [(at, n) for at, n in cleared if guarded.now - at < DAY_SECONDS]
        before = sum(n for _, n in recent)
        allowed = (before + count) * 100 <= percent * (guarded.values + before)

        is_allowed = guarded.clear(count)

        assert is_allowed is (allowed or before + count <= ALWAYS_ALLOWED)
        cleared += [(guarded.now, count)] if is_allowed else []


def test_100_clears_are_allowed_without_a_count() -> None:
    guarded = GuardedValues(0, 100)

    assert guarded.clear(100)
    assert guarded.counts == 0


@pytest.mark.parametrize(
    ("percent", "clears", "allowed"),
    [
        (20, [(0, 300)], [False]),
        (20, [(0, 50)] * 4 + [(0, 1)], [True] * 4 + [False]),
        (20, [(0, 200), (DAY_SECONDS, 160)], [True, True]),
        (20, [(0, 300), (0, 200)], [False, True]),
        (100, [(0, 1000)], [True]),
    ],
    ids=["too many", "added up", "another day", "refused not counted", "100 percent"],
)
def test_clears_of_a_day_count_together(
    percent: int, clears: list[tuple[float, int]], allowed: list[bool]
) -> None:
    guarded = GuardedValues(percent, 1000)

    for (pause, count), is_allowed in zip(clears, allowed, strict=True):
        guarded.now += pause
        assert guarded.clear(count) is is_allowed


def test_attributes_are_counted_separately() -> None:
    guarded = GuardedValues(20, 10_000)
    guarded.clear(2000, VIP)
    guarded.values = 1000

    assert guarded.clear(200, NEWS)


def test_refusal_names_the_counts_and_the_setting() -> None:
    guarded = GuardedValues(20, 1000)

    with pytest.raises(TooManyClearsError) as caught:
        guarded.guard.admit(301, attribute=VIP, total=lambda: 1000)

    text = str(caught.value)
    assert "301 of the 1,000 values of LyticsAudience_vip" in text
    assert "max_clear_percent 20" in text
    assert "max_clear_percent 31." in text


@given(values=st.integers(101, 5000), data=st.data())
def test_percentage_in_the_refusal_is_enough(values: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(101, values))
    with pytest.raises(TooManyClearsError) as caught:
        ClearGuard(0).admit(count, attribute=VIP, total=lambda: values)
    percent = int(str(caught.value).rstrip(".").rpartition(" ")[2])

    assert GuardedValues(percent, values).clear(count)


# In a drain.


def test_refused_exits_are_not_counted(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, *range(1, 1001))
    make_job(box, map_standard_fields=[]).write(*map(member, range(1, 1001)))
    job = clearing_job(make_job, box)

    with pytest.raises(TooManyClearsError, match="max_clear_percent 20"):
        job.write(*map(leaver, range(1, 301)))

    assert len(job.values()) == 800
    assert job.run.stats.outcomes == {"cleared": 200}


def test_version_is_checked_before_any_deletion(
    box: Sandbox, make_job: MakeJob
) -> None:
    put_customers(box, *range(1, 1001))
    job = clearing_job(make_job, box)
    job.write(*map(member, range(1, 1001)), version=6)
    job.write(*map(member, range(1, 701)), version=7)

    with pytest.raises(TooManyClearsError, match="300 of the 1,000 values"):
        job.activate(7)

    assert len(job.values()) == 1000


def test_reported_and_version_exits_add_up(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, *range(1, 1001))
    job = clearing_job(make_job, box)
    job.write(*map(member, range(1, 1001)), version=6)
    job.write(*map(leaver, range(901, 1001)))
    job.write(*map(member, range(1, 751)), version=7)

    with pytest.raises(TooManyClearsError, match="250 of the 1,000 values"):
        job.activate(7)
