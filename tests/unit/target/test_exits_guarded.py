"""Too many exits clear no value, however they are reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.customers import leaver, member, put
from support.target_job import MakeJob, clearing
from target_bigcommerce.errors import TooManyClearsError

if TYPE_CHECKING:
    from sandbox import Sandbox


def test_too_many_exits_clear_no_more_and_count_nothing(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, *range(1, 1001))
    make_job(box, map_standard_fields=[]).write(*map(member, range(1, 1001)))
    job = clearing(make_job, box)

    with pytest.raises(TooManyClearsError, match="max_clear_percent 20"):
        job.write(*map(leaver, range(1, 301)))

    assert len(job.values()) == 800
    assert job.run.stats.outcomes == {"cleared": 200}


def test_a_version_is_judged_before_its_first_deletion(
    box: Sandbox, make_job: MakeJob
) -> None:
    put(box, *range(1, 1001))
    job = clearing(make_job, box)
    job.write(*map(member, range(1, 1001)), version=6)
    job.write(*map(member, range(1, 701)), version=7)

    with pytest.raises(TooManyClearsError, match="300 of the 1,000 values"):
        job.activate(7)

    assert len(job.values()) == 1000


def test_both_kinds_of_exit_count_together(box: Sandbox, make_job: MakeJob) -> None:
    put(box, *range(1, 1001))
    job = clearing(make_job, box)
    job.write(*map(member, range(1, 1001)), version=6)
    job.write(*map(leaver, range(901, 1001)))
    job.write(*map(member, range(1, 751)), version=7)

    with pytest.raises(TooManyClearsError, match="250 of the 1,000 values"):
        job.activate(7)
