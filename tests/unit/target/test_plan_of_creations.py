"""A plan creates a customer with what is wanted, as far as one call takes it."""

from __future__ import annotations

from any_wanted import CUSTOMER, SLUG

from target_bigcommerce.plan import (
    MAX_INLINE_ATTRIBUTES,
    Definitions,
    plan_values,
    to_creation,
    to_creation_changes,
    to_inline_values,
)
from target_bigcommerce.records.wanted import Want, Wanted


def new_customer(attributes: int) -> tuple[Wanted, Definitions]:
    names = [f"a{number}" for number in range(attributes)]
    book = Definitions(
        ids={"Audience": 1, **{name: at for at, name in enumerate(names, start=2)}},
        types=dict.fromkeys(("Audience", *names), "string"),
        audience="Audience",
        slug=SLUG,
    )
    wanted = Wanted(
        customer_id=None,
        email="ada@example.com",
        fields={"email": Want(value="Ada@example.com"), "company": Want(value=None)},
        attributes={
            **{name: Want(value=name, if_empty=True) for name in names[1:]},
            **{name: Want(value=None) for name in names[:1]},
        },
    )
    return wanted, book


def test_a_new_customer_comes_with_its_values() -> None:
    wanted, book = new_customer(2)

    row = to_creation(wanted, book)

    assert row == {
        "email": "Ada@example.com",
        "attributes": [
            {"attribute_id": 1, "attribute_value": SLUG},
            {"attribute_id": 3, "attribute_value": "a1"},
        ],
    }


def test_values_beyond_what_a_creation_takes_are_written_after_it() -> None:
    wanted, book = new_customer(MAX_INLINE_ATTRIBUTES + 3)
    row = to_creation(wanted, book)

    rest = plan_values(CUSTOMER, wanted, to_inline_values(CUSTOMER, row), book)

    assert len(row["attributes"]) == MAX_INLINE_ATTRIBUTES
    assert [change.name for _, change in rest.upserts] == ["a10", "a11", "a12"]
    assert not rest.deletes


def test_a_creation_tells_every_value_that_it_brings() -> None:
    wanted, book = new_customer(2)

    changes = to_creation_changes(to_creation(wanted, book), book)

    assert [(each.name, each.is_attribute, each.new) for each in changes] == [
        ("email", False, "Ada@example.com"),
        ("Audience", True, SLUG),
        ("a1", True, "a1"),
    ]
