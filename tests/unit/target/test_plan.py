"""A plan gives the store what is wanted, nothing else, and no more than once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.rows import AttributeValue, StoredValue
from target_bigcommerce.plan import (
    MAX_INLINE_ATTRIBUTES,
    Change,
    Definitions,
    ValuePlan,
    plan_fields,
    plan_values,
    to_creation,
    to_creation_changes,
    to_inline_values,
    to_update,
)
from target_bigcommerce.records.comparing import is_empty, is_value_settled
from target_bigcommerce.records.fields import CUSTOMER_FIELDS
from target_bigcommerce.records.wanted import Want, Wanted

Values = dict[str, str]
CUSTOMER = 5
SLUG = "vip_customers"
NAMES = ("Audience", "Tier", "Points")
BOOK = Definitions(
    ids={name: number for number, name in enumerate(NAMES, start=1)},
    types={"Audience": "string", "Tier": "string", "Points": "number"},
    audience="Audience",
    slug=SLUG,
)
TEXTS = ("email", "first_name", "company", "phone", "notes")
WORDS = st.text(min_size=1, max_size=5)
NUMBERS = st.integers(-9, 9).map(str)


def want(name: str) -> st.SearchStrategy[Want]:
    clears = CUSTOMER_FIELDS[name].clears
    value = st.none() | WORDS if clears else WORDS
    return st.builds(Want, value=value, if_empty=st.booleans())


def attribute_want(value: st.SearchStrategy[str]) -> st.SearchStrategy[Want]:
    return st.builds(Want, value=st.none() | value, if_empty=st.booleans())


WANTED = st.builds(
    Wanted,
    customer_id=st.just(CUSTOMER),
    fields=st.fixed_dictionaries({}, optional={name: want(name) for name in TEXTS}),
    attributes=st.fixed_dictionaries(
        {},
        optional={"Tier": attribute_want(WORDS), "Points": attribute_want(NUMBERS)},
    ),
    is_member=st.booleans(),
)
ROWS = st.fixed_dictionaries(
    {"id": st.just(CUSTOMER), **{name: st.text(max_size=5) for name in TEXTS}}
)
STORED = st.fixed_dictionaries(
    {},
    optional={
        "Audience": st.sampled_from([SLUG, "another"]),
        "Tier": st.text(max_size=5),
        "Points": NUMBERS,
    },
)


def plan(wanted: Wanted, stored: Values) -> ValuePlan:
    found = [
        StoredValue(
            id=900 + BOOK.ids[name],
            attribute_id=BOOK.ids[name],
            customer_id=CUSTOMER,
            value=value,
        )
        for name, value in stored.items()
    ]
    return plan_values(CUSTOMER, wanted, found, BOOK)


def apply(planned: ValuePlan, stored: Values) -> Values:
    names = {number: name for name, number in BOOK.ids.items()}
    after = dict(stored)
    for value, _ in planned.upserts:
        after[names[value.attribute_id]] = value.value
    for old, _ in (*planned.deletes, *planned.clears):
        del after[names[old.attribute_id]]
    return after


def update(wanted: Wanted, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **to_update(CUSTOMER, plan_fields(wanted, row))}


# Customer fields.


@given(wanted=WANTED, row=ROWS)
def test_a_planned_update_gives_the_fields_that_are_wanted(
    wanted: Wanted, row: dict[str, Any]
) -> None:
    after = update(wanted, row)

    for name, each in wanted.fields.items():
        keeps = each.if_empty and not is_empty(name, row[name])
        expected = row[name] if keeps else each.value or ""
        if name == "email":
            assert after[name].lower() == expected.lower()
        else:
            assert after[name] == expected


@given(wanted=WANTED, row=ROWS)
def test_a_field_that_nothing_wants_is_not_touched(
    wanted: Wanted, row: dict[str, Any]
) -> None:
    changes = plan_fields(wanted, row)

    assert {change.name for change in changes} <= wanted.fields.keys()


@given(wanted=WANTED, row=ROWS)
def test_no_field_is_emptied_but_by_an_explicit_null(
    wanted: Wanted, row: dict[str, Any]
) -> None:
    after = update(wanted, row)

    emptied = {name for name in TEXTS if row[name] and not after[name]}
    nulls = {name for name, each in wanted.fields.items() if each.value is None}
    assert emptied <= nulls


@given(wanted=WANTED, row=ROWS)
def test_a_second_update_has_nothing_to_do(wanted: Wanted, row: dict[str, Any]) -> None:
    assert plan_fields(wanted, update(wanted, row)) == []


def test_a_change_tells_the_old_and_the_new() -> None:
    wanted = Wanted(customer_id=CUSTOMER, fields={"company": Want(value="After")})

    changes = plan_fields(wanted, {"id": CUSTOMER, "company": "Before"})

    assert changes == [Change(name="company", old="Before", new="After")]


def test_a_form_field_is_sent_with_those_that_stay() -> None:
    new = [{"name": "size", "value": "M"}]
    wanted = Wanted(customer_id=CUSTOMER, fields={"form_fields": Want(value=new)})
    old = [{"name": "colour", "value": "red", "customer_id": CUSTOMER}]

    [change] = plan_fields(wanted, {"id": CUSTOMER, "form_fields": old})

    assert change.new == [{"name": "colour", "value": "red"}, *new]


@pytest.mark.parametrize(
    "name", [name for name, each in CUSTOMER_FIELDS.items() if each.creates_only]
)
def test_what_only_a_creation_takes_is_in_no_update(name: str) -> None:
    wanted = Wanted(customer_id=CUSTOMER, fields={name: Want(value=1)})

    assert plan_fields(wanted, {"id": CUSTOMER}) == []


# Attribute values.


@given(wanted=WANTED, stored=STORED)
def test_planned_values_are_those_that_are_wanted(
    wanted: Wanted, stored: Values
) -> None:
    after = apply(plan(wanted, stored), stored)

    for name, each in wanted.attributes.items():
        old = stored.get(name)
        if each.if_empty and old:
            assert after[name] == old
        elif each.value is None:
            assert name not in after or (each.if_empty and after[name] == old)
        else:
            kind = BOOK.types[name]
            assert is_value_settled(Want(value=each.value), after[name], kind)


@given(wanted=WANTED, stored=STORED)
def test_the_slug_is_there_exactly_for_members(wanted: Wanted, stored: Values) -> None:
    after = apply(plan(wanted, stored), stored)

    assert (after.get("Audience") == SLUG) is wanted.is_member


@given(wanted=WANTED, stored=STORED)
def test_a_value_that_nothing_wants_is_not_touched(
    wanted: Wanted, stored: Values
) -> None:
    after = apply(plan(wanted, stored), stored)

    for name in {"Tier", "Points"} - wanted.attributes.keys():
        assert after.get(name) == stored.get(name)


@given(wanted=WANTED, stored=STORED)
def test_no_value_is_deleted_but_by_an_explicit_null(
    wanted: Wanted, stored: Values
) -> None:
    planned = plan(wanted, stored)

    deleted = {change.name for _, change in planned.deletes}
    nulls = {name for name, each in wanted.attributes.items() if each.value is None}
    assert deleted <= nulls


@given(wanted=WANTED, stored=STORED)
def test_a_second_plan_of_values_is_empty(wanted: Wanted, stored: Values) -> None:
    once = apply(plan(wanted, stored), stored)

    assert plan(wanted, once) == ValuePlan()


@given(wanted=WANTED, stored=STORED)
def test_a_plan_never_has_two_rows_of_one_value(wanted: Wanted, stored: Values) -> None:
    planned = plan(wanted, stored)

    touched = [value.attribute_id for value, _ in planned.upserts]
    touched += [old.attribute_id for old, _ in (*planned.deletes, *planned.clears)]
    assert len(touched) == len(set(touched))


@given(wanted=WANTED)
def test_an_exit_deletes_only_this_audience_s_slug(wanted: Wanted) -> None:
    planned = plan(wanted, {"Audience": "another"})

    assert planned.clears == []


def test_a_value_is_written_by_customer_and_attribute() -> None:
    wanted = Wanted(customer_id=CUSTOMER, attributes={"Tier": Want(value="gold")})

    [(row, change), _] = plan(wanted, {}).upserts

    assert row == AttributeValue(customer_id=CUSTOMER, attribute_id=2, value="gold")
    assert change == Change(name="Tier", is_attribute=True, new="gold")


# New customers.


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
