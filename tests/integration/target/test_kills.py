"""A killed run loses nothing: the next one continues from the last STATE."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING, Any

import pytest

from support.live_target import LiveTarget
from support.plugins import run_target
from support.singer import left, record, schema, state
from support.store import contents, put_values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from support.singer import Message
    from support.store import MakeBox

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


def lines() -> list[Message]:
    """Updates, creations, exits and rejects, with a state after each."""
    found = []
    for n in range(24):
        if n % 6 == 5:
            found.append(left(1001 + n - 3))
        elif n % 6 == 4:
            person = {"email": f"new.{n}@example.com", "first_name": "New"}
            found.append(record(None, last_name=f"No. {n}", tier="gold", **person))
        elif n % 6 == 3:
            found.append(record(4_000_000 + n, company="Gone"))
        else:
            found.append(record(1001 + n, company=f"New {n}", tier=f"Tier {n}"))
        found.append(state(n + 1))
    return found


def open_store(make_box: MakeBox, latency_ms: float = 0.0) -> Sandbox:
    """Some are in the audience already."""
    box = make_box(latency_ms=latency_ms)
    put_values(box, dict.fromkeys(range(1001, 1012), "vip"))
    return box


def killed_at_call(nth: int, box: Sandbox, config: dict[str, Any], folder: Path) -> int:
    """Kill a run within a call; gives how many records its last state covers."""
    with LiveTarget(config, folder) as target:
        counted = [0]

        def count(_: object) -> None:
            counted[0] += 1
            if counted[0] == nth:
                target.signal(signal.SIGKILL)

        box.journal.subscribe(count)
        target.send_quietly(schema(), *lines())
        got = target.end()
    return int(got.state["n"]) if got.state else 0


def check_kills(
    kills: int,
    seed: int,
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """Kill so many runs, each at another call, and run the rest again."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
    whole = open_store(make_box)
    run_target({**config_of(whole), **MAPPED}, [schema(), *lines()])
    expected, calls = contents(whole), len(whole.journal)
    for at in range(kills):
        folder = tmp_path / str(at)
        folder.mkdir()
        box = open_store(make_box, latency_ms=chance.choice([0.0, 3.0]))
        config = {**config_of(box), **MAPPED, "rejects_path": str(folder / "rejects")}

        covered = killed_at_call(chance.randint(1, calls), box, config, folder)
        again = run_target(config, [schema(), *lines()[2 * covered :]])

        assert again.status == 0, again.stderr
        assert _people(contents(box)) == _people(expected)
        kept = {row["record"]["id"] for row in again.rejects if row["type"] == "RECORD"}
        assert kept == {4_000_003, 4_000_009, 4_000_015, 4_000_021}


def _people(found: dict[str, Any]) -> dict[str, Any]:
    """By address: a creation that is repeated may get another id."""
    emails = {number: row["email"] for number, row in found["customers"].items()}
    return {
        "customers": sorted(
            [{**row, "id": 0} for row in found["customers"].values()],
            key=lambda row: str(row["email"]),
        ),
        "attributes": found["attributes"],
        "values": {(emails[n], name): v for (n, name), v in found["values"].items()},
    }


@pytest.mark.guarantee("state-never-ahead")
def test_a_killed_run_ends_as_if_it_had_not_been(
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    tmp_path: Path,
) -> None:
    check_kills(5, 1, make_box, config_of, tmp_path)


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_fifty_killed_runs_end_as_if_they_had_not_been(
    make_box: MakeBox,
    config_of: Callable[[Sandbox], dict[str, Any]],
    tmp_path: Path,
) -> None:
    check_kills(50, 2, make_box, config_of, tmp_path)
