"""A full refresh that is killed during its scan, and the normal run after it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from support.live_target import await_call
from support.store import values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.meltano import MeltanoProject

pytestmark = pytest.mark.timeout(300)  # Meltano starts slowly on a busy machine.

VIP = "vip_customers"
MEMBERS = 400
JOB = ("tap-lytics", "target-bigcommerce")
PATIENCE = 60.0
DRAIN = 100  # Customers.
MIDWAY = 75  # Calls of ten values, three a customer: during the third drain.


def test_killed_full_refresh_loses_no_member(
    make_sandbox: Callable[..., Sandbox],
    make_project: Callable[[Sandbox], MeltanoProject],
) -> None:
    box = make_sandbox(
        members=MEMBERS, without_id=0, unknown_id=0, refused=0, quota=10_000
    )
    project = make_project(box)
    finished = project.run("run", *JOB)
    whole = values_of(box, f"LyticsAudience_{VIP}")
    box.store.values.clear()  # A lost member then shows.
    box.latency_ms = 100
    is_midway = await_call(box, "PUT /customers/attribute-values", nth=MIDWAY)
    refresh = project.start("run", "--full-refresh", *JOB)
    was_midway = is_midway.wait(PATIENCE)
    os.killpg(refresh.pid, signal.SIGKILL)
    refresh.wait(PATIENCE)
    written = len(values_of(box, f"LyticsAudience_{VIP}"))
    box.latency_ms = 0

    # The killed run left its lock behind, which --force ignores.
    normal = project.run("run", "--force", *JOB)

    assert finished.status == normal.status == 0, normal.stderr
    assert was_midway
    assert 2 * DRAIN < written < len(whole)
    assert "Traceback" not in normal.stderr
    assert values_of(box, f"LyticsAudience_{VIP}") == whole
