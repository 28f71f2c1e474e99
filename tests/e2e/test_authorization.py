"""Wrong credentials end the run with one line, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.plugins import run_pipe
from support.store import writes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.meltano import MeltanoProject

WRONG = "not-the-token-of-anything"


def test_wrong_lytics_token_stops_the_pipe(
    sandbox: Sandbox, tap_config: dict[str, Any], target_config: dict[str, Any]
) -> None:
    tap, target = run_pipe({**tap_config, "api_token": WRONG}, target_config)

    assert tap.status == 1
    [line] = tap.errors
    assert "api_token" in line
    assert "Traceback" not in tap.stderr
    assert target.summary is not None
    assert target.summary["records"] == 0
    assert not writes_of(sandbox)


@pytest.mark.parametrize(
    ("setting", "value"), [("access_token", WRONG), ("store_hash", "another")]
)
def test_wrong_store_credentials_stop_the_pipe(
    setting: str,
    value: str,
    sandbox: Sandbox,
    tap_config: dict[str, Any],
    target_config: dict[str, Any],
) -> None:
    _, target = run_pipe(tap_config, {**target_config, setting: value})

    assert target.status == 1
    [line] = target.errors
    assert setting in line
    parts = [part for each in target.states for part in each["bookmarks"].values()]
    assert not any(part["bookmark"] or part["scan_read"] for part in parts), (
        "STATE covers unwritten records"
    )
    assert not writes_of(sandbox)


@pytest.mark.parametrize(
    ("variable", "plugin", "setting"),
    [
        ("TAP_LYTICS_API_TOKEN", "tap-lytics", "api_token"),
        ("TARGET_BIGCOMMERCE_ACCESS_TOKEN", "target-bigcommerce", "access_token"),
    ],
)
def test_wrong_token_stops_the_meltano_run(
    variable: str,
    plugin: str,
    setting: str,
    sandbox: Sandbox,
    make_project: Callable[[Sandbox], MeltanoProject],
) -> None:
    project = make_project(sandbox)
    wrong: dict[str, Any] = {variable: WRONG}

    run = project.run("run", "tap-lytics", "target-bigcommerce", **wrong)

    lines = [line for line in run.stderr.splitlines() if f"] {plugin} " in line]
    [line] = [line for line in lines if "[error" in line]
    assert run.status != 0
    assert setting in line
    assert WRONG not in run.stderr
    # Only the plugin's lines: Meltano prints a traceback of its own if it was still
    # writing to a loader that had exited.
    assert not any("Traceback" in line for line in lines)
    assert not writes_of(sandbox)
