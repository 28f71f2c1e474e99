"""The same export through a shell pipe and through Meltano."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from meltano_project import MeltanoProject, declared_mapping
from running import run_pipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

STATE_ID = "sandbox:tap-lytics-to-target-bigcommerce"


def in_store(box: Sandbox) -> dict[str, Any]:
    """Everything but the times at which it was written."""
    names = {row["id"]: row["name"] for row in box.store.attributes.values()}
    values = {
        (customer, names[attribute]): row["attribute_value"]
        for (customer, attribute), row in box.store.values.items()
    }
    customers = {
        number: {key: row[key] for key in row if key != "date_modified"}
        for number, row in box.store.customers.items()
    }
    return {"customers": customers, "values": values}


def writes(box: Sandbox) -> int:
    return sum(entry.side == "store" and entry.method != "GET" for entry in box.journal)


def test_pipe_and_meltano_leave_the_same_store(
    make_sandbox: Callable[..., Sandbox],
    make_project: Callable[[Sandbox], MeltanoProject],
) -> None:
    piped, run_by_meltano = make_sandbox(members=250), make_sandbox(members=250)
    untouched = in_store(piped)
    tap = {**piped.tap_config(), "audiences": ["vip_customers"], "existing_users": True}

    runs = run_pipe(tap, {**piped.target_config(), **declared_mapping()})
    meltano = make_project(run_by_meltano).run(
        "run", "tap-lytics", "target-bigcommerce"
    )

    assert [run.status for run in (*runs, meltano)] == [0, 0, 0], meltano.stderr
    assert in_store(piped) == in_store(run_by_meltano) != untouched


def test_a_second_meltano_run_with_the_first_ones_state_writes_nothing(
    sandbox: Sandbox, make_project: Callable[[Sandbox], MeltanoProject]
) -> None:
    project = make_project(sandbox)
    first = project.run("run", "tap-lytics", "target-bigcommerce")
    written = writes(sandbox)

    second = project.run("run", "tap-lytics", "target-bigcommerce")

    assert (first.status, second.status) == (0, 0), second.stderr
    assert written > 0
    assert writes(sandbox) == written


def test_a_full_refresh_writes_only_what_differs(
    sandbox: Sandbox, make_project: Callable[[Sandbox], MeltanoProject]
) -> None:
    project = make_project(sandbox)
    project.run("run", "tap-lytics", "target-bigcommerce")
    written = writes(sandbox)

    again = project.run("run", "--full-refresh", "tap-lytics", "target-bigcommerce")

    assert again.status == 0, again.stderr
    assert writes(sandbox) == written


def test_meltano_keeps_the_state_that_the_target_printed(
    sandbox: Sandbox, make_project: Callable[[Sandbox], MeltanoProject]
) -> None:
    project = make_project(sandbox)
    project.run("run", "tap-lytics", "target-bigcommerce")

    state = json.loads(project.run("state", "get", STATE_ID).stdout)

    bookmark = state["singer_state"]["bookmarks"]["vip_customers"]
    assert bookmark["bookmark"]
    assert bookmark["scan_cursor"] is None
    assert not any(isinstance(value, dict) for value in bookmark.values())


def test_a_wrong_token_stops_the_meltano_run_and_nothing_is_written(
    sandbox: Sandbox, make_project: Callable[[Sandbox], MeltanoProject]
) -> None:
    run = make_project(sandbox).run(
        "run",
        "tap-lytics",
        "target-bigcommerce",
        TARGET_BIGCOMMERCE_ACCESS_TOKEN="not-the-token",
    )

    assert run.status != 0
    assert "access_token" in run.stderr
    assert "not-the-token" not in run.stderr
    assert writes(sandbox) == 0
