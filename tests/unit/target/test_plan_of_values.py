"""A plan gives a customer the attribute values that are wanted, once, and no others."""

from __future__ import annotations

from any_wanted import CUSTOMER, NUMBERS, SLUG, WANTED
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.api.models import AttributeValue, StoredValue
from target_bigcommerce.plan import Change, Definitions, ValuePlan, plan_values
from target_bigcommerce.records.comparing import is_value_settled
from target_bigcommerce.records.wanted import Want, Wanted

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
