"""Whether a scan saw all members, and whether absence means an exit."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_lytics.coverage import (
    ScanCoverage,
    SeenMembers,
    is_incomplete,
    number_of,
    why_exits_are_uncertain,
)


def key_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def coverage_of(
    seen: int, *totals: int | None, starts: int = 1, gave_up: bool = False
) -> ScanCoverage:
    """Return the coverage of so many members and the totals of the pages."""
    found = ScanCoverage(starts=starts, gave_up=gave_up)
    found.add(map(key_of, range(seen)))
    for total in totals:
        found.start_page(starts, total)
    return found


@given(numbers=st.lists(st.integers(0, 1000)))
def test_seen_members_are_counted_once(numbers: list[int]) -> None:
    seen = SeenMembers()

    seen.update(map(key_of, numbers))

    assert seen.count() == len(set(numbers))
    assert seen.count_read() == len(numbers)
    for number in numbers:
        member = bytes.fromhex(key_of(number))
        assert number_of(member) in seen.bucket(member[0])


@pytest.mark.parametrize(
    ("coverage", "expected"),
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
def test_scan_is_incomplete(
    coverage: ScanCoverage,
    expected: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert is_incomplete(coverage) == expected


@pytest.mark.parametrize(
    ("coverage", "size_after", "redefined", "is_certain"),
    [
        (coverage_of(5, 5), 5, False, True),
        (coverage_of(6, 5), 5, False, True),
        (coverage_of(4, 5), 5, False, False),
        (coverage_of(5, None), 5, False, False),
        (coverage_of(5, 5, starts=0), 5, False, False),
        (coverage_of(5, 5), 5, True, False),
        (coverage_of(0, 0), 0, False, True),
        (coverage_of(0, 0), 5, False, False),
        (coverage_of(0, 0), None, False, False),
    ],
)
def test_exits_are_certain_after_complete_scan(
    coverage: ScanCoverage,
    size_after: int | None,
    redefined: bool,  # noqa: FBT001 - a parameter
    is_certain: bool,  # noqa: FBT001 - a parameter
) -> None:
    reason = why_exits_are_uncertain(
        coverage, size_after=size_after, redefined=redefined
    )

    assert (reason == "") == is_certain


def test_restarted_scan_resets_coverage() -> None:
    coverage = coverage_of(5, 9, starts=0)

    coverage.start_page(1, 3)

    assert (coverage.seen.count(), coverage.total, coverage.starts) == (0, 3, 1)


@pytest.mark.parametrize("key", ["00" * 16, "ff" * 16, "0123456789abcdef" * 2])
def test_seen_members_contain_what_was_added(key: str) -> None:
    seen = SeenMembers()
    assert key not in seen

    seen.update([key, key])

    assert key in seen
    assert "aa" * 16 not in seen
