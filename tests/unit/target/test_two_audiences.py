"""Two audiences of one store have an attribute each, and each attribute one writer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.customers import VIP, Record, leaver, member, put
from support.target_job import MakeJob, clearing
from target_bigcommerce.errors import InputError

if TYPE_CHECKING:
    from sandbox import Sandbox


def test_two_audiences_have_an_attribute_each(box: Sandbox, make_job: MakeJob) -> None:
    put(box, 1, 2)
    job = clearing(make_job, box)

    job.write(member(1), version=7)
    job.write(member(1), member(2), stream="news", version=7)
    job.write(leaver(1), stream="news")
    job.activate(7)

    assert job.values() == {1: VIP}
    assert job.values("LyticsAudience_news") == {2: "news"}


@pytest.mark.parametrize("config", [{"job_id": "17"}, {"audience_attribute": "A"}])
def test_an_attribute_has_one_writer(
    box: Sandbox, make_job: MakeJob, config: Record
) -> None:
    put(box, 1)
    job = make_job(box, map_standard_fields=[], **config)
    job.write(member(1))
    box.journal.clear()

    with pytest.raises(InputError, match=r"vip_customers and news would both write"):
        job.write(member(1), stream="news")

    assert not len(box.journal)


def test_a_derived_attribute_that_is_also_mapped_is_refused(
    box: Sandbox, make_job: MakeJob
) -> None:
    mapped = [{"from": "x", "to": f"LyticsAudience_{VIP}"}]
    job = make_job(box, map_standard_fields=[], map_custom_attributes=mapped)

    with pytest.raises(InputError, match="so both would write it"):
        job.write(member(1))
