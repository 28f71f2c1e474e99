"""When a scan is short of members whom Lytics counts."""

from __future__ import annotations

import pytest

from tap_lytics.absence import Sighting, is_short


def sighting(seen: int, *totals: int | None, gave_up: bool = False) -> Sighting:
    found = Sighting(starts=1, gave_up=gave_up)
    found.add(f"{number:016x}{0:016x}" for number in range(seen))
    for total in totals:
        found.turn(1, total)
    return found


@pytest.mark.parametrize(
    ("found", "short"),
    [
        (sighting(5, 5, 5), False),
        (sighting(4, 5, 5), True),
        (sighting(4, 4, 5), False),
        (sighting(4, 4, 3, 5), False),
        (sighting(18, 20, 18), False),
        (sighting(4, 9, 4), True),
        (sighting(4, 9, 5), True),
        (sighting(4, None), False),
        (sighting(4, 5, None), True),
        (sighting(4, 4, None, gave_up=True), False),
        (sighting(4, None, gave_up=True), True),
        (sighting(0, 0), False),
    ],
)
def test_a_scan_is_short_of_those_whom_no_entering_explains(
    found: Sighting,
    short: bool,  # noqa: FBT001 - a table
) -> None:
    assert is_short(found) == short
