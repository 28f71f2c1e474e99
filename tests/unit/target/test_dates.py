"""A date is one that ISO 8601 can write, of a day that the calendar has."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.fields import is_date


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("2026-03-01", True),
        ("2024-02-29", True),
        ("2026-03-01T08:00", True),
        ("2026-03-01T08:00:59Z", True),
        ("2026-03-01 08:00:00.123456789+01:00", True),
        ("2026-03-01T08:00:00-0730", True),
        ("2026-02-29", False),
        ("2026-13-01", False),
        ("2026-03-01T24:00:00Z", False),
        ("2026-03-01T08:60:00Z", False),
        ("2026-03-01T08:00:60Z", False),
        ("2026-03-01T08:00:00+25:00", False),
        ("2026-03-01T08:00:00+01:99", False),
        ("01.03.2026", False),
        ("2026-3-1", False),
        ("\u0662\u0660\u0662\u0666-03-01", False),
        ("2026-03-01T08:00:00Z ", False),
        ("", False),
    ],
)
def test_a_date_is_an_iso_8601_date_that_the_calendar_has(
    text: str, *, is_one: bool
) -> None:
    assert is_date(text) is is_one


@given(time=st.datetimes(timezones=st.sampled_from([None, UTC])))
def test_every_time_in_iso_form_is_a_date(time: datetime) -> None:
    assert is_date(time.isoformat())
