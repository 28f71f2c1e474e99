"""Killing the process leaves no change out of the history or changes_path."""

from __future__ import annotations

import json
import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.history import rows_of
from support.live_target import LiveTarget
from support.plugins import run_target
from support.singer import companies, left, record, schema
from support.store import AUDIENCE, companies_of, put_values, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sandbox import Sandbox
    from sandbox.journal import Entry
    from support.singer import Message

KILLS = 9
# Customer, field or attribute, old value, new value.
ChangedValue = tuple[int, str, Any, Any]


class KilledLoads:
    """Loads of one store, each of which is killed at a call.

    Args:
        box: the store.
        folder: where the files are.
        config: settings.
    """

    def __init__(self, box: Sandbox, folder: Path, config: dict[str, Any]) -> None:
        self._box = box
        self._folder = folder
        self.history_path = folder / "history.sqlite"
        self.changes_path = folder / "changes.jsonl"
        self.config = {
            **config,
            "history_path": str(self.history_path),
            "changes_path": str(self.changes_path),
        }
        self._target: LiveTarget | None = None
        self._writes_left = 0
        box.journal.subscribe(self._look)

    def kill(
        self, messages: Iterable[Message], *, at_write: int, is_executed: bool = True
    ) -> None:
        """Load, and kill the process at a write.

        Args:
            messages: the input.
            at_write: number of the write, from 1.
            is_executed: whether the store executes it; its response never arrives.
        """
        with LiveTarget(self.config, self._folder) as target:
            self._target, self._writes_left = target, at_write
            if not is_executed:
                fault = Fault(kind="cut", match="PUT /customers", times=1)
                self._box.faults.queue(fault)
            target.send_quietly(*messages)
            assert target.end().status == -signal.SIGKILL
        self._box.faults.clear()

    def finish(self, messages: Iterable[Message], **config: object) -> None:
        """Load without a kill."""
        self._target = None
        got = run_target({**self.config, **config}, messages)
        assert got.status == 0, got.stderr

    def recorded(self) -> Counter[ChangedValue]:
        """Read the changes that are done from the history."""
        query = "SELECT customer, name, old, new FROM changes WHERE state = 'done'"
        return Counter(
            (customer, name, old and json.loads(old), new and json.loads(new))
            for customer, name, old, new in rows_of(self.history_path, query)
        )

    def lines(self) -> Counter[ChangedValue]:
        """Read the lines of `changes_path`."""
        rows = map(json.loads, self.changes_path.read_text("utf-8").splitlines())
        return Counter(
            (
                row["customer_id"],
                row.get("field", row.get("attribute")),
                row["old"],
                row["new"],
            )
            for row in rows
        )

    def _look(self, entry: Entry) -> None:
        if entry.side == "store" and entry.method != "GET":
            self._writes_left -= 1
            if self._writes_left == 0 and self._target is not None:
                self._target.signal(signal.SIGKILL)


@pytest.fixture
def loads(
    box: Sandbox, config_of: Callable[[Sandbox], dict[str, Any]], tmp_path: Path
) -> KilledLoads:
    """Loads in batches of three customers."""
    return KilledLoads(box, tmp_path, {**config_of(box), "batch_size_rows": 3})


@pytest.mark.guarantee("complete-history")
def test_nine_kills_in_one_load_lose_no_change(
    box: Sandbox, loads: KilledLoads
) -> None:
    before = companies_of(box)
    messages = [schema(), *companies(0, 30)]

    loads.kill(messages, at_write=1)  # The attribute is created.
    for kill in range(1, KILLS):
        loads.kill(messages, at_write=1 + kill % 3, is_executed=kill % 2 == 0)
    loads.finish(messages)

    expected = Counter(
        change
        for number in range(1001, 1031)
        for change in (
            (number, "company", before[number], f"New {number - 1001}"),
            (number, AUDIENCE, None, "vip"),
        )
    )
    assert loads.recorded() == expected
    assert loads.lines() == expected
    statuses = rows_of(loads.history_path, "SELECT status FROM runs")
    assert Counter(status for (status,) in statuses) == {"killed": 9, "succeeded": 1}


@pytest.mark.guarantee("mass-clear-guard")
@pytest.mark.parametrize("is_executed", [False, True])
@pytest.mark.parametrize("setting", [{}, {"job_id": "vip"}], ids=["same", "other job"])
def test_killed_clears_count_for_the_guard(
    box: Sandbox,
    loads: KilledLoads,
    setting: dict[str, str],
    *,
    is_executed: bool,
) -> None:
    put_values(box, dict.fromkeys(range(1001, 1031), "vip"))
    loads.config |= {"on_exit": "clear", "max_clear_percent": 40, "batch_size_rows": 30}
    if not is_executed:
        box.faults.queue(Fault(kind="cut", match="DELETE *", times=1))

    loads.kill([schema(), *map(left, range(1001, 1013))], at_write=1)
    config = {**loads.config, **setting}
    got = run_target(config, [schema(), left(1020)])

    assert len(values_of(box)) == (18 if is_executed else 29)
    assert got.status == is_executed


def test_lines_are_written_by_the_job_that_owes_them(
    loads: KilledLoads, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"

    loads.kill([schema(), record(1001, company="New")], at_write=2)
    loads.finish([schema(stream="news")], changes_path=str(other))
    without = other.exists()
    loads.finish([schema()])

    assert not without
    assert [key[1] for key in loads.lines()] == ["company"]


def test_changes_without_a_path_are_not_written_later(
    loads: KilledLoads,
) -> None:
    path = loads.config.pop("changes_path")
    loads.finish([schema(), record(1001, company="New")])
    loads.finish([schema(), record(1002, company="New")], changes_path=path)

    assert {key[0] for key in loads.lines()} == {1002}


def test_kill_leaves_no_state_before_the_history(
    box: Sandbox, loads: KilledLoads
) -> None:
    with LiveTarget(loads.config, loads.history_path.parent) as target:
        target.send(schema(), *companies(0, 3))
        assert target.state() == {"n": 2}
        target.signal(signal.SIGKILL)
        target.end()

    assert sum(loads.recorded().values()) == 6
    assert loads.recorded() == loads.lines()
    assert len(values_of(box)) == 3
