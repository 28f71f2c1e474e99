"""Nothing is missing in the history or in changes_path, however often a run is killed.

The store's own content says which values were written.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.customers import NAMES, TIER, leaver, member, person, put_customers
from support.history import rows_of
from support.kills import KillableRuns
from support.singer import schema, state
from target_bigcommerce.api.limits import VALUE_CUSTOMERS

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox
    from support.store import MakeBox

VIP = "vip"
CONFIG: dict[str, Any] = {
    "map_standard_fields": NAMES,
    "map_custom_attributes": [TIER],
    "on_missing_id": "create",
    "on_exit": "clear",
    "on_null": "clear",
    "batch_size_rows": 2,
    "max_clear_percent": 100,
}


def records(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    """A SCHEMA, the records with a STATE after every second one, and a last STATE."""
    messages: list[dict[str, Any]] = [schema()]
    for number, row in enumerate(rows, start=1):
        messages.append({"type": "RECORD", "stream": VIP, "record": row})
        if number % 2 == 0:
            messages.append(state(number))
    return [*messages, state(len(rows))]


LOAD = records(
    member(1, company="New 1", tier="gold"),
    member(2, tier="silver"),
    {**person(70, company="New 70", tier="gold")},  # Created.
    member(3, company="New 3", tier=None),
    leaver(4),
    leaver(5),
    member(6, company="New 6", email="m6new@example.com"),
)


def make_store(box: Sandbox) -> None:
    """Put six customers into the store; three are members."""
    put_customers(box, *range(1, 7), company="Old")
    audience = box.store.add_attribute(f"LyticsAudience_{VIP}")
    tier = box.store.add_attribute("Tier")
    for customer in (3, 4, 5):
        box.store.values[customer, audience] = VIP
        box.store.values[customer, tier] = "silver"


def check_nothing_is_missing(runs: KillableRuns) -> None:
    """Check the history and the lines against what the store saw."""
    changed = Counter(map(repr, runs.changed))
    assert Counter(map(repr, runs.recorded())) == changed
    assert Counter(map(repr, runs.lines())) == changed
    assert runs.recorded("pending") == []
    statuses = rows_of(runs.history_path, "SELECT status FROM runs ORDER BY id")
    assert {status for (status,) in statuses} <= {"succeeded", "killed"}
    assert statuses[-1] == ("succeeded",)


@pytest.fixture
def runs(box: Sandbox, tmp_path: Path) -> KillableRuns:
    """Runs on a store with six customers."""
    make_store(box)
    return KillableRuns(box, tmp_path, **CONFIG)


def count_steps(make_box: MakeBox, folder: Path) -> int:
    """Count the steps of a run that is not killed."""
    folder.mkdir()
    box = make_box()
    make_store(box)
    runs = KillableRuns(box, folder, **CONFIG)
    assert runs.run(LOAD) == 0
    return runs.steps


def test_run_without_a_kill_records_every_change(runs: KillableRuns) -> None:
    assert runs.run(LOAD) == 0

    assert len(runs.changed) == 18
    check_nothing_is_missing(runs)


def check_kills(make_box: MakeBox, tmp_path: Path, every: int) -> None:
    """Kill runs at steps of a load, each time once, and check what is recorded."""
    total = count_steps(make_box, tmp_path / "whole")
    assert total > 80
    for kill_at in range(0, total, every):
        box = make_box()
        make_store(box)
        (tmp_path / str(kill_at)).mkdir()
        runs = KillableRuns(box, tmp_path / str(kill_at), **CONFIG)

        assert runs.run(LOAD, kill_at) is None
        assert runs.run(LOAD) == 0
        check_nothing_is_missing(runs)
        assert runs.last_state == {"n": 7}


def test_kill_at_a_step_loses_no_change(make_box: MakeBox, tmp_path: Path) -> None:
    check_kills(make_box, tmp_path, every=5)


@pytest.mark.guarantee("complete-history")
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_kill_at_any_step_loses_no_change(make_box: MakeBox, tmp_path: Path) -> None:
    check_kills(make_box, tmp_path, every=1)


# Calls with the values of several customers.

THREE = [{"from": name.lower(), "to": name} for name in ("Tier", "Points")]


def make_large_store(make_box: MakeBox, options: dict[str, bool]) -> Sandbox:
    """A store with 12 customers and no values."""
    box = make_box(**options)
    put_customers(box, *range(1, 13))
    return box


@pytest.mark.parametrize("options", [{}, {"cap_counts_customers": True}])
def test_kill_around_a_large_call_loses_no_change(
    make_box: MakeBox, tmp_path: Path, options: dict[str, bool]
) -> None:
    load = records(*(member(n, tier="gold", points=str(n)) for n in range(1, 13)))
    config = {**CONFIG, "map_custom_attributes": THREE, "batch_size_rows": 12}
    kill_at, is_killed = 0, True
    while is_killed:
        (tmp_path / str(kill_at)).mkdir()
        box = make_large_store(make_box, options)
        runs = KillableRuns(box, tmp_path / str(kill_at), **config)

        is_killed = runs.run(load, kill_at) is None
        assert runs.run(load) == 0

        assert len(runs.changed) == 36
        check_nothing_is_missing(runs)
        facts = rows_of(runs.history_path, "SELECT name, value FROM store_facts")
        assert not facts or dict(facts) == {VALUE_CUSTOMERS: "10" if options else "0"}
        kill_at += 1
    assert facts


@settings(max_examples=10)
@given(kills=st.lists(st.integers(0, 90), min_size=1, max_size=9))
def test_several_kills_lose_no_change(
    kills: list[int], make_box: MakeBox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    box = make_box()
    make_store(box)
    runs = KillableRuns(box, tmp_path_factory.mktemp("runs"), **CONFIG)

    for kill_at in kills:
        runs.run(LOAD, kill_at)
    assert runs.run(LOAD) == 0

    check_nothing_is_missing(runs)
