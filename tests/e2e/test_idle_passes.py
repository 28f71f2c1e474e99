"""Calls of the pair in passes with and without changes, one process per pass."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import merge, run_pipe, run_tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

ID = "bigcommerce_customer_id"
AUDIENCES = ["vip_customers", "newsletter_readers", "nobody_yet"]


@pytest.mark.guarantee("fewest-calls")
@pytest.mark.parametrize("audiences", [AUDIENCES[:1], AUDIENCES], ids=len)
@pytest.mark.parametrize("with_ledger", [True, False])
def test_passes_without_changes_make_one_scan_call(
    make_sandbox: Callable[..., Sandbox],
    tmp_path: Path,
    audiences: list[str],
    *,
    with_ledger: bool,
) -> None:
    box = make_sandbox(members=30, others=10, newsletter=10, without_id=0)
    exits: dict[str, Any] = {
        "require_fields": [ID],
        "emit_exits": True,
        "ledger_path": str(tmp_path / "members.ledger"),
    }
    tap = box.tap_config(
        audiences=audiences,
        existing_users=True,
        overlap_minutes=0,
        **(exits if with_ledger else {}),
    )
    target = box.target_config(
        id_field=ID,
        on_exit="clear" if with_ledger else "keep",
        history_path=str(tmp_path / "history.sqlite"),
        rejects_path=str(tmp_path / "rejects.jsonl"),
    )
    catalog = json.loads(run_tap(tap, args=["--discover"]).stdout)
    state: dict[str, Any] = {}
    calls: list[tuple[int, int, int]] = []

    for change in (None, 3, None, None, 4):
        if change:
            box.lytics.change(change, {"company": "New"})
            time.sleep(1.1)  # Filters have whole seconds.
        before = box.journal.total
        runs = run_pipe(tap, target, catalog=catalog, state=state)
        assert [run.status for run in runs] == [0, 0], runs[0].stderr + runs[1].stderr
        made = box.journal.since(before)
        checks = [c for c in made if c.endpoint.startswith("GET /v2/segment/")]
        store = [call for call in made if call.side == "store"]
        calls.append((len(checks), len(made) - len(checks) - len(store), len(store)))
        state = merge(state, runs[1].state)

    number = len(audiences)
    assert calls[2:4] == [(number, number, 0)] * 2
    assert all(store for _, _, store in (calls[0], calls[1], calls[4]))
