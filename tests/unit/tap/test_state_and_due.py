"""An audience's place in the state, and the pass that is due from there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_lytics.account import Audience
from tap_lytics.complaints import complaints
from tap_lytics.due import Due, next_pass
from tap_lytics.errors import StateError
from tap_lytics.moments import to_moment, to_text
from tap_lytics.settings import DECLARED, Settings
from tap_lytics.state import Place

AT = datetime(2026, 5, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
AUDIENCE = Audience(
    id="abc", slug="vip", name="VIP", updated="2026-01-01", is_invalid=False, size=1
)
SCANNED = {"bookmark": AT, "last_whole_scan": AT, "audience_updated": "2026-01-01"}


def settings_of(**config: Any) -> Settings:  # noqa: ANN401 - settings
    whole = {"api_token": "t", **config}
    assert not complaints(whole, DECLARED)
    return Settings.from_config(whole)


MOMENTS = st.datetimes(timezones=st.just(timezone.utc)) | st.none()
PLACES = st.builds(
    Place,
    audience_id=st.none() | st.text(),
    bookmark=MOMENTS,
    scan_cursor=st.none() | st.text(),
    scan_started_at=MOMENTS,
    scan_settings=st.none() | st.text(),
    scan_read=st.none() | st.integers(0),
    short_scans=st.none() | st.integers(0),
    ledger_generation=st.none() | st.integers(0),
)


@given(place=PLACES)
def test_a_place_is_read_back_as_it_was_written(place: Place) -> None:
    state: dict[str, Any] = {}

    place.write(state)

    assert Place.read("vip", state) == place


def test_a_blank_state_is_the_beginning() -> None:
    assert Place.read("vip", {}) == Place()


@pytest.mark.parametrize(
    "state",
    [
        {"bookmark": "soon"},
        {"bookmark": 5},
        {"scan_cursor": {"cursor": "x"}},
        {"ledger_generation": "1"},
        {"audience_id": ["x"]},
    ],
)
def test_a_state_of_somebody_else_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(StateError, match="state of stream vip"):
        Place.read("vip", state)


@given(at=st.datetimes(timezones=st.just(timezone.utc)))
def test_a_moment_is_read_back_as_it_was_written(at: datetime) -> None:
    assert to_moment(to_text(at)) == at


@pytest.mark.parametrize(
    ("config", "place", "due"),
    [
        ({}, {}, Due.START),
        ({}, {"bookmark": AT}, Due.CHANGES),
        ({}, {"bookmark": AT - 1000 * HOUR}, Due.CHANGES),
        ({"start_date": "2026-01-01"}, {}, Due.CHANGES),
        ({"existing_users": True}, {}, Due.WHOLE),
        ({"existing_users": True}, {"bookmark": AT}, Due.WHOLE),
        ({"existing_users": True}, SCANNED, Due.CHANGES),
        ({"existing_users": True}, SCANNED | {"audience_updated": "older"}, Due.WHOLE),
        (
            {"existing_users": True},
            SCANNED | {"last_whole_scan": AT - 25 * HOUR},
            Due.WHOLE,
        ),
        (
            {"existing_users": True, "full_scan_interval_hours": 0},
            SCANNED | {"last_whole_scan": AT - 2500 * HOUR},
            Due.CHANGES,
        ),
        (
            {"existing_users": True},
            SCANNED | {"scan_cursor": "c", "scan_started_at": AT},
            Due.RESUME,
        ),
        (
            {"existing_users": True},
            SCANNED
            | {"scan_cursor": "c", "scan_started_at": AT, "audience_updated": "older"},
            Due.WHOLE,
        ),
        ({"ledger_path": "l"}, {}, Due.WHOLE),
        ({"ledger_path": "l"}, SCANNED, Due.CHANGES),
    ],
)
def test_the_pass_that_is_due(
    config: dict[str, Any], place: dict[str, Any], due: Due
) -> None:
    found = next_pass(Place(**place), AUDIENCE, settings_of(**config), AT)

    assert found.due is due
    assert found.why


def test_a_whole_scan_moves_the_bookmark_to_its_beginning() -> None:
    place = Place()
    place.begin_scan(AT)
    place.scan_cursor = "somewhere"

    place.end_scan(is_short=False)

    assert place == replace(Place(), bookmark=AT, last_whole_scan=AT)


@pytest.mark.parametrize("before", [None, AT - HOUR])
def test_a_short_scan_is_made_once_more_and_no_oftener(before: datetime | None) -> None:
    place = Place(last_whole_scan=before)
    settings = settings_of(existing_users=True, full_scan_interval_hours=0)
    dues = []

    for _ in range(4):
        dues.append(next_pass(place, AUDIENCE, settings, AT).due)
        place.begin_scan(AT)
        place.end_scan(is_short=True)

    assert dues[2:] == [Due.CHANGES] * 2
    assert dues[:2] == [Due.CHANGES if before else Due.WHOLE, Due.WHOLE]
    assert place.last_whole_scan == AT


def test_a_scan_that_is_whole_makes_the_next_short_one_count_anew() -> None:
    place = Place(short_scans=7)
    place.begin_scan(AT)
    place.end_scan(is_short=False)
    place.begin_scan(AT)

    place.end_scan(is_short=True)

    assert place.is_scan_repeated
