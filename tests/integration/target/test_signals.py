"""A signal or a kill at any time: STATE covers only what is written."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.live_target import LiveTarget, await_call
from support.plugins import run_target
from support.singer import companies, left, record, schema, state
from support.store import companies_of, contents, put_values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from support.plugins import Run
    from support.singer import Message
    from support.store import MakeBox

    ConfigOf = Callable[[Sandbox], dict[str, Any]]

# Longer than `LiveTarget.end` waits: a wait that no signal ends fails the test.
LONG_SECONDS = 60


def assert_stopped(got: Run, box: Sandbox, number: int, sent: int) -> None:
    """Check that the status names the signal and STATE covers only what is written."""
    assert got.status == 128 + number, got.stderr
    covered = got.state["n"] if got.state else 0
    written = companies_of(box)
    assert all(written[1001 + n] == f"New {n}" for n in range(covered))
    assert got.summary is not None
    assert got.summary["records"] >= covered
    assert got.summary["records"] + got.summary["left"] <= sent
    assert got.errors == []


def interrupt_at_call(
    nth: int,
    number: int,
    lines: list[Message],
    *,
    box: Sandbox,
    config: dict[str, Any],
    folder: Path,
) -> Run:
    """Send a signal within the n-th call, before its response."""
    with LiveTarget(config, folder) as target:
        calls = [0]

        def count(_: object) -> None:
            calls[0] += 1
            if calls[0] == nth:
                target.signal(number)

        box.journal.subscribe(count)
        target.send_quietly(schema(), *lines)
        return target.end()


# Signals.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_an_idle_target(
    number: int, config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    records = [record(1001 + n, company=f"New {n}") for n in range(5)]
    with LiveTarget({**config, "batch_size_rows": 5}, tmp_path) as target:
        target.send(schema(), *records, state(5))
        printed = target.state()
        target.send(record(1006, company="Not covered"))

        target.signal(number)
        got = target.end()

    assert printed == {"n": 5}
    assert_stopped(got, box, number, sent=6)
    assert got.outcomes == {"updated": 5}
    assert companies_of(box)[1006] != "Not covered"


@pytest.mark.parametrize(
    ("kind", "nth"), [("503", 3), ("429_retry_after", 1)], ids=["backoff", "429"]
)
def test_signal_ends_the_wait_for_a_retry(
    kind: str,
    nth: int,
    make_box: MakeBox,
    config_of: ConfigOf,
    tmp_path: Path,
) -> None:
    box = make_box(fault_seconds=LONG_SECONDS)
    box.faults.queue(Fault(kind=kind, match="PUT /customers", times=20))
    reached = await_call(box, "PUT /customers", nth=nth)
    with LiveTarget({**config_of(box), "batch_size_rows": 20}, tmp_path) as target:
        target.send(schema(), *companies(0, 25))
        assert reached.wait(LONG_SECONDS)

        target.signal(signal.SIGTERM)
        got = target.end()

    assert_stopped(got, box, signal.SIGTERM, sent=25)


def test_signal_ends_the_wait_for_quota(
    make_box: MakeBox, config_of: ConfigOf, tmp_path: Path
) -> None:
    box = make_box(quota=10, window_seconds=LONG_SECONDS)
    reached = await_call(box, "*", nth=6)
    config = {**config_of(box), "batch_size_rows": 2, "quota_share_percent": 100}
    with LiveTarget(config, tmp_path) as target:
        target.send(schema(), *companies(0, 30))
        assert reached.wait(LONG_SECONDS)

        target.signal(signal.SIGINT)
        got = target.end()

    assert_stopped(got, box, signal.SIGINT, sent=30)


def test_signal_waits_for_a_response_until_its_timeout(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    slow = Fault(kind="slow", match="PUT /customers", seconds=LONG_SECONDS)
    box.faults.queue(slow)
    reached = await_call(box, "PUT /customers")
    with LiveTarget({**config, "request_timeout_seconds": 1}, tmp_path) as target:
        target.send(schema(), record(1001, company="New 0"), state(1))
        target.close_input()
        assert reached.wait(LONG_SECONDS)

        target.signal(signal.SIGTERM)
        got = target.end()

    assert_stopped(got, box, signal.SIGTERM, sent=1)
    assert got.state is None


def test_second_signal_does_not_interrupt_the_shutdown(
    config: dict[str, Any], box: Sandbox, tmp_path: Path
) -> None:
    box.faults.queue(Fault(kind="slow", match="PUT /customers", seconds=1))
    reached = await_call(box, "PUT /customers")
    with LiveTarget(config, tmp_path) as target:
        target.send(schema(), record(1001, company="New 0"), state(1))
        target.close_input()
        assert reached.wait(LONG_SECONDS)

        target.signal(signal.SIGINT)
        target.signal(signal.SIGTERM)
        got = target.end()

    # Signals that are pending together are delivered in any order.
    number = signal.Signals(got.status - 128)
    assert number in {signal.SIGINT, signal.SIGTERM}
    assert_stopped(got, box, number, sent=1)


def check_signals(
    count: int, seed: int, make_box: MakeBox, config_of: ConfigOf, tmp_path: Path
) -> None:
    """Interrupt a number of runs, each at a random call."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    for at in range(count):
        folder = tmp_path / str(at)
        folder.mkdir()
        box = make_box(latency_ms=rng.choice([0.0, 5.0, 20.0]))
        config = {
            **config_of(box),
            "batch_size_rows": 4,
            "summary_path": str(folder / "summary.json"),
        }
        number = rng.choice([signal.SIGTERM, signal.SIGINT])

        got = interrupt_at_call(
            rng.randint(1, 30),
            number,
            companies(0, 30),
            box=box,
            config=config,
            folder=folder,
        )

        assert_stopped(got, box, number, sent=30)


