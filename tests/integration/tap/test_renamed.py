"""An audience that its owner renames between two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]

VIP = "vip_customers"
NEW = "people_of_renown"


@pytest.fixture
def by_id(sandbox: Sandbox, config_of: Config) -> dict[str, Any]:
    """Name the audience by its id, and keep no catalog: discovery finds its slug."""
    audience = sandbox.lytics.find(VIP)
    assert audience is not None
    return config_of(sandbox, audiences=[audience.id], existing_users=False)


@pytest.mark.parametrize("has_ledger", [False, True])
def test_a_rename_is_told_when_the_audience_is_named_by_its_id(
    has_ledger: bool,  # noqa: FBT001 - a table
    sandbox: Sandbox,
    by_id: dict[str, Any],
    tmp_path: Path,
) -> None:
    kept = {"ledger_path": str(tmp_path / "ledger")} if has_ledger else {}
    state = run_tap(by_id | kept).state
    sandbox.lytics.rename(VIP, NEW)
    sandbox.lytics.enter(60, NEW)

    run = run_tap(by_id | kept, state=state)

    assert run.status == 1
    assert not run.records
    assert all(given == state for given in run.states)
    [error] = run.errors
    assert f"{VIP} was renamed to {NEW}" in error
    assert "rename the part of stream" in error


def test_a_renamed_part_of_the_state_goes_on_under_the_new_name(
    sandbox: Sandbox, by_id: dict[str, Any]
) -> None:
    state = run_tap(by_id).state
    sandbox.lytics.rename(VIP, NEW)
    sandbox.lytics.enter(60, NEW)
    assert state is not None
    moved = {"bookmarks": {NEW: state["bookmarks"][VIP]}}

    run = run_tap(by_id, state=moved)

    assert run.status == 0, run.stderr
    assert [m["stream"] for m in run.messages if m["type"] == "RECORD"] == [NEW]


def test_a_stream_that_has_its_own_place_goes_on_beside_what_was_left_of_another(
    sandbox: Sandbox, by_id: dict[str, Any]
) -> None:
    state = run_tap(by_id).state
    sandbox.lytics.rename(VIP, NEW)
    assert state is not None
    copied = {"bookmarks": {VIP: state["bookmarks"][VIP], NEW: state["bookmarks"][VIP]}}

    run = run_tap(by_id, state=copied)

    assert run.status == 0, run.stderr


def test_an_audience_that_is_exported_no_more_stops_no_other(
    sandbox: Sandbox, config_of: Config
) -> None:
    state = run_tap(config_of(sandbox)).state

    run = run_tap(config_of(sandbox, audiences=["newsletter_readers"]), state=state)

    assert run.status == 0, run.stderr
    assert run.records
