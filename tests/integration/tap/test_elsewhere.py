"""What the tap is given stays between it and Lytics."""

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


@pytest.mark.guarantee("token-stays-on-host")
def test_a_redirect_to_another_host_gets_no_token(
    make_sandbox: Callable[..., Sandbox], config_of: Config
) -> None:
    box, other = make_sandbox(members=5), make_sandbox(members=5)
    box.faults.queue(Fault(kind="redirect", times=9, to=f"{other.url}/v2/segment"))

    run = run_tap(config_of(box))

    assert run.status == 1
    assert len(other.journal) == 0
    assert not run.records


@pytest.mark.guarantee("token-stays-on-host")
def test_no_netrc_puts_its_own_credentials_in_the_tokens_place(
    sandbox: Sandbox, config_of: Config, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n", encoding="utf-8")

    run = run_tap(config_of(sandbox), env={**os.environ, "NETRC": str(netrc)})

    assert run.status == 0, run.stderr
    assert len(run.records) == sandbox.options.members


@pytest.mark.guarantee("private-files")
def test_the_state_names_no_person(
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
