"""The target's summary says whether the tap got to its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.plugins import run_pipe, run_tap, run_target

if TYPE_CHECKING:
    from sandbox import Sandbox

WRONG = "not-the-token-of-anything"
BOTH = ["vip_customers", "newsletter_readers"]


def input_of(
    tap_config: dict[str, Any],
    target_config: dict[str, Any],
    *,
    state: dict[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
) -> str:
    """Run the pipe; return how the summary describes the input."""
    _, target = run_pipe(tap_config, target_config, state=state, catalog=catalog)
    assert target.status == 0, target.stderr
    assert target.summary is not None
    warned = "The input was cut off" in target.stderr
    assert warned == (target.summary["input"] == "cut_off")
    return str(target.summary["input"])


def discover(config: dict[str, Any]) -> dict[str, Any]:
    catalog: dict[str, Any] = json.loads(run_tap(config, args=["--discover"]).stdout)
    return catalog


@pytest.mark.parametrize("audiences", [BOTH[:1], BOTH])
def test_whole_sync_is_complete(
    tap_config: dict[str, Any], target_config: dict[str, Any], audiences: list[str]
) -> None:
    config = {**tap_config, "audiences": audiences}

    assert input_of(config, target_config) == "complete"


@pytest.mark.guarantee("cut-off-input")
@pytest.mark.parametrize("with_catalog", [True, False])
@pytest.mark.parametrize("with_state", [True, False])
def test_tap_with_a_wrong_token_is_cut_off(
    tap_config: dict[str, Any],
    target_config: dict[str, Any],
    *,
    with_catalog: bool,
    with_state: bool,
) -> None:
    state = run_tap(tap_config).state if with_state else None
    catalog = discover(tap_config) if with_catalog else None
    config = {**tap_config, "api_token": WRONG}

    got = input_of(config, target_config, state=state, catalog=catalog)

    assert got == "cut_off"


@pytest.mark.guarantee("cut-off-input")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="401", match="GET /api/segment/*/scan", times=99),
        Fault(kind="403", match="GET /api/segment/*/scan", times=99),
    ],
    ids=lambda fault: fault.kind,
)
@pytest.mark.parametrize("audiences", [BOTH[:1], BOTH])
def test_tap_that_fails_in_a_scan_is_cut_off(
    sandbox: Sandbox,
    tap_config: dict[str, Any],
    target_config: dict[str, Any],
    fault: Fault,
    audiences: list[str],
) -> None:
    sandbox.faults.queue(fault)

    config = {**tap_config, "audiences": audiences}

    assert input_of(config, target_config) == "cut_off"


def test_second_audience_that_fails_is_cut_off(
    tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    config = {**tap_config, "audiences": BOTH}
    messages = run_tap(config).messages
    streams = [m["stream"] for m in messages if m["type"] == "SCHEMA"]
    second = next(n for n, m in enumerate(messages) if m.get("stream") == streams[-1])

    for end in (second, second + 1, second + 2):
        got = run_target(target_config, messages[:end])
        assert got.summary is not None
        assert got.summary["input"] == "cut_off", end


def test_test_run_of_the_tap_is_cut_off(
    tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    lines = run_tap(tap_config, args=["--test"]).messages

    got = run_target(target_config, lines)

    assert got.summary is not None
    assert got.summary["input"] == "cut_off"
