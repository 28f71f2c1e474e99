"""Merging a customer's records equals writing them in order."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.models import StoredValue
from target_bigcommerce.fields import ATTRIBUTE_TYPES
from target_bigcommerce.mapping import DesiredCustomer, DesiredValue, merge
from target_bigcommerce.plan import Definitions, plan_fields, plan_values

Row = dict[str, Any]
Values = dict[int, str]

CUSTOMER = 5
SLUG = "vip_customers"
DEFINITIONS = Definitions(
    ids={"Audience": 1, "Tier": 2, "Points": 3, "Born": 4},
    types={"Audience": "string", "Tier": "string", "Points": "number", "Born": "date"},
    audience="Audience",
    slug=SLUG,
)

DESIRED: dict[str, st.SearchStrategy[Any]] = {
    "email": st.sampled_from(["ada@example.com", "Ada@example.com", "b@example.com"]),
    "first_name": st.sampled_from(["Ada", "Grace"]),
    "company": st.none() | st.sampled_from(["Before Ltd", "After Ltd"]),
    "customer_group_id": st.sampled_from([0, 5, 7]),
    "accepts_product_review_abandoned_cart_emails": st.booleans(),
    "channel_ids": st.sampled_from([[1], [2, 1], [1, 2]]),
    "store_credit_amounts": st.sampled_from([[{"amount": 0}], [{"amount": 3}]]),
    "form_fields": st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from("pq"),
                "value": st.sampled_from(["x", "", 3, ["a"]]),
            }
        ),
        min_size=1,
        max_size=2,
        unique_by=lambda row: row["name"],
    ),
}
STORED: dict[str, st.SearchStrategy[Any]] = {
    "email": DESIRED["email"],
    "first_name": DESIRED["first_name"],
    "company": st.sampled_from(["", "Before Ltd"]),
    "customer_group_id": DESIRED["customer_group_id"],
    "accepts_product_review_abandoned_cart_emails": st.booleans(),
    "channel_ids": st.none() | DESIRED["channel_ids"],
    "store_credit_amounts": DESIRED["store_credit_amounts"],
    "form_fields": st.just([]) | DESIRED["form_fields"],
}
VALUES: dict[str, st.SearchStrategy[str]] = {
    "Tier": st.sampled_from(["gold", "Gold"]),
    "Points": st.sampled_from(["1", "1.0", "2"]),
    "Born": st.sampled_from(["2026-03-01", "2026-03-01T00:00:00Z", "1990-01-01"]),
}
# A mapping entry has one if_empty for all records.
WRITES = st.fixed_dictionaries({name: st.booleans() for name in (*DESIRED, *VALUES)})
ROWS = st.fixed_dictionaries({"id": st.just(CUSTOMER), **STORED})
STORED_VALUES = st.fixed_dictionaries(
    {},
    optional={
        1: st.sampled_from([SLUG, "another_audience"]),
        **{DEFINITIONS.ids[name]: VALUES[name] for name in VALUES},
    },
)


@st.composite
def members(draw: st.DrawFn, writes: dict[str, bool]) -> DesiredCustomer:
    fields = draw(st.fixed_dictionaries({}, optional=DESIRED))
    attributes = draw(
        st.fixed_dictionaries(
            {}, optional={name: st.none() | each for name, each in VALUES.items()}
        )
    )
    return DesiredCustomer(
        customer_id=CUSTOMER,
        fields={
            n: DesiredValue(value=v, if_empty=writes[n]) for n, v in fields.items()
        },
        attributes={
            n: DesiredValue(value=v, if_empty=writes[n]) for n, v in attributes.items()
        },
    )


BATCHES = WRITES.flatmap(
    lambda writes: st.lists(members(writes), min_size=1, max_size=4)
)


def write_fields(desired: DesiredCustomer, row: Row) -> Row:
    return {**row, **{each.name: each.new for each in plan_fields(desired, row)}}


def write_values(desired: DesiredCustomer, values: Values) -> Values:
    found = [
        StoredValue(id=number, attribute_id=number, customer_id=CUSTOMER, value=value)
        for number, value in values.items()
    ]
    plan = plan_values(CUSTOMER, desired, found, DEFINITIONS)
    deleted = {value.attribute_id for value, _ in plan.deletes}
    new = {value.attribute_id: value.value for value, _ in plan.upserts}
    assert not deleted & new.keys()
    return {n: v for n, v in values.items() if n not in deleted} | new


def normalized(row: Row) -> Row:
    """Remove differences that the store ignores."""
    return {
        **row,
        "email": row["email"].lower(),
        "channel_ids": sorted(row["channel_ids"] or []),
        "form_fields": {each["name"]: each["value"] for each in row["form_fields"]},
    }


def is_same_values(one: Values, other: Values) -> bool:
    rules = {
        DEFINITIONS.ids[n]: ATTRIBUTE_TYPES[kind]
        for n, kind in DEFINITIONS.types.items()
    }
    return one.keys() == other.keys() and all(
        rules[n].is_same(one[n], other[n]) for n in one
    )


@given(batch=BATCHES, row=ROWS)
def test_merged_records_write_the_same_fields(
    batch: list[DesiredCustomer], row: Row
) -> None:
    in_order = reduce(lambda r, desired: write_fields(desired, r), batch, row)

    at_once = write_fields(reduce(merge, batch), row)

    assert normalized(at_once) == normalized(in_order)


@given(batch=BATCHES, values=STORED_VALUES)
def test_merged_records_write_the_same_values(
    batch: list[DesiredCustomer], values: Values
) -> None:
    in_order = reduce(lambda v, desired: write_values(desired, v), batch, values)

    at_once = write_values(reduce(merge, batch), values)

    assert is_same_values(at_once, in_order)


@given(batch=BATCHES)
def test_merging_is_associative(batch: list[DesiredCustomer]) -> None:
    middle = len(batch) // 2

    grouped = [reduce(merge, part) for part in (batch[:middle], batch[middle:]) if part]

    assert reduce(merge, grouped) == reduce(merge, batch)


def always(value: str | None) -> DesiredValue:
    return DesiredValue(value=value)


def if_empty(value: str | None) -> DesiredValue:
    return DesiredValue(value=value, if_empty=True)


@pytest.mark.parametrize(
    ("earlier", "later", "merged"),
    [
        (always("a"), always("b"), always("b")),
        (always("a"), always(None), always(None)),
        (if_empty("a"), if_empty("b"), if_empty("a")),
        (if_empty(None), if_empty("b"), if_empty("b")),
        (if_empty("a"), if_empty(None), if_empty("a")),
        (always(None), if_empty("b"), always("b")),
    ],
)
def test_later_value_wins_unless_if_empty(
    earlier: DesiredValue, later: DesiredValue, merged: DesiredValue
) -> None:
    one = DesiredCustomer(customer_id=CUSTOMER, fields={"company": earlier})
    other = DesiredCustomer(customer_id=CUSTOMER, fields={"company": later})

    assert merge(one, other).fields == {"company": merged}


def test_form_fields_of_two_records_are_joined() -> None:
    batch = [
        DesiredCustomer(
            customer_id=CUSTOMER,
            fields={"form_fields": DesiredValue(value=[{"name": name, "value": name}])},
        )
        for name in "pq"
    ]

    merged = reduce(merge, batch)

    assert [row["name"] for row in merged.fields["form_fields"].value] == ["p", "q"]


def test_email_is_kept_when_a_record_lacks_it() -> None:
    one = DesiredCustomer(customer_id=CUSTOMER, email="ada@example.com")
    other = DesiredCustomer(customer_id=CUSTOMER)

    assert merge(one, other).email == merge(other, one).email == "ada@example.com"
