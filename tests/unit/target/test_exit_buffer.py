"""Exits wait apart from other records, and STATE waits behind them."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from support.customers import NAMES, VIP, leaver, member, person, put_customers
from support.plugins import to_text
from support.target_job import MakeJob, clearing_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Clock, Sandbox
    from support.target_job import Job

Message = dict[str, Any]
DELETE = "DELETE /customers/attribute-values"


def record(fields: Message, *, stream: str = VIP, **more: object) -> Message:
    return {"type": "RECORD", "stream": stream, "record": fields, **more}


def schema(stream: str = VIP) -> Message:
    shape = {"properties": {"id": {}, "email": {}, "_sdc_deleted_at": {}}}
    return {"type": "SCHEMA", "stream": stream, "schema": shape, "key_properties": []}


def state(n: int) -> Message:
    return {"type": "STATE", "value": {"n": n}}


def activate(version: int) -> Message:
    return {"type": "ACTIVATE_VERSION", "stream": VIP, "version": version}


class TimedInput(io.StringIO):
    """An input in which a number of seconds passes before some lines."""

    def __init__(self, messages: list[Message], clock: Clock) -> None:
        super().__init__(to_text(messages))
        self._clock = clock

    @override
    def __next__(self) -> str:
        line = super().__next__()
        self._clock.advance(json.loads(line).get("after", 0))
        return line


def run(job: Job, *messages: Message) -> int:
    """Run the target over an input and return its status."""
    return job.target.run(TimedInput([schema(), *messages], job.box.clock))


def states(capsys: pytest.CaptureFixture[str]) -> list[int]:
    """Return the numbers of the STATE messages printed."""
    return [json.loads(line)["n"] for line in capsys.readouterr().out.splitlines()]


# Order per customer.

ONE = person(1)["email"]
ORDERS: list[tuple[str, list[Message], bool]] = [
    ("member, exit", [member(1), leaver(1)], False),
    ("exit, member", [leaver(1), member(1)], True),
    ("exit, member, exit", [leaver(1), member(1), leaver(1)], False),
    ("member, exit, member", [member(1), leaver(1), member(1)], True),
    ("exit, exit", [leaver(1), leaver("1")], False),
    ("exit, member by email", [leaver(1), {"email": ONE}], True),
    ("exit, member by email in upper case", [leaver(1), {"email": ONE.upper()}], True),
    ("member by email, exit", [{"email": ONE}, leaver(1)], False),
    ("exit, by email, exit", [leaver(1), {"email": ONE}, leaver(1)], False),
    ("by email, exit, by email", [{"email": ONE}, leaver(1), {"email": ONE}], True),
    ("exit, rejected member", [leaver(1), member(1, company="x" * 300)], True),
    ("exit, refused member", [leaver(1), member(1, email="m@invalid")], True),
]


@pytest.mark.parametrize("batch_size", [1, 100])
@pytest.mark.parametrize(
    ("records", "is_member"),
    [(records, is_member) for _, records, is_member in ORDERS],
    ids=[name for name, _, _ in ORDERS],
)
def test_last_record_of_a_customer_counts(
    audience: Sandbox,
    make_job: MakeJob,
    records: list[Message],
    batch_size: int,
    *,
    is_member: bool,
) -> None:
    job = clearing_job(
        make_job,
        audience,
        map_standard_fields=NAMES,
        on_missing_id="match",
        batch_size_rows=batch_size,
    )

    status = run(job, *map(record, records))

    assert status == 0
    assert job.values().keys() == ({1, 2, 3} if is_member else {2, 3})
    assert sum(job.outcomes.values()) == len(records)


def test_leaver_is_not_given_the_value_first(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing_job(make_job, audience)

    run(job, record(member(4)), record(leaver(4)))

    assert "PUT /customers/attribute-values" not in job.calls()
    assert DELETE not in job.calls()


def test_exit_in_a_stream_does_not_concern_another(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing_job(make_job, audience)

    run(
        job,
        schema("news"),
        record(leaver(1)),
        record(member(1), stream="news"),
        record(leaver(2), stream="news"),
    )

    assert job.values().keys() == {2, 3}
    assert job.values("LyticsAudience_news") == {1: "news"}


# When values are deleted, and which STATE is printed.


def test_full_batches_do_not_delete(
    audience: Sandbox, make_job: MakeJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job = clearing_job(make_job, audience, batch_size_rows=1)
    deleted: list[int] = []

    class Watching(TimedInput):
        @override
        def __next__(self) -> str:
            deleted.append(job.calls().get(DELETE, 0))
            return super().__next__()

    messages = [
        record(member(2)),
        state(1),
        record(leaver(1)),
        state(2),
        record(member(3)),
        state(3),
    ]
    job.target.run(Watching([schema(), *messages], job.box.clock))

    assert set(deleted) == {0}
    assert job.calls()[DELETE] == 1
    assert states(capsys) == [1, 3]


@pytest.mark.parametrize(
    ("seconds", "is_deleted"), [(59, False), (60, True), (3600, True)]
)
def test_exit_waits_for_the_wait_limit(
    audience: Sandbox, make_job: MakeJob, seconds: int, *, is_deleted: bool
) -> None:
    job = clearing_job(make_job, audience, batch_wait_limit_seconds=60)
    found: list[int] = []

    class Watching(TimedInput):
        @override
        def __next__(self) -> str:
            found.append(job.calls().get(DELETE, 0))
            return super().__next__()

    messages = [record(leaver(1)), record(member(2), after=seconds), record(member(3))]
    job.target.run(Watching([schema(), *messages], job.box.clock))

    assert found[-2] == is_deleted


def test_later_exits_do_not_prolong_the_wait(
    audience: Sandbox, make_job: MakeJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job = clearing_job(make_job, audience, batch_wait_limit_seconds=60)

    run(
        job,
        record(leaver(1)),
        state(1),
        record(leaver(2), after=40),
        state(2),
        {**state(3), "after": 40},
        record(leaver(3)),
        state(4),
    )

    assert job.calls()[DELETE] == 2
    assert states(capsys)[-1] == 4
    assert 2 not in states(capsys)


def test_state_before_an_exit_is_printed_with_its_batch(
    audience: Sandbox, make_job: MakeJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job = clearing_job(make_job, audience, max_clear_percent=0)
    many = range(5, 25)
    put_customers(audience, *many)
    make_job(audience, map_standard_fields=[]).write(*map(member, many))

    status = run(
        job,
        record(member(1)),
        state(1),
        *(record(leaver(n)) for n in many),
        state(2),
        record(member(2)),
        state(3),
    )

    assert status == 1
    assert states(capsys) == [1]
    assert len(job.values()) == 23


def test_state_behind_a_cancelled_exit_is_printed(
    audience: Sandbox, make_job: MakeJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job = clearing_job(make_job, audience, batch_size_rows=1)

    run(
        job,
        record(leaver(1)),
        state(1),
        record(member(1)),
        state(2),
    )

    assert states(capsys) == [1, 2]


# The guard sees everything that waits.


@pytest.mark.parametrize(
    ("messages", "waiting"),
    [
        (lambda many: [record(leaver(n)) for n in many], 40),
        (
            lambda many: [
                message
                for n in many
                for message in (record(leaver(n)), state(n), record(member(1)))
            ],
            40,
        ),
        (
            lambda many: [
                *(record(leaver(n)) for n in many[:8]),
                *(record(member(n), version=5) for n in (1, 2, 3)),
                activate(5),
            ],
            40,
        ),
    ],
    ids=["exits", "exits among members", "exits and a version"],
)
def test_guard_counts_all_exits_of_a_run(
    audience: Sandbox,
    make_job: MakeJob,
    caplog: pytest.LogCaptureFixture,
    messages: Callable[[range], list[Message]],
    waiting: int,
) -> None:
    many = range(11, 51)
    put_customers(audience, *many)
    make_job(audience, map_standard_fields=[]).write(*map(member, many))
    job = clearing_job(make_job, audience, batch_size_rows=5)

    status = run(job, *messages(many))

    assert status == 1
    assert len(job.values()) == 43
    assert f"{waiting} of the 43 values" in caplog.text


def test_version_and_exits_are_cleared_once(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing_job(make_job, audience)

    status = run(
        job,
        record(leaver(1)),
        record(leaver(3), version=5),
        record(member(2), version=5),
        activate(5),
        state(1),
    )

    assert status == 0
    assert job.values() == {2: VIP}
    assert job.outcomes == {"unchanged": 1, "cleared": 2}
    assert job.run.stats.cleared_by_version == 0
    assert job.calls()[DELETE] == 1


def test_incomplete_version_clears_reported_exits_only(
    audience: Sandbox, make_job: MakeJob
) -> None:
    job = clearing_job(make_job, audience)

    run(job, record(leaver(1)), activate(5))

    assert job.values().keys() == {2, 3}


def test_store_without_the_filter_loses_no_other_value(
    audience: Sandbox, make_job: MakeJob
) -> None:
    [number] = audience.store.attributes
    audience.store.values[3, number] = "another_audience"
    job = clearing_job(make_job, audience)

    run(job, *(record(leaver(n)) for n in (1, 3, 4, 99)))

    assert job.values() == {2: VIP, 3: "another_audience"}
    assert job.outcomes == {"cleared": 1, "unchanged": 3}


def test_signal_leaves_exits_to_the_next_run(
    audience: Sandbox, make_job: MakeJob, capsys: pytest.CaptureFixture[str]
) -> None:
    job = clearing_job(make_job, audience)

    class Stopping(TimedInput):
        @override
        def __next__(self) -> str:
            line = super().__next__()
            if '"STATE"' in line:
                job.target.shutdown.set(15)
            return line

    messages = [record(leaver(1)), state(1)]
    status = job.target.run(Stopping([schema(), *messages], job.box.clock))

    assert status == 143
    assert job.values().keys() == {1, 2, 3}
    assert states(capsys) == []


@pytest.mark.parametrize("config", [{"on_exit": "keep"}, {"limit": 5}], ids=str)
def test_kept_exits_do_not_hold_up_state(
    audience: Sandbox,
    make_job: MakeJob,
    capsys: pytest.CaptureFixture[str],
    config: Message,
) -> None:
    job = clearing_job(make_job, audience, **config)

    run(job, record(leaver(1)), state(1), record(member(2)))

    assert job.outcomes["kept"] == 1
    assert states(capsys) == ([] if "limit" in config else [1])
