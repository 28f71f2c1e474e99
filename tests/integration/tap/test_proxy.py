"""What is meant for this machine stays on it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from support.plugins import run_tap

if TYPE_CHECKING:
    from sandbox import Sandbox

DEAD_PROXY = "http://127.0.0.1:9"  # Nothing listens there: a call through it fails.


@pytest.mark.guarantee("token-stays-on-host")
def test_a_loopback_address_is_not_asked_through_a_proxy(sandbox: Sandbox) -> None:
    config = sandbox.tap_config(audiences=["vip_customers"], existing_users=True)
    inherited = {k: v for k, v in os.environ.items() if k.lower() != "no_proxy"}

    run = run_tap(config, env={**inherited, "HTTP_PROXY": DEAD_PROXY})

    assert run.status == 0, run.stderr
    assert len(run.records) == sandbox.options.members
