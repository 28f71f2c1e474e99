"""A drain that fails, or reaches what is allowed, ends the run and loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Fault, Sandbox
from singer_kit.errors import RetriesExhaustedError
from support.customers import NAMES, VIP, put
from support.target_job import MakeJob
from target_bigcommerce.errors import LimitReachedError, TooManyRejectsError

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.target_job import MakeJob


def test_a_drain_that_fails_counts_nothing_and_can_be_repeated(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, 17)
    box.faults.queue(Fault(kind="503", match="PUT /customers/*", times=10))
    job = make_job(box, map_standard_fields=NAMES)

    with pytest.raises(RetriesExhaustedError):
        job.write({"id": 17, "company": "After"})
    counted = dict(job.run.stats.outcomes)
    outcomes = job.write()

    assert not counted
    assert outcomes == {"updated": 1}
    assert job.values() == {17: VIP}


def test_more_rejects_than_allowed_end_the_run(box: Sandbox, make_job: MakeJob) -> None:
    job = make_job(box, map_standard_fields=[], max_rejects=2)
    job.write({"id": "x"}, {"id": "y"}, {"id": "y"})
    job.run.check_limits()

    job.write({"id": "z"})

    with pytest.raises(TooManyRejectsError, match="3 records were rejected"):
        job.run.check_limits()


def test_a_limit_lets_no_more_customers_change(box: Sandbox, make_job: MakeJob) -> None:
    put(box, *range(1, 11))
    job = make_job(box, map_standard_fields=[], limit=4)
    job.write({"id": 1}, {"id": 2})
    job.run.check_limits()
    room = job.run.max_customers("vip")

    job.write({"id": 3}, {"id": 4})

    assert room == 2
    with pytest.raises(LimitReachedError):
        job.run.check_limits()
