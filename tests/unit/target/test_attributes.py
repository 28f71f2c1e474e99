"""Attribute definitions: created where missing, written by one stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from singer_kit.errors import PluginError
from support.customers import TIER, VIP, Record, leaver, member, put_customers
from support.target_job import MakeJob, clearing_job
from target_bigcommerce.api.models import AttributeDefinition
from target_bigcommerce.api.writes import MAX_ATTRIBUTES
from target_bigcommerce.drain import AttributeRegistry
from target_bigcommerce.errors import AttributeConflictError, InputError
from target_bigcommerce.plan import Definitions

if TYPE_CHECKING:
    from sandbox import Sandbox
    from support.store import MakeBox

POINTS = {"from": "points", "to": "Points"}
MEMBER = {"id": 17, "tier": "gold", "points": "9"}
MAPPING = {"map_standard_fields": [], "map_custom_attributes": [TIER, POINTS]}


class FakeStore:
    """Attribute definitions of a store; counts how often they are read."""

    def __init__(self, *rows: AttributeDefinition) -> None:
        self.rows = list(rows)
        self.reads = 0

    def attributes(self) -> list[AttributeDefinition]:
        """List every definition."""
        self.reads += 1
        return list(self.rows)

    def create_attribute(self, name: str, type: str) -> AttributeDefinition:  # noqa: A002 - BigCommerce's word
        """Create one."""
        row = AttributeDefinition(id=len(self.rows) + 1, name=name, type=type)
        self.rows.append(row)
        return row


def store_with(*names: str) -> FakeStore:
    rows = enumerate(names, start=1)
    return FakeStore(
        *(AttributeDefinition(id=at, name=name, type="string") for at, name in rows)
    )


def test_definitions_are_read_once() -> None:
    store = store_with("Tier")
    registry = AttributeRegistry(store)

    for _ in range(3):
        registry.check({"Tier": "string", "VIP": "string"})
        registry.ensure({"Tier": "string", "VIP": "string"}, audience="VIP", slug="vip")
        registry.known_ids(["Tier"])

    assert store.reads == 1


def test_only_missing_attributes_are_created() -> None:
    store = store_with("Tier")
    registry = AttributeRegistry(store)
    types = {"VIP": "string", "Tier": "string", "Points": "number"}

    definitions = registry.ensure(types, audience="VIP", slug="vip")

    assert registry.created == ["VIP", "Points"]
    assert [(row.name, row.type) for row in store.rows[1:]] == [
        ("VIP", "string"),
        ("Points", "number"),
    ]
    assert definitions == Definitions(
        ids={"VIP": 2, "Tier": 1, "Points": 3}, types=types, audience="VIP", slug="vip"
    )


def test_check_creates_nothing() -> None:
    store = store_with("Tier")
    registry = AttributeRegistry(store)

    registry.check({"VIP": "string"})

    assert registry.known_ids(["VIP", "Tier"]) == [1]
    assert not registry.created


def test_type_conflict_names_both_types() -> None:
    registry = AttributeRegistry(store_with("Points"))

    with pytest.raises(AttributeConflictError) as caught:
        registry.check({"Points": "number"})

    assert "'Points' has the type string" in str(caught.value)
    assert "but is mapped as number" in str(caught.value)


@pytest.mark.parametrize(
    ("mapped", "existing"),
    [
        ("loyalty tier", "Loyalty Tier"),
        ("LOYALTY TIER", "Loyalty tier"),
        ("Loyalty  tier", "Loyalty tier"),
        ("Straße", "STRASSE"),
        ("LyticsAudience_vip", "lyticsaudience_VIP"),
    ],
)
def test_name_that_differs_in_case_is_refused(mapped: str, existing: str) -> None:
    registry = AttributeRegistry(store_with(existing))

    with pytest.raises(AttributeConflictError) as caught:
        registry.check({mapped: "string"})

    assert f"attribute {existing!r} differs from {mapped!r} only" in str(caught.value)
    assert f"Write {existing!r} in map_custom_attributes" in str(caught.value)


def test_exact_name_is_used_beside_a_similar_one() -> None:
    registry = AttributeRegistry(store_with("tier", "Tier"))

    registry.check({"Tier": "string"})

    assert len(registry.known_ids(["Tier"])) == 1


def test_too_many_attributes_fail_the_check() -> None:
    names = [f"a{number}" for number in range(MAX_ATTRIBUTES - 1)]
    registry = AttributeRegistry(store_with(*names))

    registry.check({"One": "string", "a1": "string"})
    with pytest.raises(AttributeConflictError) as caught:
        registry.check({"One": "string", "Two": "string"})

    assert "49 of at most 50 attributes" in str(caught.value)
    assert "'One', 'Two'" in str(caught.value)


def test_oldest_of_duplicate_definitions_is_used() -> None:
    older, newer = (
        AttributeDefinition(id=n, name="Tier", type="string") for n in (3, 7)
    )

    for rows in ((older, newer), (newer, older)):
        assert AttributeRegistry(FakeStore(*rows)).known_ids(["Tier"]) == [3]


# Audience attributes.


def test_each_audience_has_its_own_attribute(box: Sandbox, make_job: MakeJob) -> None:
    put_customers(box, 1, 2)
    job = clearing_job(make_job, box)

    job.write(member(1), version=7)
    job.write(member(1), member(2), stream="news", version=7)
    job.write(leaver(1), stream="news")
    job.activate(7)

    assert job.values() == {1: VIP}
    assert job.values("LyticsAudience_news") == {2: "news"}


@pytest.mark.parametrize("config", [{"job_id": "17"}, {"audience_attribute": "A"}])
def test_streams_cannot_share_an_attribute(
    box: Sandbox, make_job: MakeJob, config: Record
) -> None:
    put_customers(box, 1)
    job = make_job(box, map_standard_fields=[], **config)
    job.write(member(1))
    box.journal.clear()

    with pytest.raises(InputError, match=r"vip_customers and news would both write"):
        job.write(member(1), stream="news")

    assert not len(box.journal)


def test_derived_attribute_cannot_be_mapped(box: Sandbox, make_job: MakeJob) -> None:
    mapped = [{"from": "x", "to": f"LyticsAudience_{VIP}"}]
    job = make_job(box, map_standard_fields=[], map_custom_attributes=mapped)

    with pytest.raises(InputError, match="so both would write it"):
        job.write(member(1))


def test_store_without_room_for_attributes_ends_the_run(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = make_box(max_attributes=2)
    put_customers(box, 17)
    job = make_job(box, **MAPPING)

    with pytest.raises(PluginError, match="The store has 2 attributes"):
        job.write(MEMBER)

    assert job.values() == {}
    assert not any(job.run.stats.outcomes.values())


def test_definitions_are_sent_one_by_one_if_needed(
    make_box: MakeBox, make_job: MakeJob
) -> None:
    box = make_box(attribute_rows_per_call=1)
    put_customers(box, 17)
    job = make_job(box, **MAPPING)

    outcomes = job.write(MEMBER)

    assert outcomes == {"updated": 1}
    assert (job.values("Tier"), job.values("Points")) == ({17: "gold"}, {17: "9"})
    assert job.values() == {17: VIP}
