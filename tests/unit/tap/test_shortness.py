"""When a scan is short of members whom Lytics counts."""

from __future__ import annotations

import pytest

from tap_lytics.coverage import ScanCoverage, is_incomplete


def coverage_of(seen: int, *totals: int | None, gave_up: bool = False) -> ScanCoverage:
    found = ScanCoverage(starts=1, gave_up=gave_up)
    found.add(f"{number:016x}{0:016x}" for number in range(seen))
    for total in totals:
        found.start_page(1, total)
    return found


@pytest.mark.parametrize(
    ("found", "short"),
    [
        (coverage_of(5, 5, 5), False),
        (coverage_of(4, 5, 5), True),
        (coverage_of(4, 4, 5), False),
        (coverage_of(4, 4, 3, 5), False),
        (coverage_of(18, 20, 18), False),
        (coverage_of(4, 9, 4), True),
        (coverage_of(4, 9, 5), True),
        (coverage_of(4, None), False),
        (coverage_of(4, 5, None), True),
        (coverage_of(4, 4, None, gave_up=True), False),
        (coverage_of(4, None, gave_up=True), True),
        (coverage_of(0, 0), False),
    ],
)
def test_a_scan_is_incomplete_of_those_whom_no_entering_explains(
    found: ScanCoverage,
    short: bool,  # noqa: FBT001 - a table
) -> None:
    assert is_incomplete(found) == short
