"""A state is taken as the one that it is, and anything else is not taken for none."""

from __future__ import annotations

from typing import Any

import pytest

from tap_lytics.errors import StateError
from tap_lytics.state import read_bookmarks

PLACES = {"vip": {"bookmark": "2026-01-31T08:00:00Z", "scan_cursor": None}}
STATE = {"bookmarks": PLACES}


@pytest.mark.parametrize(
    "state",
    [
        STATE,
        {"singer_state": STATE},
        {"type": "STATE", "value": STATE},
        {"type": "STATE", "value": {"singer_state": STATE}},
        {"singer_state": {"type": "STATE", "value": STATE}},
        {**STATE, "currently_syncing": "vip"},
    ],
)
def test_a_state_is_taken_out_of_its_wrapping(state: dict[str, Any]) -> None:
    assert read_bookmarks(state) == PLACES


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"bookmarks": {}},
        {"bookmarks": None},
        {"singer_state": {}},
        {"singer_state": None},
        {"type": "STATE", "value": {}},
    ],
)
def test_an_empty_state_is_none(state: dict[str, Any]) -> None:
    assert read_bookmarks(state) == {}


def test_a_stream_that_was_cleared_begins_anew() -> None:
    assert read_bookmarks({"bookmarks": {**PLACES, "other": None}})["other"] == {}


@pytest.mark.parametrize(
    "state",
    [
        PLACES,
        {"value": STATE},
        {"type": "RECORD", "value": STATE},
        {"completed_state": STATE},
        {"singer_state": PLACES},
        {"singer_state": []},
        {"type": "STATE", "value": 5},
        {"bookmarks": []},
        {"bookmarks": {"vip": "2026-01-31"}},
        [STATE],
    ],
)
def test_what_is_no_state_is_refused_with_what_one_looks_like(state: Any) -> None:  # noqa: ANN401 - a table
    with pytest.raises(StateError, match=r'such as \{"bookmarks"') as refusal:
        read_bookmarks(state)

    assert len(refusal.value.args) == 1
    assert "--full-refresh" in str(refusal.value)
