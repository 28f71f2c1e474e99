"""The sandbox's clock and its timestamps."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from sandbox import Clock
from sandbox.clock import timestamp, timestamp_nanos


@given(st.integers(-2_000_000_000, 10_000_000_000))
def test_timestamp_agrees_with_the_calendar(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, tz=UTC)

    assert timestamp(seconds) == at.isoformat().replace("+00:00", "Z")


def test_timestamp_has_no_trailing_zeros() -> None:
    assert timestamp_nanos(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert timestamp_nanos(1) == "1970-01-01T00:00:00.000000001Z"
    assert timestamp_nanos(0) == "1970-01-01T00:00:00Z"


def test_still_clock_moves_only_when_advanced() -> None:
    clock = Clock.still(1000)

    clock.advance(5)
    moved = clock.now()
    clock.set(50)

    assert (moved, clock.now()) == (1005, 50)


def test_scaled_clock_runs_faster_from_then_on() -> None:
    running = [100.0]
    clock = Clock(source=lambda: running[0], start=0)
    running[0] += 10
    clock.scale = 60
    running[0] += 1

    assert clock.now() == 70
