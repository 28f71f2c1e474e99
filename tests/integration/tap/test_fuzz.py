"""Whatever Lytics returns, the tap ends well or in one line, without false exits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Options
from support.corrupted import KINDS, WAYS, Jobs, Spoil
from support.corrupted.claims import (
    assert_nobody_left,
    assert_orderly,
    assert_singer,
    assert_state_behind_records,
)
from support.corrupted.jobs import JOBS
from support.corrupted.plans import FOREVER, Garbled
from support.corrupted.server import Served
from support.corrupted.wire import Asked, Wire, status_line
from support.plugins import run_tap
from support.tap_in_process import Ended

MANY = 20_000
TOKEN = Options().lytics_token
spoils = st.builds(
    Spoil,
    way=st.sampled_from(WAYS),
    kind=st.sampled_from(KINDS),
    first=st.integers(0, 4),
    times=st.sampled_from([1, 1, 2, 12, FOREVER]),
    seed=st.integers(0, 2**32),
)
plans = st.lists(spoils, min_size=1, max_size=2)


@pytest.mark.parametrize("job", JOBS)
def test_good_answers_are_no_errors(job: str, jobs: Jobs) -> None:
    assert jobs.run(job).status == 0


@pytest.mark.guarantee("corrupted-responses")
@pytest.mark.parametrize("way", WAYS)
def test_every_way_goes_through_every_call(way: str, jobs: Jobs) -> None:
    spoil = Spoil(way=way, times=FOREVER, seed=7)

    for job in JOBS:
        jobs.run(job, [spoil])


@pytest.mark.guarantee("corrupted-responses")
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(job=st.sampled_from(list(JOBS)), plan=plans)
def test_garbled_answers_end_in_order(job: str, plan: list[Spoil], jobs: Jobs) -> None:
    jobs.run(job, plan)


@pytest.mark.nightly
@pytest.mark.timeout(6 * 3600)
@settings(max_examples=MANY, suppress_health_check=[HealthCheck.too_slow])
@given(job=st.sampled_from(list(JOBS)), plan=plans)
def test_very_many_garbled_answers_end_in_order(
    job: str, plan: list[Spoil], jobs: Jobs
) -> None:
    jobs.run(job, plan)


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (Spoil(way="lettered", kind="scan", seed=3), 0),
        (Spoil(way="hung_up", kind="schema", seed=4), 0),
        (Spoil(way="old_cursor", kind="scan", times=FOREVER), 0),
        (Spoil(way="status", kind="look", times=FOREVER, seed=10), 1),
    ],
    ids=lambda given: getattr(given, "way", None),
)
def test_a_process_of_its_own_ends_in_order(
    spoil: Spoil, status: int, jobs: Jobs
) -> None:
    url, _ = jobs.lytics.begin([spoil])

    run = run_tap(jobs.settings("whole", url), timeout=60)

    assert run.status == status, run.stderr
    assert len(run.errors) == status
    assert "Traceback" not in run.stderr
    assert_singer(run.stdout.encode())


# That the claims can fail.


def ended(**more: Any) -> Ended:  # noqa: ANN401 - what a run left behind
    return Ended(**{"status": 0, "stdout": b"", "log": [], "naps": [], **more})


@pytest.mark.parametrize(
    "run",
    [
        ended(status=1),
        ended(log=[(40, "tap-lytics", "Why")]),
        ended(status=1, log=[(40, "tap-lytics", "Why"), (40, "tap-lytics", "Why")]),
        ended(status=1, log=[(40, "tap-lytics", "Traceback (most recent call last)")]),
        ended(log=[(20, "tap-lytics", f"by {TOKEN}")]),
        ended(log=[(20, "tap-lytics", "to ann@example.com")]),
        ended(log=[(20, "tap-lytics", "x\x1b[2J")]),
        ended(log=[(20, "tap-lytics", "x" * 9000)]),
        ended(log=[(30, "urllib3.connection", "Failed to parse headers")]),
        ended(stdout=TOKEN.encode()),
        ended(naps=[1e6]),
    ],
)
def test_a_disorderly_end_is_seen(run: Ended) -> None:
    with pytest.raises(AssertionError):
        assert_orderly(run, Served(Garbled((), {})), TOKEN)


SCHEMA: dict[str, Any] = {
    "type": "SCHEMA",
    "stream": "vip",
    "schema": {"properties": {"age": {"type": "integer"}}},
    "key_properties": ["_member_id"],
}
RECORD: dict[str, Any] = {
    "type": "RECORD",
    "stream": "vip",
    "record": {"_member_id": "a", "age": 7},
}


def lines(*messages: object) -> bytes:
    return "".join(json.dumps(message) + "\n" for message in messages).encode()


@pytest.mark.parametrize(
    "stdout",
    [
        lines(SCHEMA, RECORD)[:-1],
        lines(SCHEMA, {**RECORD, "record": {"_member_id": "a", "age": "7"}}),
        lines(SCHEMA, {**RECORD, "record": {"_member_id": "", "age": 7}}),
        lines(SCHEMA, {**RECORD, "record": {"_member_id": "a", "x": float("nan")}}),
        lines({**SCHEMA, "key_properties": []}),
        lines({**SCHEMA, "type": "BATCH"}),
        b'{"type": "SCHEMA"\n',
    ],
)
def test_lines_that_are_no_singer_are_seen(stdout: bytes) -> None:
    assert_singer(lines(SCHEMA, RECORD))

    with pytest.raises((AssertionError, ValueError)):
        assert_singer(stdout)


@pytest.mark.parametrize(
    "place",
    [{"scan_cursor": "b"}, {"scan_cursor": None, "last_whole_scan": "2026-01-01"}],
)
def test_a_state_ahead_of_its_records_is_seen(place: dict[str, Any]) -> None:
    served = Served(Garbled((), {}))
    page = Wire(head=status_line(200), headers=(), body=b'{"data":[{},{}],"_next":"b"}')
    served.answers.append((Asked(kind="scan", start="", number=0), page))
    state = {"type": "STATE", "value": {"bookmarks": {"vip": place}}}
    assert_state_behind_records([RECORD, RECORD, state], served, cursor="")

    with pytest.raises(AssertionError):
        assert_state_behind_records([RECORD, state, RECORD], served, cursor="")


def test_an_exit_of_nobody_is_seen() -> None:
    left = {**RECORD, "record": {"_member_id": "a", "_sdc_deleted_at": "2026-01-01"}}

    for message in (left, {"type": "ACTIVATE_VERSION", "stream": "vip", "version": 1}):
        with pytest.raises(AssertionError):
            assert_nobody_left([RECORD, message], {"ann@example.com"})
