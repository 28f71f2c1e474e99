"""What waits is written in time, though the input says nothing more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from support.live_target import LiveTarget, await_call
from support.singer import record, schema, state
from support.store import companies_of, values_of, writes_of

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

PACE = 0.1
SOON = 20.0  # Seconds; by default the records would wait for a minute.


@pytest.fixture
def quick(config: dict[str, Any]) -> dict[str, Any]:
    """Let nothing wait longer than a second."""
    return {**config, "batch_wait_limit_seconds": 1}


def test_five_records_and_silence_are_written_within_the_limit(
    quick: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    ready = await_call(box, "GET /customers/attributes")
    with LiveTarget(quick, tmp_path) as target:
        target.send(schema())
        assert ready.wait(30)
        began = time.monotonic()

        target.send(*(record(1001 + n, company=f"New {n}") for n in range(5)))
        target.send(state(5))
        printed = target.state()

        assert time.monotonic() - began < SOON
        assert printed == {"n": 5}
        assert len(values_of(box)) == 5
        assert target.is_running


def test_it_listens_on_after_a_silence(
    quick: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    with LiveTarget(quick, tmp_path) as target:
        target.send(schema(), record(1001, company="First"), state(1))
        first = target.state()

        target.send(record(1002, company="Second"), state(2))
        second = target.state()
        target.close_input()
        got = target.end()

    assert (first, second) == ({"n": 1}, {"n": 2})
    assert got.status == 0
    assert got.outcomes == {"updated": 2}
    assert companies_of(box)[1002] == "Second"


def test_a_lone_state_is_printed_within_the_limit(
    quick: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    with LiveTarget(quick, tmp_path) as target:
        target.send(state(0))

        assert target.state() == {"n": 0}
    assert writes_of(box) == []


def test_a_state_behind_a_full_drain_is_printed_at_once(
    config: dict[str, Any], tmp_path: Path
) -> None:
    # Nothing but this would print it: the default limit is a minute.
    with LiveTarget({**config, "batch_size_rows": 2}, tmp_path) as target:
        target.send(schema(), record(1001, company="A"), record(1002, company="B"))
        target.send(state(2))

        assert target.state() == {"n": 2}
        assert target.is_running


def test_a_trickle_is_drained_every_limit(
    quick: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    ready = await_call(box, "GET /customers/attributes")
    with LiveTarget(quick, tmp_path) as target:
        target.send(schema())
        assert ready.wait(30)
        began, sent = time.monotonic(), 0
        while len(box.journal.calls("PUT /customers")) < 3:
            sent += 1
            target.send(record(1001 + sent % 5, company=f"New {sent}"), state(sent))
            time.sleep(PACE)  # A tap that finds a member now and then.
            assert time.monotonic() - began < SOON
        target.close_input()

        got = target.end()
        limits = (time.monotonic() - began) / quick["batch_wait_limit_seconds"]

    assert 3 <= len(got.states) <= limits + 1
    assert got.state == {"n": sent}
    assert got.outcomes.keys() <= {"updated", "merged"}
    assert sum(got.outcomes.values()) == sent


def test_a_line_in_two_writes_waits_for_its_end(
    quick: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    with LiveTarget(quick, tmp_path) as target:
        target.send(schema(), state(0))
        target.state()
        target.write(b'{"type": "RECORD", "stream": "vip", "record": {"id": 1001, "c')
        target.write('ompany": "Käse 🧀'.encode()[:-2])
        target.write("🧀".encode()[-2:] + b'"}}\n')
        target.send(state(1))

        assert target.state() == {"n": 1}
    assert companies_of(box)[1001] == "Käse 🧀"
