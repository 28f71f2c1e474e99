"""Attributes are read once, created where they are missing, and never changed."""

from __future__ import annotations

import pytest

from target_bigcommerce.api.models import AttributeDefinition
from target_bigcommerce.attributes import MAX_ATTRIBUTES, AttributeBook
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
    book = AttributeBook(store)

    for _ in range(3):
        book.check({"Tier": "string", "VIP": "string"})
        book.ensure({"Tier": "string", "VIP": "string"}, audience="VIP", slug="vip")
        book.known_ids(["Tier"])

    assert store.read == 1


def test_only_what_is_missing_is_created() -> None:
    store = shelf("Tier")
    book = AttributeBook(store)
    types = {"VIP": "string", "Tier": "string", "Points": "number"}

    definitions = book.ensure(types, audience="VIP", slug="vip")

    assert book.created == ["VIP", "Points"]
    assert [(row.name, row.type) for row in store.rows[1:]] == [
        ("VIP", "string"),
        ("Points", "number"),
    ]
    assert definitions == Definitions(
        ids={"VIP": 2, "Tier": 1, "Points": 3}, types=types, audience="VIP", slug="vip"
    )


def test_a_look_creates_nothing() -> None:
    store = shelf("Tier")
    book = AttributeBook(store)

    book.check({"VIP": "string"})

    assert book.known_ids(["VIP", "Tier"]) == [1]
    assert not book.created


def test_an_attribute_of_another_type_is_refused_with_both_types() -> None:
    book = AttributeBook(shelf("Points"))

    with pytest.raises(AttributeConflictError) as caught:
        book.check({"Points": "number"})

    assert "'Points' has the type string" in str(caught.value)
    assert "mapped as number" in str(caught.value)


def test_names_differ_by_case() -> None:
    book = AttributeBook(shelf("tier"))

    book.check({"Tier": "number"})

    assert book.known_ids(["Tier"]) == []


def test_a_full_store_is_told_before_it_is_hit() -> None:
    names = [f"a{number}" for number in range(MAX_ATTRIBUTES - 1)]
    book = AttributeBook(shelf(*names))

    book.check({"One": "string", "a1": "string"})
    with pytest.raises(AttributeConflictError) as caught:
        book.check({"One": "string", "Two": "string"})

    assert "49 attributes of 50 at most" in str(caught.value)
    assert "'One', 'Two'" in str(caught.value)


def test_of_two_with_one_name_the_older_is_written() -> None:
    older, newer = (
        AttributeDefinition(id=n, name="Tier", type="string") for n in (3, 7)
    )

    for rows in ((older, newer), (newer, older)):
        assert AttributeBook(Shelf(*rows)).known_ids(["Tier"]) == [3]
