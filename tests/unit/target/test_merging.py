"""Merging a customer's records equals handling them one after the other."""

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
BOOK = Definitions(
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
# A mapping's entry says if_empty once, for all records.
WRITES = st.fixed_dictionaries({name: st.booleans() for name in (*DESIRED, *VALUES)})
ROWS = st.fixed_dictionaries({"id": st.just(CUSTOMER), **STORED})
STORED_VALUES = st.fixed_dictionaries(
    {},
    optional={
        1: st.sampled_from([SLUG, "another_audience"]),
        **{BOOK.ids[name]: VALUES[name] for name in VALUES},
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


EXIT = DesiredCustomer(customer_id=CUSTOMER, is_member=False)
BATCHES = WRITES.flatmap(
    lambda writes: st.lists(members(writes) | st.just(EXIT), min_size=1, max_size=4)
)


def write_fields(desired: DesiredCustomer, row: Row) -> Row:
    return {**row, **{each.name: each.new for each in plan_fields(desired, row)}}


def write_values(desired: DesiredCustomer, values: Values) -> Values:
    found = [
        StoredValue(id=number, attribute_id=number, customer_id=CUSTOMER, value=value)
        for number, value in values.items()
    ]
    plan = plan_values(CUSTOMER, desired, found, BOOK)
    gone = {value.attribute_id for value, _ in (*plan.deletes, *plan.clears)}
    new = {value.attribute_id: value.value for value, _ in plan.upserts}
    assert not gone & new.keys()
    return {n: v for n, v in values.items() if n not in gone} | new


def normal(row: Row) -> Row:
    """Leave out differences that make no difference to the store."""
    return {
        **row,
        "email": row["email"].lower(),
        "channel_ids": sorted(row["channel_ids"] or []),
        "form_fields": {each["name"]: each["value"] for each in row["form_fields"]},
    }


def is_same_values(one: Values, other: Values) -> bool:
    rules = {BOOK.ids[n]: ATTRIBUTE_TYPES[kind] for n, kind in BOOK.types.items()}
    return one.keys() == other.keys() and all(
        rules[n].is_same(one[n], other[n]) for n in one
    )


@given(batch=BATCHES, row=ROWS)
def test_merged_records_write_what_they_write_in_order(
    batch: list[DesiredCustomer], row: Row
) -> None:
    in_order = reduce(lambda r, desired: write_fields(desired, r), batch, row)

    at_once = write_fields(reduce(merge, batch), row)

    assert normal(at_once) == normal(in_order)


@given(batch=BATCHES, values=STORED_VALUES)
def test_merged_records_give_the_values_that_they_give_in_order(
    batch: list[DesiredCustomer], values: Values
) -> None:
    in_order = reduce(lambda v, desired: write_values(desired, v), batch, values)

    at_once = write_values(reduce(merge, batch), values)

    assert is_same_values(at_once, in_order)


@given(batch=BATCHES)
def test_merging_is_the_same_however_it_is_grouped(
    batch: list[DesiredCustomer],
) -> None:
    middle = len(batch) // 2

    grouped = [reduce(merge, part) for part in (batch[:middle], batch[middle:]) if part]

    assert reduce(merge, grouped) == reduce(merge, batch)


@pytest.mark.parametrize(
    ("earlier", "later", "merged"),
    [
        (DesiredValue(value="a"), DesiredValue(value="b"), DesiredValue(value="b")),
        (DesiredValue(value="a"), DesiredValue(value=None), DesiredValue(value=None)),
        (
            DesiredValue(value="a", if_empty=True),
            DesiredValue(value="b", if_empty=True),
            DesiredValue(value="a", if_empty=True),
        ),
        (
            DesiredValue(value=None, if_empty=True),
            DesiredValue(value="b", if_empty=True),
            DesiredValue(value="b", if_empty=True),
        ),
        (
            DesiredValue(value="a", if_empty=True),
            DesiredValue(value=None, if_empty=True),
            DesiredValue(value="a", if_empty=True),
        ),
        (
            DesiredValue(value=None),
            DesiredValue(value="b", if_empty=True),
            DesiredValue(value="b"),
        ),
    ],
)
def test_a_later_value_wins_but_for_one_that_only_fills(
    earlier: DesiredValue, later: DesiredValue, merged: DesiredValue
) -> None:
    one = DesiredCustomer(customer_id=CUSTOMER, fields={"company": earlier})
    other = DesiredCustomer(customer_id=CUSTOMER, fields={"company": later})

    assert merge(one, other).fields == {"company": merged}


def test_a_mapping_that_goes_back_and_forth_ends_where_it_ended() -> None:
    batch = [
        DesiredCustomer(
            customer_id=CUSTOMER, fields={"company": DesiredValue(value=value)}
        )
        for value in "ABA"
    ]

    assert reduce(merge, batch).fields["company"].value == "A"


def test_form_fields_of_two_records_stand_side_by_side() -> None:
    batch = [
        DesiredCustomer(
            customer_id=CUSTOMER,
            fields={"form_fields": DesiredValue(value=[{"name": name, "value": name}])},
        )
        for name in "pq"
    ]

    merged = reduce(merge, batch)

    assert [row["name"] for row in merged.fields["form_fields"].value] == ["p", "q"]


def test_who_left_and_came_back_is_a_member() -> None:
    member = DesiredCustomer(customer_id=CUSTOMER)

    assert merge(EXIT, member).is_member
    assert not merge(member, EXIT).is_member


def test_the_address_to_match_by_outlives_a_record_without_one() -> None:
    one = DesiredCustomer(customer_id=CUSTOMER, email="ada@example.com")
    other = DesiredCustomer(customer_id=CUSTOMER)

    assert merge(one, other).email == merge(other, one).email == "ada@example.com"


def test_an_exit_alone_leaves_another_s_value() -> None:
    assert write_values(EXIT, {1: "another_audience"}) == {1: "another_audience"}