@pytest.mark.guarantee("graceful-shutdown")
def test_state_after_a_signal_covers_only_written_records(
    make_box: MakeBox, config_of: ConfigOf, tmp_path: Path
) -> None:
    check_signals(5, 1, make_box, config_of, tmp_path)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_state_after_many_signals_covers_only_written_records(
    make_box: MakeBox, config_of: ConfigOf, tmp_path: Path
) -> None:
    check_signals(100, 2, make_box, config_of, tmp_path)


# Kills.

MAPPED = {
    "batch_size_rows": 4,
    "on_missing_id": "create",
    "on_exit": "clear",
    "map_standard_fields": [
        {"from": name, "to": name}
        for name in ("email", "first_name", "last_name", "company")
    ],
    "map_custom_attributes": [{"from": "tier", "to": "Tier"}],
}


def mixed_lines() -> list[Message]:
    """Updates, creations, exits and rejects, each followed by a STATE."""
    lines = []
    for n in range(24):
        if n % 6 == 5:
            lines.append(left(1001 + n - 3))
        elif n % 6 == 4:
            person = {"email": f"new.{n}@example.com", "first_name": "New"}
            lines.append(record(None, last_name=f"No. {n}", tier="gold", **person))
        elif n % 6 == 3:
            lines.append(record(4_000_000 + n, company="Gone"))
        else:
            lines.append(record(1001 + n, company=f"New {n}", tier=f"Tier {n}"))
        lines.append(state(n + 1))
    return lines


def open_store(make_box: MakeBox, latency_ms: float = 0.0) -> Sandbox:
    """Open a store with some customers in the audience."""
    box = make_box(latency_ms=latency_ms)
    put_values(box, dict.fromkeys(range(1001, 1012), "vip"))
    return box


def by_email(found: dict[str, Any]) -> dict[str, Any]:
    """Replace ids by emails, since a repeated creation may get another id."""
    emails = {number: row["email"] for number, row in found["customers"].items()}
    return {
        "customers": sorted(
            [{**row, "id": 0} for row in found["customers"].values()],
            key=lambda row: str(row["email"]),
        ),
        "attributes": found["attributes"],
        "values": {(emails[n], name): v for (n, name), v in found["values"].items()},
    }


def check_kills(
    count: int, seed: int, make_box: MakeBox, config_of: ConfigOf, tmp_path: Path
) -> None:
    """Kill a number of runs, each at a random call, and resume each."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    whole = open_store(make_box)
    run_target({**config_of(whole), **MAPPED}, [schema(), *mixed_lines()])
    expected, calls = contents(whole), len(whole.journal)
    for at in range(count):
        folder = tmp_path / str(at)
        folder.mkdir()
        box = open_store(make_box, latency_ms=rng.choice([0.0, 3.0]))
        config = {
            **config_of(box),
            **MAPPED,
            "rejects_path": str(folder / "rejects"),
            "history_path": str(folder / "history"),  # Of this store alone.
        }

        killed = interrupt_at_call(
            rng.randint(1, calls),
            signal.SIGKILL,
            mixed_lines(),
            box=box,
            config=config,
            folder=folder,
        )
        covered = killed.state["n"] if killed.state else 0
        resumed = run_target(config, [schema(), *mixed_lines()[2 * covered :]])

        assert resumed.status == 0, resumed.stderr
        assert by_email(contents(box)) == by_email(expected)
        records = [row["record"] for row in resumed.rejects if row["type"] == "RECORD"]
        rejected = {record["id"] for record in records}
        assert rejected == {4_000_003, 4_000_009, 4_000_015, 4_000_021}


@pytest.mark.guarantee("state-never-ahead")
def test_killed_run_is_completed_by_the_next(
    make_box: MakeBox, config_of: ConfigOf, tmp_path: Path
) -> None:
    check_kills(5, 1, make_box, config_of, tmp_path)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_many_killed_runs_are_completed_by_the_next(
    make_box: MakeBox, config_of: ConfigOf, tmp_path: Path
) -> None:
    check_kills(50, 2, make_box, config_of, tmp_path)
