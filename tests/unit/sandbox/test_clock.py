"""The sandbox's time, and how moments are written."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

from sandbox import Clock
from sandbox.clock import stamp, stamp_nanos


@given(st.integers(-2_000_000_000, 10_000_000_000))
def test_a_moment_is_written_as_the_calendar_has_it(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, tz=timezone.utc)

    assert stamp(seconds) == at.isoformat().replace("+00:00", "Z")


def test_nanoseconds_are_written_only_where_they_are_needed() -> None:
    assert stamp_nanos(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert stamp_nanos(1) == "1970-01-01T00:00:00.000000001Z"
    assert stamp_nanos(0) == "1970-01-01T00:00:00Z"


def test_a_still_clock_moves_only_when_told() -> None:
    clock = Clock.still(1000)

    clock.advance(5)
    moved = clock.now()
    clock.set(50)

    assert (moved, clock.now()) == (1005, 50)


def test_a_scaled_clock_lives_faster_from_then_on() -> None:
    running = [100.0]
    clock = Clock(source=lambda: running[0], start=0)
    running[0] += 10
    clock.scale = 60
    running[0] += 1

    assert clock.now() == 70
