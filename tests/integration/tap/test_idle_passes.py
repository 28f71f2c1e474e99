"""A continuous tap without changes: one scan call per pass, also after faults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.plugins import run_tap
from support.tap_in_process import FinishedRun, run_tap_in_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox
    from support.live_tap import StartTap

    Config = Callable[..., dict[str, Any]]

ID = "bigcommerce_customer_id"
PROBE = "POST /api/segment/scan"
AUDIENCES = ["vip_customers", "newsletter_readers", "nobody_yet"]


@pytest.fixture
def box(make_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return make_sandbox(members=40, newsletter=20, without_id=0)


def ledger_config(config_of: Config, box: Sandbox, tmp_path: Path) -> dict[str, Any]:
    return config_of(
        box,
        audiences=AUDIENCES,
        ledger_path=str(tmp_path / "members.ledger"),
        require_fields=[ID],
        emit_exits=True,
    )


def run_again(
    config: dict[str, Any], state: dict[str, Any] | None, tmp_path: Path
) -> FinishedRun:
    args = []
    for name, value in (("config", config), ("state", state)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        args += [f"--{name}", str(path)]
    return run_tap_in_process(args)


@pytest.mark.parametrize("with_ledger", [True, False])
def test_continuous_idle_tap_makes_two_calls_per_audience(
    box: Sandbox,
    config_of: Config,
    start_tap: StartTap,
    tmp_path: Path,
    *,
    with_ledger: bool,
) -> None:
    config = config_of(box, audiences=AUDIENCES)
    if with_ledger:
        config = ledger_config(config_of, box, tmp_path)
    tap = start_tap({**config, "poll_interval_seconds": 1})
    tap.read("STATE")
    while set(statuses(tap.state)) != {"complete"}:
        tap.read("STATE")
    before = box.journal.total

    for _ in range(3):
        tap.read("STATE")
        while set(statuses(tap.state)) != {"complete"}:
            tap.read("STATE")
    made = box.journal.since(before)

    assert tap.end() == 0
    assert {call.endpoint for call in made} == {"GET /v2/segment/{id}", PROBE}
    assert len(made) == 3 * 2 * len(AUDIENCES)
    if with_ledger:
        assert {call.query["limit"] for call in made if call.method == "POST"} == {"1"}


def statuses(state: dict[str, Any]) -> list[str]:
    return [part["pass_status"] for part in state["bookmarks"].values()]


@pytest.mark.parametrize(
    "kind",
    ["429", "500", "503_after", "error_envelope", "error_code", "not_json", "cut"],
)
def test_fault_of_probe_is_retried(
    kind: str, box: Sandbox, config_of: Config, tmp_path: Path
) -> None:
    config = ledger_config(config_of, box, tmp_path)
    first = run_tap(config)
    box.faults.queue(Fault(kind=kind, match=PROBE, times=3))
    before = box.journal.total

    got = run_again(config, first.state, tmp_path)

    calls = [each for each in box.journal.since(before) if each.endpoint == PROBE]
    assert got.status == 0, got.log_text
    assert len(calls) == 3 + len(AUDIENCES)
    assert not got.records


@pytest.mark.parametrize(
    ("kind", "times"), [("400", 1), ("403", 1), ("error_envelope", 20)]
)
def test_refused_probe_ends_run_and_loses_nothing(
    kind: str, times: int, box: Sandbox, config_of: Config, tmp_path: Path
) -> None:
    config = ledger_config(config_of, box, tmp_path)
    first = run_tap(config)
    box.lytics.change(3, {"company": "New"})
    box.lytics.leave(4)
    box.faults.queue(Fault(kind=kind, match=PROBE, times=times))

    failed = run_again(config, first.state, tmp_path)
    box.faults.clear()
    again = run_again(config, failed.states[-1], tmp_path)

    assert failed.status == 1
    [error] = failed.errors
    assert "/api/segment/scan" in error
    assert not failed.records
    sent = [record["company"] for record in again.records if "company" in record]
    assert "New" in sent
    exits = [record for record in again.records if record["_sdc_deleted_at"]]
    assert [record[ID] for record in exits if record[ID] == "1005"] == ["1005"] * 1


def test_odd_required_fields_are_probed(
    make_sandbox: Callable[..., Sandbox], config_of: Config, tmp_path: Path
) -> None:
    box = make_sandbox(members=40, extra_fields=3, without_id=0)
    config = config_of(
        box,
        ledger_path=str(tmp_path / "members.ledger"),
        require_fields=[ID, "devices", "_modified"],
    )
    first = run_tap(config)
    before = box.journal.total

    got = run_again(config, first.state, tmp_path)
    calls = [each for each in box.journal.since(before) if each.endpoint == PROBE]

    assert got.status == 0, got.log_text
    [call] = calls
    expected = f"FILTER AND (EXISTS {ID}, EXISTS devices, EXISTS _modified, _modified"
    assert call.body.decode().startswith(expected)
