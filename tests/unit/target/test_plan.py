"""A plan writes the desired fields and values once, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.strategies import CUSTOMER, DESIRED, NUMBERS, SLUG, TEXTS
from target_bigcommerce.api.models import AttributeValue, StoredValue
from target_bigcommerce.fields import ATTRIBUTE_TYPES, CUSTOMER_FIELDS
from target_bigcommerce.mapping import DesiredCustomer, DesiredValue
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

# Fields.

ROWS = st.fixed_dictionaries(
    {"id": st.just(CUSTOMER), **{name: st.text(max_size=5) for name in TEXTS}}
)


def update(desired: DesiredCustomer, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **to_update(CUSTOMER, plan_fields(desired, row))}


@given(desired=DESIRED, row=ROWS)
def test_update_writes_the_desired_fields(
    desired: DesiredCustomer, row: dict[str, Any]
) -> None:
    after = update(desired, row)

    for name, each in desired.fields.items():
        keeps = each.if_empty and not CUSTOMER_FIELDS[name].is_empty(row[name])
        expected = row[name] if keeps else each.value or ""
        assert CUSTOMER_FIELDS[name].is_same(after[name], expected)


@given(desired=DESIRED, row=ROWS)
def test_other_fields_are_not_changed(
    desired: DesiredCustomer, row: dict[str, Any]
) -> None:
    changes = plan_fields(desired, row)

    assert {change.name for change in changes} <= desired.fields.keys()


@given(desired=DESIRED, row=ROWS)
def test_only_an_explicit_null_empties_a_field(
    desired: DesiredCustomer, row: dict[str, Any]
) -> None:
    after = update(desired, row)

    emptied = {name for name in TEXTS if row[name] and not after[name]}
    nulls = {name for name, each in desired.fields.items() if each.value is None}
    assert emptied <= nulls


@given(desired=DESIRED, row=ROWS)
def test_second_update_changes_nothing(
    desired: DesiredCustomer, row: dict[str, Any]
) -> None:
    assert plan_fields(desired, update(desired, row)) == []


def test_change_has_the_old_and_the_new_value() -> None:
    desired = DesiredCustomer(
        customer_id=CUSTOMER, fields={"company": DesiredValue(value="After")}
    )

    changes = plan_fields(desired, {"id": CUSTOMER, "company": "Before"})

    assert changes == [Change(name="company", old="Before", new="After")]


def test_form_fields_include_the_unchanged_ones() -> None:
    new = [{"name": "size", "value": "M"}]
    desired = DesiredCustomer(
        customer_id=CUSTOMER, fields={"form_fields": DesiredValue(value=new)}
    )
    old = [{"name": "colour", "value": "red", "customer_id": CUSTOMER}]

    [change] = plan_fields(desired, {"id": CUSTOMER, "form_fields": old})

    assert change.new == [{"name": "colour", "value": "red"}, *new]


@pytest.mark.parametrize(
    "name", [name for name, each in CUSTOMER_FIELDS.items() if each.is_creation_only]
)
def test_update_skips_creation_only_fields(name: str) -> None:
    desired = DesiredCustomer(
        customer_id=CUSTOMER,
        fields={name: DesiredValue(value=1), "company": DesiredValue(value="After")},
    )

    changes = plan_fields(desired, {"id": CUSTOMER, "company": "Before"})

    assert [change.name for change in changes] == ["company"]


# Attribute values.

Values = dict[str, str]
NAMES = ("Audience", "Tier", "Points")
DEFINITIONS = Definitions(
    ids={name: number for number, name in enumerate(NAMES, start=1)},
    types={"Audience": "string", "Tier": "string", "Points": "number"},
    audience="Audience",
    slug=SLUG,
)
STORED = st.fixed_dictionaries(
    {},
    optional={
        "Audience": st.sampled_from([SLUG, "another"]),
        "Tier": st.text(max_size=5),
        "Points": NUMBERS,
    },
)


def plan(desired: DesiredCustomer, stored: Values) -> ValuePlan:
    found = [
        StoredValue(
            id=900 + DEFINITIONS.ids[name],
            attribute_id=DEFINITIONS.ids[name],
            customer_id=CUSTOMER,
            value=value,
        )
        for name, value in stored.items()
    ]
    return plan_values(CUSTOMER, desired, found, DEFINITIONS)


def apply(planned: ValuePlan, stored: Values) -> Values:
    names = {number: name for name, number in DEFINITIONS.ids.items()}
    after = dict(stored)
    for value, _ in planned.upserts:
        after[names[value.attribute_id]] = value.value
    for old, _ in planned.deletes:
        del after[names[old.attribute_id]]
    return after


@given(desired=DESIRED, stored=STORED)
def test_planned_values_are_the_desired_ones(
    desired: DesiredCustomer, stored: Values
) -> None:
    after = apply(plan(desired, stored), stored)

    for name, each in desired.attributes.items():
        old = stored.get(name)
        if each.if_empty and old:
            assert after[name] == old
        elif each.value is None:
            assert name not in after or (each.if_empty and after[name] == old)
        else:
            rules = ATTRIBUTE_TYPES[DEFINITIONS.types[name]]
            assert rules.is_same(after[name], each.value)


@given(desired=DESIRED, stored=STORED)
def test_member_has_the_slug(desired: DesiredCustomer, stored: Values) -> None:
    after = apply(plan(desired, stored), stored)

    assert after["Audience"] == SLUG


@given(desired=DESIRED, stored=STORED)
def test_other_values_are_not_changed(desired: DesiredCustomer, stored: Values) -> None:
    after = apply(plan(desired, stored), stored)

    for name in {"Tier", "Points"} - desired.attributes.keys():
        assert after.get(name) == stored.get(name)


@given(desired=DESIRED, stored=STORED)
def test_only_an_explicit_null_deletes_a_value(
    desired: DesiredCustomer, stored: Values
) -> None:
    planned = plan(desired, stored)

    deleted = {change.name for _, change in planned.deletes}
    nulls = {name for name, each in desired.attributes.items() if each.value is None}
    assert deleted <= nulls


@given(desired=DESIRED, stored=STORED)
def test_second_plan_is_empty(desired: DesiredCustomer, stored: Values) -> None:
    once = apply(plan(desired, stored), stored)

    assert plan(desired, once) == ValuePlan()


@given(desired=DESIRED, stored=STORED)
def test_each_value_has_at_most_one_row(
    desired: DesiredCustomer, stored: Values
) -> None:
    planned = plan(desired, stored)

    touched = [value.attribute_id for value, _ in planned.upserts]
    touched += [old.attribute_id for old, _ in planned.deletes]
    assert len(touched) == len(set(touched))


def test_row_names_customer_and_attribute() -> None:
    desired = DesiredCustomer(
        customer_id=CUSTOMER, attributes={"Tier": DesiredValue(value="gold")}
    )

    [(row, change), _] = plan(desired, {}).upserts

    assert row == AttributeValue(customer_id=CUSTOMER, attribute_id=2, value="gold")
    assert change == Change(name="Tier", is_attribute=True, new="gold")


# Creations.


def new_customer(attributes: int) -> tuple[DesiredCustomer, Definitions]:
    names = [f"a{number}" for number in range(attributes)]
    definitions = Definitions(
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
    return desired, definitions


def test_creation_includes_values() -> None:
    desired, definitions = new_customer(2)

    row = to_creation(desired, definitions)

    assert row == {
        "email": "Ada@example.com",
        "attributes": [
            {"attribute_id": 1, "attribute_value": SLUG},
            {"attribute_id": 3, "attribute_value": "a1"},
        ],
    }


def test_values_beyond_the_limit_follow_the_creation() -> None:
    desired, definitions = new_customer(MAX_INLINE_ATTRIBUTES + 3)
    row = to_creation(desired, definitions)

    rest = plan_values(CUSTOMER, desired, to_inline_values(CUSTOMER, row), definitions)

    assert len(row["attributes"]) == MAX_INLINE_ATTRIBUTES
    assert [change.name for _, change in rest.upserts] == ["a10", "a11", "a12"]
    assert not rest.deletes


def test_creation_lists_every_value() -> None:
    desired, definitions = new_customer(2)

    changes = to_creation_changes(to_creation(desired, definitions), definitions)

    assert [(each.name, each.is_attribute, each.new) for each in changes] == [
        ("email", False, "Ada@example.com"),
        ("Audience", True, SLUG),
        ("a1", True, "a1"),
    ]
