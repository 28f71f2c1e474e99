"""Whatever Lytics responds, the tap succeeds or logs one error, without false exits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Options
from support.corrupted import (
    ALWAYS,
    CORRUPTIONS,
    JOBS,
    REQUEST_KINDS,
    Corruption,
    Jobs,
)
from support.corrupted.checks import (
    assert_clean_end,
    assert_no_false_exit,
    assert_singer,
    assert_state_behind_records,
)
from support.corrupted.server import ServedRun
from support.corrupted.wire import RequestInfo, WireResponse, status_line
from support.plugins import run_tap
from support.tap_in_process import FinishedRun

MANY = 20_000
TOKEN = Options().lytics_token
job_names = st.sampled_from(list(JOBS))
plans = st.lists(
    st.builds(
        Corruption,
        name=st.sampled_from(CORRUPTIONS),
        kind=st.sampled_from(REQUEST_KINDS),
        first=st.integers(0, 4),
        times=st.sampled_from([1, 1, 2, 12, ALWAYS]),
        seed=st.integers(0, 2**32),
    ),
    min_size=1,
    max_size=2,
)


@pytest.mark.parametrize("job", JOBS)
def test_valid_responses_are_no_errors(job: str, jobs: Jobs) -> None:
    assert jobs.run(job).status == 0


@pytest.mark.guarantee("corrupted-responses")
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_in_every_request(name: str, jobs: Jobs) -> None:
    corruption = Corruption(name=name, times=ALWAYS, seed=7)

    for job in JOBS:
        jobs.run(job, [corruption])


@pytest.mark.guarantee("corrupted-responses")
@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(job=job_names, plan=plans)
def test_corrupted_responses_end_cleanly(
    job: str, plan: list[Corruption], jobs: Jobs
) -> None:
    jobs.run(job, plan)


@pytest.mark.nightly
@pytest.mark.timeout(6 * 3600)
@settings(max_examples=MANY, suppress_health_check=[HealthCheck.too_slow])
@given(job=job_names, plan=plans)
def test_many_corrupted_responses_end_cleanly(
    job: str, plan: list[Corruption], jobs: Jobs
) -> None:
    jobs.run(job, plan)


@pytest.mark.parametrize(
    ("corruption", "status"),
    [
        (Corruption(name="earlier_cursor", kind="scan", times=ALWAYS), 0),
        (Corruption(name="other_status", kind="audience", times=ALWAYS, seed=10), 1),
    ],
    ids=["earlier_cursor", "other_status"],
)
def test_corrupted_responses_in_own_process(
    corruption: Corruption, status: int, jobs: Jobs
) -> None:
    url, _ = jobs.lytics.start_run([corruption])

    run = run_tap(jobs.settings("full", url))

    assert run.status == status, run.stderr
    assert len(run.errors) == status
    assert "Traceback" not in run.stderr
    assert_singer(run.stdout.encode())


# The checks can fail.


def finished(**changes: Any) -> FinishedRun:  # noqa: ANN401 - its fields
    return FinishedRun(
        **{"status": 0, "stdout": b"", "log": [], "waits": [], **changes}
    )


@pytest.mark.parametrize(
    "run",
    [
        finished(status=1),
        finished(log=[(40, "tap-lytics", "Why")]),
        finished(status=1, log=[(40, "tap-lytics", "Why")] * 2),
        finished(status=1, log=[(40, "tap-lytics", "Traceback (most recent call)")]),
        finished(log=[(20, "tap-lytics", f"by {TOKEN}")]),
        finished(log=[(20, "tap-lytics", "to ann@example.com")]),
        finished(log=[(20, "tap-lytics", "x\x1b[2J")]),
        finished(log=[(20, "tap-lytics", "x" * 9000)]),
        finished(log=[(30, "urllib3.connection", "Failed to parse headers")]),
        finished(stdout=TOKEN.encode()),
        finished(waits=[1e6]),
    ],
)
def test_check_detects_unclean_end(run: FinishedRun) -> None:
    with pytest.raises(AssertionError):
        assert_clean_end(run, ServedRun(), TOKEN)


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
def test_check_detects_invalid_singer_output(stdout: bytes) -> None:
    assert_singer(lines(SCHEMA, RECORD))

    with pytest.raises((AssertionError, ValueError)):
        assert_singer(stdout)


@pytest.mark.parametrize(
    "bookmark",
    [{"scan_cursor": "b"}, {"scan_cursor": None, "last_whole_scan": "2026-01-01"}],
)
def test_check_detects_state_ahead_of_records(bookmark: dict[str, Any]) -> None:
    page = WireResponse(
        head=status_line(200), headers=(), body=b'{"data":[{},{}],"_next":"b"}'
    )
    request = RequestInfo(kind="scan", cursor="", number=0)
    served = ServedRun(exchanges=[(request, page)])
    state = {"type": "STATE", "value": {"bookmarks": {"vip": bookmark}}}
    assert_state_behind_records([RECORD, RECORD, state], served, cursor="")

    with pytest.raises(AssertionError):
        assert_state_behind_records([RECORD, state, RECORD], served, cursor="")


@pytest.mark.parametrize(
    "message",
    [
        {**RECORD, "record": {"_member_id": "a", "_sdc_deleted_at": "2026-01-01"}},
        {"type": "ACTIVATE_VERSION", "stream": "vip", "version": 1},
    ],
    ids=["record", "version"],
)
def test_check_detects_false_exit(message: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        assert_no_false_exit([RECORD, message], {"ann@example.com"})
