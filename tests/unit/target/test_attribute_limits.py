"""Stores that have no room for attributes, or take one definition per request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from singer_kit.errors import PluginError
from support.customers import TIER, VIP, put

if TYPE_CHECKING:
    from support.store import MakeBox
    from support.target_job import MakeJob

POINTS = {"from": "points", "to": "Points"}
MEMBER = {"id": 17, "tier": "gold", "points": "9"}
MAPPING = {"map_standard_fields": [], "map_custom_attributes": [TIER, POINTS]}


def test_store_without_room_for_attributes_ends_the_run(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = make_box(max_attributes=2)
    put(box, 17)
    job = make_job(box, **MAPPING)

    with pytest.raises(PluginError, match="The store has 2 attributes"):
        job.write(MEMBER)

    assert job.values() == {}
    assert not any(job.run.stats.outcomes.values())


def test_definitions_are_sent_one_by_one_if_needed(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = make_box(attribute_rows_per_call=1)
    put(box, 17)
    job = make_job(box, **MAPPING)

    outcomes = job.write(MEMBER)

    assert outcomes == {"updated": 1}
    assert (job.values("Tier"), job.values("Points")) == ({17: "gold"}, {17: "9"})
    assert job.values() == {17: VIP}
