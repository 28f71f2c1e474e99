"""The state of a stream, and the sync that is due from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_kit.config import config_errors
from tap_lytics.client import Audience
from tap_lytics.due import Findings, SyncKind, due_sync
from tap_lytics.errors import StateError
from tap_lytics.records import format_timestamp, parse_timestamp
from tap_lytics.settings import DECLARED, Settings
from tap_lytics.state import (
    ScanCursors,
    StreamState,
    add_streams,
    read_bookmarks,
    start_pass,
)

BOOKMARKS = {"vip": {"bookmark": "2026-01-31T08:00:00Z", "scan_cursor": None}}
STATE = {"bookmarks": BOOKMARKS}


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
def test_wrapped_state_is_unwrapped(state: dict[str, Any]) -> None:
    assert read_bookmarks(state) == BOOKMARKS


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
def test_empty_state_has_no_bookmarks(state: dict[str, Any]) -> None:
    assert read_bookmarks(state) == {}


def test_cleared_stream_has_empty_bookmark() -> None:
    assert read_bookmarks({"bookmarks": {**BOOKMARKS, "other": None}})["other"] == {}


@pytest.mark.parametrize(
    "state",
    [
        BOOKMARKS,
        {"value": STATE},
        {"type": "RECORD", "value": STATE},
        {"completed_state": STATE},
        {"singer_state": BOOKMARKS},
        {"singer_state": []},
        {"type": "STATE", "value": 5},
        {"bookmarks": []},
        {"bookmarks": {"vip": "2026-01-31"}},
        [STATE],
    ],
)
def test_invalid_state_error_shows_an_example(state: Any) -> None:  # noqa: ANN401 - a parameter
    with pytest.raises(StateError, match=r'such as \{"bookmarks"') as error:
        read_bookmarks(state)

    assert len(error.value.args) == 1
    assert "meltano state clear" in str(error.value)


@pytest.mark.parametrize(
    ("part", "names"),
    [
        # States of other taps.
        ({"replication_key": "_modified", "replication_key_value": "2026"}, ()),
        ({"progress_markers": {"replication_key_value": "2026"}}, ()),
        ({"partitions": []}, ()),
        ({"version": 1764000000000}, ()),
        # Misspelt, alone and beside a key of ours.
        ({"bookmarks": "2026-01-31T08:00:00Z"}, ("bookmark",)),
        ({"Bookmark": "2026-01-31T08:00:00Z"}, ("bookmark",)),
        (
            {"bookmark": "2026-01-31T08:00:00Z", "last_full_scan": "2026-01-31"},
            ("last_full_scan", "last_whole_scan"),
        ),
        ({"ledger_ids": "a"}, ("ledger_id",)),
        ({"": None}, ()),
        # Unreadable.
        ({"bookmark": "soon"}, ("bookmark",)),
        ({"bookmark": ""}, ("bookmark",)),
        ({"bookmark": 1764000000}, ("bookmark",)),
        ({"bookmark": {"value": "2026-01-31T08:00:00Z"}}, ("bookmark",)),
        ({"scan_cursor": ["x"]}, ("scan_cursor",)),
        ({"scan_read": True}, ("scan_read",)),
        ({"scan_read": 1.5}, ("scan_read",)),
        ({"ledger_generation": "1"}, ("ledger_generation",)),
        ({"ledger_generation": -1}, ("ledger_generation",)),
        ({"ledger_generation": 2**63}, ("ledger_generation",)),
        ({"is_baseline_open": 1}, ("is_baseline_open",)),
        ({"fingerprint": "x"}, ("fingerprint",)),
        ({"pass_status": "done"}, ("pass_status",)),
    ],
    ids=str,
)
@pytest.mark.parametrize("stream", ["vip", "stream of another job"])
def test_unreadable_part_is_refused(
    part: dict[str, Any], names: tuple[str, ...], stream: str
) -> None:
    with pytest.raises(StateError, match=f"state of stream {stream}") as error:
        read_bookmarks({"bookmarks": {**BOOKMARKS, stream: part}})

    [line] = str(error.value).splitlines()
    assert "meltano state set" in line
    assert "meltano state clear" in line
    assert all(name in line for name in names)


@pytest.mark.parametrize("part", [{}, {"bookmark": None}, {"pass_status": "running"}])
def test_part_without_progress_is_accepted(part: dict[str, Any]) -> None:
    assert read_bookmarks({"bookmarks": {"vip": part}}) == {"vip": part}


def test_pass_starts_with_all_streams_running() -> None:
    bookmarks: dict[str, dict[str, Any]] = {
        "vip": {"bookmark": "2026-01-31T08:00:00Z", "pass_status": "complete"},
        "no longer exported": {"pass_status": "running"},
        "never exported": {},
    }

    start_pass(bookmarks, ["vip", "new"])
    add_streams(bookmarks, ["vip", "new"])

    assert bookmarks == {
        "vip": {"bookmark": "2026-01-31T08:00:00Z", "pass_status": "running"},
        "no longer exported": {"pass_status": None},
        "never exported": {},
        "new": {"pass_status": "running"},
    }


AT = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
AUDIENCE = Audience(
    id="abc", slug="vip", name="VIP", updated="2026-01-01", is_invalid=False, size=1
)
SCANNED = {"bookmark": AT, "last_whole_scan": AT, "audience_updated": "2026-01-01"}


def settings_of(**config: Any) -> Settings:  # noqa: ANN401 - settings
    whole = {"api_token": "t", **config}
    assert not config_errors(whole, DECLARED, env_prefix="TAP_LYTICS_")
    return Settings.from_config(whole)


TIMESTAMPS = st.none() | st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - the zone is given below
    timezones=st.just(UTC),
)
PART = st.tuples(st.none() | st.text(), st.none() | st.integers(0))
CURSORS = (
    st.lists(PART, min_size=2, max_size=9) | st.tuples(st.tuples(st.text(), st.none()))
).map(
    lambda parts: ScanCursors(
        cursors=tuple(cursor for cursor, _ in parts),
        totals=tuple(total for _, total in parts),
    )
)
STATES = st.builds(
    StreamState,
    audience_id=st.none() | st.text(),
    bookmark=TIMESTAMPS,
    scan_cursor=st.none() | CURSORS.map(ScanCursors.write),
    scan_started_at=TIMESTAMPS,
    scan_settings=st.none() | st.text(),
    scan_read=st.none() | st.integers(0, 2**53 - 1),
    short_scans=st.none() | st.integers(0, 2**53 - 1),
    ledger_generation=st.none() | st.integers(0, 2**53 - 1),
    starting_point=TIMESTAMPS,
    is_baseline_open=st.none() | st.booleans(),
    fingerprint=st.none() | st.just('{"selection": "a"}'),
    pass_status=st.none() | st.sampled_from(["running", "complete"]),
)


@given(state=STATES)
def test_stream_state_round_trips(state: StreamState) -> None:
    written: dict[str, Any] = {}

    state.write(written)

    assert StreamState.read("vip", written) == state


@given(cursors=CURSORS)
def test_cursors_round_trip(cursors: ScanCursors) -> None:
    assert ScanCursors.read(cursors.write()) == cursors


@given(cursor=st.text().filter(lambda text: not text.startswith("{")))
def test_text_of_one_cursor_is_the_cursor(cursor: str) -> None:
    cursors = ScanCursors(cursors=(cursor,), totals=(7,))

    assert cursors.write() == cursor
    assert ScanCursors.read(cursor).parts == 1


def test_single_cursor_that_looks_like_several() -> None:
    cursors = ScanCursors(cursors=('{"parts":2}',), totals=(None,))

    assert ScanCursors.read(cursors.write()) == cursors


def test_finished_single_cursor_leads_nowhere() -> None:
    assert ScanCursors(cursors=(None,), totals=(7,)).write() == ""


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"parts":2}',
        '{"parts":2,"cursors":["a","b"]}',
        '{"parts":2,"cursors":["a","b"],"totals":[1]}',
        '{"parts":2,"cursors":["a"],"totals":[1,2]}',
        '{"parts":3,"cursors":["a","b"],"totals":[1,2]}',
        '{"parts":"2","cursors":["a","b"],"totals":[1,2]}',
        '{"parts":2.0,"cursors":["a","b"],"totals":[1,2]}',
        '{"parts":true,"cursors":["a"],"totals":[1]}',
        '{"parts":2,"cursors":["a",1],"totals":[1,2]}',
        '{"parts":2,"cursors":"ab","totals":[1,2]}',
        '{"parts":2,"cursors":["a",["b"]],"totals":[1,2]}',
        '{"parts":2,"cursors":["a","b"],"totals":[1,-2]}',
        '{"parts":2,"cursors":["a","b"],"totals":[1,2.5]}',
        '{"parts":2,"cursors":["a","b"],"totals":[1,true]}',
        '{"parts":2,"cursors":["a","b"],"totals":[1,2],"more":1}',
        '{"parts":2,"cursors":["a","b"],"totals":[1,2]',
        '{"parts":2,"cursors":["a","b"],"totals":[1,2]} ?',
        '{"parts":0,"cursors":[],"totals":[]}',
        '{"parts":1,"cursors":[null],"totals":[1]}',
        '{"parts":1,"cursors":[""],"totals":[1]}',
        '{"a":' + "[" * 100_000,
    ],
    ids=lambda text: text[:80],
)
def test_invalid_cursors_are_refused(text: str) -> None:
    with pytest.raises(StateError, match="scan_cursor is not a cursor, or the cursors"):
        StreamState.read("vip", {"scan_cursor": text})


@pytest.mark.parametrize(
    ("parts", "scan_parallelism", "reason"),
    [
        (4, 4, ""),
        (2, 2, ""),
        (1, 1, ""),
        (1, 4, ""),
        (1, 8, ""),
        (4, 1, "scan_parallelism changed"),
        (4, 8, "scan_parallelism changed"),
        (8, 4, "scan_parallelism changed"),
    ],
)
def test_other_number_of_parts_restarts_scan(
    parts: int, scan_parallelism: int, reason: str
) -> None:
    cursors = ScanCursors(cursors=("c",) * parts, totals=(None,) * parts).write()
    state = StreamState(scan_cursor=cursors, scan_started_at=AT, scan_read=10)
    settings = settings_of(existing_users=True, scan_parallelism=scan_parallelism)

    found = due_sync(state, AUDIENCE, settings, AT, Findings())

    assert found.kind is (SyncKind.FULL if reason else SyncKind.RESUMED)
    assert reason in found.reason


def test_empty_stream_state_is_default() -> None:
    assert StreamState.read("vip", {}) == StreamState()


@given(at=st.datetimes(timezones=st.just(UTC)))
def test_timestamp_round_trips(at: datetime) -> None:
    assert parse_timestamp(format_timestamp(at)) == at


@pytest.mark.parametrize(
    ("config", "state", "kind"),
    [
        ({}, {}, SyncKind.BASELINE),
        ({}, {"bookmark": AT}, SyncKind.INCREMENTAL),
        ({}, {"bookmark": AT - 1000 * HOUR}, SyncKind.INCREMENTAL),
        ({"start_date": "2026-01-01"}, {}, SyncKind.INCREMENTAL),
        ({"existing_users": True}, {}, SyncKind.FULL),
        ({"existing_users": True}, {"bookmark": AT}, SyncKind.FULL),
        ({"existing_users": True}, SCANNED, SyncKind.INCREMENTAL),
        (
            {"existing_users": True},
            SCANNED | {"audience_updated": "older"},
            SyncKind.FULL,
        ),
        (
            {"existing_users": True},
            SCANNED | {"last_whole_scan": AT - 25 * HOUR},
            SyncKind.FULL,
        ),
        (
            {"existing_users": True, "full_scan_interval_hours": 0},
            SCANNED | {"last_whole_scan": AT - 2500 * HOUR},
            SyncKind.INCREMENTAL,
        ),
        (
            {"existing_users": True},
            SCANNED | {"scan_cursor": "c", "scan_started_at": AT},
            SyncKind.RESUMED,
        ),
        (
            {"existing_users": True},
            SCANNED
            | {"scan_cursor": "c", "scan_started_at": AT, "audience_updated": "older"},
            SyncKind.FULL,
        ),
        ({"ledger_path": "l"}, {}, SyncKind.FULL),
        ({"ledger_path": "l"}, SCANNED, SyncKind.INCREMENTAL),
    ],
)
def test_due_sync(
    config: dict[str, Any], state: dict[str, Any], kind: SyncKind
) -> None:
    findings = Findings(is_new=not state)
    found = due_sync(
        StreamState(**state), AUDIENCE, settings_of(**config), AT, findings
    )

    assert found.kind is kind
    assert found.reason


def test_full_sync_sets_bookmark_to_its_start() -> None:
    state = StreamState()
    state.start_full_sync(AT)
    state.scan_cursor = "somewhere"

    state.end_full_sync(is_incomplete=False)

    assert state == replace(StreamState(), bookmark=AT, last_whole_scan=AT)


@pytest.mark.parametrize("before", [None, AT - HOUR])
def test_incomplete_full_sync_is_repeated_once(before: datetime | None) -> None:
    state = StreamState(bookmark=before, last_whole_scan=before)
    settings = settings_of(existing_users=True, full_scan_interval_hours=0)
    kinds = []

    for _ in range(4):
        kinds.append(due_sync(state, AUDIENCE, settings, AT, Findings()).kind)
        state.start_full_sync(AT)
        state.end_full_sync(is_incomplete=True)

    assert kinds[2:] == [SyncKind.INCREMENTAL] * 2
    assert kinds[:2] == [
        SyncKind.INCREMENTAL if before else SyncKind.FULL,
        SyncKind.FULL,
    ]
    assert state.last_whole_scan == AT


def test_complete_full_sync_resets_repeat() -> None:
    state = StreamState(short_scans=7)
    state.start_full_sync(AT)
    state.end_full_sync(is_incomplete=False)
    state.start_full_sync(AT)

    state.end_full_sync(is_incomplete=True)

    assert state.repeats_full_sync


README = Path(__file__).parents[3] / "tap-lytics" / "README.md"


def test_readme_documents_every_state_key() -> None:
    text = README.read_text(encoding="utf-8")
    state: dict[str, object] = {}

    StreamState().write(state)

    assert not [key for key in state if f"`{key}`" not in text]
