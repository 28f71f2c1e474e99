"""What the rate-limit headers say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.quota.limits import Limits, read_limits

FOUR = {
    "X-Rate-Limit-Requests-Left": "7",
    "X-Rate-Limit-Requests-Quota": "150",
    "X-Rate-Limit-Time-Window-Ms": "30000",
    "X-Rate-Limit-Time-Reset-Ms": "1500",
}


@pytest.mark.parametrize("write", [str, str.lower, str.upper])
def test_the_four_headers_are_read_whatever_their_case(write: type[str]) -> None:
    headers = {write(name): value for name, value in FOUR.items()}

    limits = read_limits(headers)

    assert limits == Limits(left=7, quota=150, window_seconds=30.0, reset_seconds=1.5)


def test_nothing_left_is_not_the_same_as_nothing_said() -> None:
    said = read_limits({"X-Rate-Limit-Requests-Left": "0"})

    assert said.left == 0
    assert read_limits({}).left is None


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "1e9", "nan", "٣", "9" * 40])
def test_nonsense_counts_as_absent(nonsense: str) -> None:
    headers = dict.fromkeys([*FOUR, "X-Retry-After", "Retry-After"], nonsense)

    assert read_limits(headers) == Limits()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-Rate-Limit-Time-Reset-Ms": "1500"}, 1.5),
        ({"X-Rate-Limit-Time-Reset-Ms": "1500", "X-Retry-After": "4"}, 4.0),
        ({"X-Retry-After": "4", "Retry-After": "9"}, 9.0),
        ({"X-Rate-Limit-Time-Reset-Ms": "12000", "Retry-After": "9"}, 12.0),
        ({}, None),
    ],
)
def test_a_429_waits_the_longest_of_what_it_says(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read_limits(headers).wait_seconds == seconds


def test_a_date_to_retry_after_is_told_by_the_servers_own_clock() -> None:
    headers = {
        "Date": "Tue, 03 Mar 2026 10:00:00 GMT",
        "Retry-After": "Tue, 03 Mar 2026 10:00:25 GMT",
    }

    assert read_limits(headers).wait_seconds == 25.0


def test_a_date_beyond_the_calendar_counts_as_absent() -> None:
    beyond = f"Fri, 31 Dec {9 * 10**20} 23:59:59 GMT"

    assert read_limits({"Date": beyond, "Retry-After": beyond}) == Limits()


def test_a_wait_of_days_is_not_believed() -> None:
    limits = read_limits({"Retry-After": "999999", "X-Rate-Limit-Time-Reset-Ms": "9e9"})

    assert limits.wait_seconds == 900.0


@given(st.dictionaries(st.sampled_from([*FOUR, "Retry-After", "Date"]), st.text()))
def test_no_header_can_break_the_reading(headers: dict[str, str]) -> None:
    limits = read_limits(headers)

    assert limits.wait_seconds is None or 0 <= limits.wait_seconds <= 900
