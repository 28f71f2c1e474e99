"""Tokens and personal data stay between the tap and Lytics."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault
from support.plugins import run_tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

    Config = Callable[..., dict[str, Any]]

DEAD_PROXY = "http://127.0.0.1:9"  # No server listens there.


@pytest.mark.guarantee("token-stays-on-host")
def test_redirect_target_gets_no_token(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box, other = make_sandbox(members=5), make_sandbox(members=5)
    box.faults.queue(Fault(kind="redirect", times=9, to=f"{other.url}/v2/segment"))

    run = run_tap(config_of(box))

    assert run.status == 1
    assert len(other.journal) == 0
    assert not run.records
    [error] = run.errors
    assert "not followed" in error
    assert "api_url" in error


@pytest.mark.guarantee("token-stays-on-host")
def test_netrc_does_not_replace_token(
    sandbox: Sandbox, config_of: Config, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password something\n", encoding="utf-8")

    run = run_tap(config_of(sandbox), env={**os.environ, "NETRC": str(netrc)})

    assert run.status == 0, run.stderr
    assert len(run.records) == sandbox.options.members


@pytest.mark.guarantee("token-stays-on-host")
def test_loopback_bypasses_proxy(sandbox: Sandbox, config_of: Config) -> None:
    inherited = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"}

    run = run_tap(config_of(sandbox), env={**inherited, "HTTP_PROXY": DEAD_PROXY})

    assert run.status == 0, run.stderr
    assert len(run.records) == sandbox.options.members


@pytest.mark.guarantee("no-token-leaks")
def test_debug_log_has_no_token(sandbox: Sandbox, config_of: Config) -> None:
    run = run_tap(config_of(sandbox), env={"TAP_LYTICS_LOGLEVEL": "DEBUG"})

    assert run.status == 0
    assert sandbox.options.lytics_token not in run.stderr


@pytest.mark.guarantee("private-files")
def test_log_has_no_personal_data(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box = make_sandbox(members=20)
    box.lytics.change(3, {"orders_count": "a person's secret"})

    run = run_tap(config_of(box))

    assert "orders_count" in run.stderr
    for secret in ("a person's secret", "example.com", "@"):
        assert secret not in run.stderr


@pytest.mark.guarantee("private-files")
def test_state_has_no_personal_data(
    make_sandbox: Callable[..., Sandbox], config_of: Config, tmp_path: Path
) -> None:
    box = make_sandbox(members=40)
    config = config_of(box, page_size=10, ledger_path=str(tmp_path / "members.ledger"))

    run = run_tap(config)

    states = json.dumps(run.states)
    personal = {r[name] for r in run.records for name in ("email", "last_name")}
    assert len(run.states) > 2
    assert len(personal) > 40
    assert not [text for text in personal if text and text in states]
