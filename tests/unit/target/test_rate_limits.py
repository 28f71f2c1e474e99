"""What the rate-limit headers state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.quota import RateLimits, read_rate_limits

FOUR = {
    "X-Rate-Limit-Requests-Left": "7",
    "X-Rate-Limit-Requests-Quota": "150",
    "X-Rate-Limit-Time-Window-Ms": "30000",
    "X-Rate-Limit-Time-Reset-Ms": "1500",
}


@pytest.mark.parametrize("write", [str, str.lower, str.upper])
def test_header_names_are_case_insensitive(write: type[str]) -> None:
    headers = {write(name): value for name, value in FOUR.items()}

    limits = read_rate_limits(headers)

    assert limits == RateLimits(
        left=7, quota=150, window_seconds=30.0, reset_seconds=1.5
    )


def test_zero_left_differs_from_absent() -> None:
    limits = read_rate_limits({"X-Rate-Limit-Requests-Left": "0"})

    assert limits.left == 0
    assert read_rate_limits({}).left is None


@pytest.mark.parametrize("invalid", ["", "soon", "-5", "1e9", "nan", "٣", "9" * 40])
def test_invalid_value_counts_as_absent(invalid: str) -> None:
    headers = dict.fromkeys([*FOUR, "X-Retry-After", "Retry-After"], invalid)

    assert read_rate_limits(headers) == RateLimits()


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
def test_429_waits_for_the_longest_of_its_headers(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read_rate_limits(headers).wait_seconds == seconds


def test_retry_after_date_is_relative_to_the_date_header() -> None:
    headers = {
        "Date": "Tue, 03 Mar 2026 10:00:00 GMT",
        "Retry-After": "Tue, 03 Mar 2026 10:00:25 GMT",
    }

    assert read_rate_limits(headers).wait_seconds == 25.0


def test_date_out_of_range_counts_as_absent() -> None:
    beyond = f"Fri, 31 Dec {9 * 10**20} 23:59:59 GMT"

    assert read_rate_limits({"Date": beyond, "Retry-After": beyond}) == RateLimits()


@pytest.mark.guarantee("hostile-responses")
def test_wait_is_capped_at_15_minutes() -> None:
    limits = read_rate_limits(
        {"Retry-After": "999999", "X-Rate-Limit-Time-Reset-Ms": "9e9"}
    )

    assert limits.wait_seconds == 900.0


@given(st.dictionaries(st.sampled_from([*FOUR, "Retry-After", "Date"]), st.text()))
def test_no_header_breaks_reading(headers: dict[str, str]) -> None:
    limits = read_rate_limits(headers)

    assert limits.wait_seconds is None or 0 <= limits.wait_seconds <= 900
