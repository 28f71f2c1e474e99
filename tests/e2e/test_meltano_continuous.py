"""The continuous job, which polls and writes as the hosted job does."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from support.live_target import await_call
from support.store import values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from support.meltano import MeltanoProject

VIP = "vip_customers"
PATIENCE = 60.0
QUICK = {
    "TAP_LYTICS_CONTINUOUS_POLL_INTERVAL_SECONDS": "1",
    "TARGET_BIGCOMMERCE_BATCH_WAIT_LIMIT_SECONDS": "1",
}


def test_continuous_job_exports_an_entrant(
    make_sandbox: Callable[..., Sandbox],
    make_project: Callable[[Sandbox], MeltanoProject],
) -> None:
    box = make_sandbox(members=12, newsletter=5)
    entrant = min(set(box.lytics.members("newsletter_readers")) - set(range(12)))
    has_polled = await_call(box, "POST /api/segment/scan")
    has_written = await_call(box, "PUT /customers/attribute-values")

    job = make_project(box).start("run", "vip-customers-continuous", **QUICK)
    try:
        assert has_polled.wait(PATIENCE), "the job never polled"
        assert not has_written.is_set()
        box.lytics.enter(entrant, VIP)
        assert has_written.wait(PATIENCE), "the entrant was not written"
    finally:
        os.killpg(job.pid, signal.SIGTERM)
        job.wait(PATIENCE)

    customer = int(box.lytics.member(entrant)["bigcommerce_customer_id"])
    assert values_of(box, f"LyticsAudience_{VIP}") == {customer: VIP}
