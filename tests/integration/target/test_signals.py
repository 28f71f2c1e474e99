"""A signal ends the run at once: what STATE covers is written, the rest comes again."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.live_target import LiveTarget, await_call
from support.singer import companies, record, schema, state
from support.store import companies_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from support.plugins import Run
    from support.store import MakeBox

SOON = 15.0  # Seconds; the waits that are cut short would take 20 and more.
LONG_WAIT = {"fault_seconds": 50.0}


def assert_ended(got: Run, box: Sandbox, number: int, sent: int) -> None:
    """The status names the signal; STATE covers nothing unwritten."""
    assert got.status == 128 + number, got.stderr
    covered = got.state["n"] if got.state else 0
    now = companies_of(box)
    assert [now[1001 + n] for n in range(covered)] == [
        f"New {n}" for n in range(covered)
    ]
    assert got.summary is not None
    assert got.summary["records"] >= covered
    assert got.summary["records"] + got.summary["left"] <= sent
    assert got.errors == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_target_ends_at_once_with_what_it_wrote(
    number: int, config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    config["batch_wait_limit_seconds"] = 1
    with LiveTarget(config, tmp_path) as target:
        target.send(schema(), *companies(0, 5))
        printed = target.state()
        target.send(record(1006, company="Comes again"))
        began = time.monotonic()

        target.signal(number)
        got = target.end()

    assert time.monotonic() - began < SOON
    assert printed == {"n": 5}
    assert_ended(got, box, number, sent=6)
    assert got.outcomes == {"updated": 5}
    assert companies_of(box)[1006] != "Comes again"


FAULTS = {
    "within a call": (Fault(kind="slow", match="GET /customers", seconds=1), None),
    "within a back-off": (Fault(kind="503", match="PUT /customers", times=20), 503),
    "after a 429 that says when": (
        Fault(kind="429_retry_after", match="PUT /customers", times=20),
        429,
    ),
    "after a bare 429": (Fault(kind="429_bare", match="GET /customers", times=20), 429),
}


@pytest.mark.parametrize("moment", FAULTS)
def test_a_signal_cuts_every_wait_short(
    moment: str,
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    tmp_path: Path,
) -> None:
    fault, status = FAULTS[moment]
    box = make_box(**LONG_WAIT)
    box.faults.queue(fault)
    endpoint = fault.match
    reached = await_call(box, endpoint, nth=3 if status == 503 else 1, status=status)
    config = {**config_of(box), "batch_size_rows": 20}
    with LiveTarget(config, tmp_path) as target:
        target.send(schema(), *companies(0, 25))
        assert reached.wait(30)
        began = time.monotonic()

        target.signal(signal.SIGTERM)
        got = target.end()

    assert time.monotonic() - began < SOON
    assert_ended(got, box, signal.SIGTERM, sent=25)


def test_a_signal_ends_the_wait_for_quota(
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    tmp_path: Path,
) -> None:
    box = make_box(quota=10, window_seconds=60.0)
    reached = await_call(box, "*", nth=6)
    config = {**config_of(box), "batch_size_rows": 2, "quota_share_percent": 100}
    with LiveTarget(config, tmp_path) as target:
        target.send(schema(), *companies(0, 30))
        assert reached.wait(30)
        began = time.monotonic()

        target.signal(signal.SIGINT)
        got = target.end()

    assert time.monotonic() - began < SOON
    assert_ended(got, box, signal.SIGINT, sent=30)
    assert box.store.quota.used_by_window == {0: len(box.journal)}


def test_a_second_signal_does_not_hurry_the_first(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    box.faults.queue(Fault(kind="slow", match="PUT /customers", seconds=1))
    reached = await_call(box, "PUT /customers")
    with LiveTarget(config, tmp_path) as target:
        target.send(schema(), record(1001, company="New 0"), state(1))
        target.close_input()
        assert reached.wait(30)

        target.signal(signal.SIGINT)
        target.signal(signal.SIGTERM)
        got = target.end()

    assert_ended(got, box, signal.SIGINT, sent=1)


def stopped_at_call(
    nth: int, number: int, box: Sandbox, config: dict[str, Any], folder: Path
) -> Run:
    """Stop a run of some forty calls at one of them, its answer still to come."""
    with LiveTarget({**config, "batch_size_rows": 4}, folder) as target:
        counted = [0]

        def count(_: object) -> None:
            counted[0] += 1
            if counted[0] == nth:
                target.signal(number)

        box.journal.subscribe(count)
        target.send_quietly(schema(), *companies(0, 30))
        return target.end()


def check_moments(
    moments: int,
    seed: int,
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """Stop so many runs, each at another call."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
    for at in range(moments):
        folder = tmp_path / str(at)
        folder.mkdir()
        box = make_box(latency_ms=chance.choice([0.0, 5.0, 20.0]))
        config = {
            **config_of(box),
            "rejects_path": str(folder / "rejects.jsonl"),
            "summary_path": str(folder / "summary.json"),
        }
        number = chance.choice([signal.SIGTERM, signal.SIGINT])

        got = stopped_at_call(chance.randint(1, 30), number, box, config, folder)

        assert_ended(got, box, number, sent=30)


@pytest.mark.guarantee("graceful-shutdown")
def test_whatever_the_moment_state_covers_only_what_is_written(
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    tmp_path: Path,
) -> None:
    check_moments(5, 1, make_box, config_of, tmp_path)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_at_a_hundred_moments_state_covers_only_what_is_written(
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    tmp_path: Path,
) -> None:
    check_moments(100, 2, make_box, config_of, tmp_path)
