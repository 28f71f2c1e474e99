"""A plan writes the desired attribute values, once, and no others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from support.strategies import CUSTOMER, DESIRED, NUMBERS, SLUG
from target_bigcommerce.api.models import AttributeValue, StoredValue
from target_bigcommerce.fields import ATTRIBUTE_TYPES
from target_bigcommerce.mapping import DesiredCustomer, DesiredValue
from target_bigcommerce.plan import Change, Definitions, ValuePlan, plan_values

Values = dict[str, str]
NAMES = ("Audience", "Tier", "Points")
BOOK = Definitions(
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
            id=900 + BOOK.ids[name],
            attribute_id=BOOK.ids[name],
            customer_id=CUSTOMER,
            value=value,
        )
        for name, value in stored.items()
    ]
    return plan_values(CUSTOMER, desired, found, BOOK)


def apply(planned: ValuePlan, stored: Values) -> Values:
    names = {number: name for name, number in BOOK.ids.items()}
    after = dict(stored)
    for value, _ in planned.upserts:
        after[names[value.attribute_id]] = value.value
    for old, _ in (*planned.deletes, *planned.clears):
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
            rules = ATTRIBUTE_TYPES[BOOK.types[name]]
            assert rules.is_same(after[name], each.value)


@given(desired=DESIRED, stored=STORED)
def test_the_slug_is_there_exactly_for_members(
    desired: DesiredCustomer, stored: Values
) -> None:
    after = apply(plan(desired, stored), stored)

    assert (after.get("Audience") == SLUG) is desired.is_member


@given(desired=DESIRED, stored=STORED)
def test_a_value_that_is_not_desired_is_not_changed(
    desired: DesiredCustomer, stored: Values
) -> None:
    after = apply(plan(desired, stored), stored)

    for name in {"Tier", "Points"} - desired.attributes.keys():
        assert after.get(name) == stored.get(name)


@given(desired=DESIRED, stored=STORED)
def test_no_value_is_deleted_but_by_an_explicit_null(
    desired: DesiredCustomer, stored: Values
) -> None:
    planned = plan(desired, stored)

    deleted = {change.name for _, change in planned.deletes}
    nulls = {name for name, each in desired.attributes.items() if each.value is None}
    assert deleted <= nulls


@given(desired=DESIRED, stored=STORED)
def test_a_second_plan_of_values_is_empty(
    desired: DesiredCustomer, stored: Values
) -> None:
    once = apply(plan(desired, stored), stored)

    assert plan(desired, once) == ValuePlan()


@given(desired=DESIRED, stored=STORED)
def test_a_plan_never_has_two_rows_of_one_value(
    desired: DesiredCustomer, stored: Values
) -> None:
    planned = plan(desired, stored)

    touched = [value.attribute_id for value, _ in planned.upserts]
    touched += [old.attribute_id for old, _ in (*planned.deletes, *planned.clears)]
    assert len(touched) == len(set(touched))


@given(desired=DESIRED)
def test_an_exit_deletes_only_this_audience_s_slug(desired: DesiredCustomer) -> None:
    planned = plan(desired, {"Audience": "another"})

    assert planned.clears == []


def test_a_value_is_written_by_customer_and_attribute() -> None:
    desired = DesiredCustomer(
        customer_id=CUSTOMER, attributes={"Tier": DesiredValue(value="gold")}
    )

    [(row, change), _] = plan(desired, {}).upserts

    assert row == AttributeValue(customer_id=CUSTOMER, attribute_id=2, value="gold")
    assert change == Change(name="Tier", is_attribute=True, new="gold")
