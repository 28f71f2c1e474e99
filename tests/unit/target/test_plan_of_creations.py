"""A plan creates a customer with what is desired, as far as one call accepts it."""

from __future__ import annotations

from support.strategies import CUSTOMER, SLUG
from target_bigcommerce.mapping import DesiredCustomer, DesiredValue
from target_bigcommerce.plan import (
    MAX_INLINE_ATTRIBUTES,
    Definitions,
    plan_values,
    to_creation,
    to_creation_changes,
    to_inline_values,
)


def new_customer(attributes: int) -> tuple[DesiredCustomer, Definitions]:
    names = [f"a{number}" for number in range(attributes)]
    book = Definitions(
        ids={"Audience": 1, **{name: at for at, name in enumerate(names, start=2)}},
        types=dict.fromkeys(("Audience", *names), "string"),
        audience="Audience",
        slug=SLUG,
    )
    desired = DesiredCustomer(
        customer_id=None,
        email="ada@example.com",
        fields={
            "email": DesiredValue(value="Ada@example.com"),
            "company": DesiredValue(value=None),
        },
        attributes={
            **{name: DesiredValue(value=name, if_empty=True) for name in names[1:]},
            **{name: DesiredValue(value=None) for name in names[:1]},
        },
    )
    return desired, book


def test_a_new_customer_comes_with_its_values() -> None:
    desired, book = new_customer(2)

    row = to_creation(desired, book)

    assert row == {
        "email": "Ada@example.com",
        "attributes": [
            {"attribute_id": 1, "attribute_value": SLUG},
            {"attribute_id": 3, "attribute_value": "a1"},
        ],
    }


def test_values_beyond_the_limit_of_a_creation_follow_it() -> None:
    desired, book = new_customer(MAX_INLINE_ATTRIBUTES + 3)
    row = to_creation(desired, book)

    rest = plan_values(CUSTOMER, desired, to_inline_values(CUSTOMER, row), book)

    assert len(row["attributes"]) == MAX_INLINE_ATTRIBUTES
    assert [change.name for _, change in rest.upserts] == ["a10", "a11", "a12"]
    assert not rest.deletes


def test_a_creation_lists_every_value_that_it_writes() -> None:
    desired, book = new_customer(2)

    changes = to_creation_changes(to_creation(desired, book), book)

    assert [(each.name, each.is_attribute, each.new) for each in changes] == [
        ("email", False, "Ada@example.com"),
        ("Audience", True, SLUG),
        ("a1", True, "a1"),
    ]
