"""Attributes are read once, created where they are missing, and never changed."""

from __future__ import annotations

import pytest

from target_bigcommerce.api.models import AttributeDefinition
from target_bigcommerce.api.writes import MAX_ATTRIBUTES
from target_bigcommerce.drain import AttributeRegistry
from target_bigcommerce.errors import AttributeConflictError
from target_bigcommerce.plan import Definitions


class Shelf:
    """A store of definitions that counts how often it is asked."""

    def __init__(self, *rows: AttributeDefinition) -> None:
        self.rows = list(rows)
        self.read = 0

    def attributes(self) -> list[AttributeDefinition]:
        """List every definition."""
        self.read += 1
        return list(self.rows)

    def create_attribute(self, name: str, type: str) -> AttributeDefinition:  # noqa: A002 - BigCommerce's word
        """Create one."""
        row = AttributeDefinition(id=len(self.rows) + 1, name=name, type=type)
        self.rows.append(row)
        return row


def shelf(*names: str) -> Shelf:
    rows = enumerate(names, start=1)
    return Shelf(
        *(AttributeDefinition(id=at, name=name, type="string") for at, name in rows)
    )


def test_definitions_are_read_once() -> None:
    store = shelf("Tier")
    registry = AttributeRegistry(store)

    for _ in range(3):
        registry.check({"Tier": "string", "VIP": "string"})
        registry.ensure({"Tier": "string", "VIP": "string"}, audience="VIP", slug="vip")
        registry.known_ids(["Tier"])

    assert store.read == 1


def test_only_what_is_missing_is_created() -> None:
    store = shelf("Tier")
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


def test_a_look_creates_nothing() -> None:
    store = shelf("Tier")
    registry = AttributeRegistry(store)

    registry.check({"VIP": "string"})

    assert registry.known_ids(["VIP", "Tier"]) == [1]
    assert not registry.created


def test_an_attribute_of_another_type_is_refused_with_both_types() -> None:
    registry = AttributeRegistry(shelf("Points"))

    with pytest.raises(AttributeConflictError) as caught:
        registry.check({"Points": "number"})

    assert "'Points' has the type string" in str(caught.value)
    assert "but is mapped as number" in str(caught.value)


def test_names_differ_by_case() -> None:
    registry = AttributeRegistry(shelf("tier"))

    registry.check({"Tier": "number"})

    assert registry.known_ids(["Tier"]) == []


def test_a_full_store_is_an_error_before_any_write() -> None:
    names = [f"a{number}" for number in range(MAX_ATTRIBUTES - 1)]
    registry = AttributeRegistry(shelf(*names))

    registry.check({"One": "string", "a1": "string"})
    with pytest.raises(AttributeConflictError) as caught:
        registry.check({"One": "string", "Two": "string"})

    assert "49 of at most 50 attributes" in str(caught.value)
    assert "'One', 'Two'" in str(caught.value)


def test_of_two_with_one_name_the_older_is_written() -> None:
    older, newer = (
        AttributeDefinition(id=n, name="Tier", type="string") for n in (3, 7)
    )

    for rows in ((older, newer), (newer, older)):
        assert AttributeRegistry(Shelf(*rows)).known_ids(["Tier"]) == [3]
