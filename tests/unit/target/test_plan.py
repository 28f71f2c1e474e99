"""A plan writes the desired fields, once, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.strategies import CUSTOMER, DESIRED, TEXTS
from target_bigcommerce.fields import CUSTOMER_FIELDS
from target_bigcommerce.mapping import DesiredCustomer, DesiredValue
from target_bigcommerce.plan import Change, plan_fields, to_update

ROWS = st.fixed_dictionaries(
    {"id": st.just(CUSTOMER), **{name: st.text(max_size=5) for name in TEXTS}}
)


def update(desired: DesiredCustomer, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **to_update(CUSTOMER, plan_fields(desired, row))}


@given(desired=DESIRED, row=ROWS)
def test_a_planned_update_writes_the_desired_fields(
    desired: DesiredCustomer, row: dict[str, Any]
) -> None:
    after = update(desired, row)

    for name, each in desired.fields.items():
        keeps = each.if_empty and not CUSTOMER_FIELDS[name].is_empty(row[name])
        expected = row[name] if keeps else each.value or ""
        if name == "email":
            assert after[name].lower() == expected.lower()
        else:
            assert after[name] == expected


@given(desired=DESIRED, row=ROWS)
def test_a_field_that_is_not_desired_is_not_changed(
    desired: DesiredCustomer, row: dict[str, Any]
) -> None:
    changes = plan_fields(desired, row)

    assert {change.name for change in changes} <= desired.fields.keys()


@given(desired=DESIRED, row=ROWS)
def test_no_field_is_emptied_but_by_an_explicit_null(
    desired: DesiredCustomer, row: dict[str, Any]
) -> None:
    after = update(desired, row)

    emptied = {name for name in TEXTS if row[name] and not after[name]}
    nulls = {name for name, each in desired.fields.items() if each.value is None}
    assert emptied <= nulls


@given(desired=DESIRED, row=ROWS)
def test_a_second_update_has_nothing_to_do(
    desired: DesiredCustomer, row: dict[str, Any]
) -> None:
    assert plan_fields(desired, update(desired, row)) == []


def test_a_change_has_the_old_and_the_new_value() -> None:
    desired = DesiredCustomer(
        customer_id=CUSTOMER, fields={"company": DesiredValue(value="After")}
    )

    changes = plan_fields(desired, {"id": CUSTOMER, "company": "Before"})

    assert changes == [Change(name="company", old="Before", new="After")]


def test_a_form_field_is_sent_with_those_that_stay() -> None:
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
def test_what_only_a_creation_takes_is_in_no_update(name: str) -> None:
    desired = DesiredCustomer(
        customer_id=CUSTOMER, fields={name: DesiredValue(value=1)}
    )

    assert plan_fields(desired, {"id": CUSTOMER}) == []


def test_fields_after_one_for_creations_are_updated() -> None:
    desired = DesiredCustomer(
        customer_id=CUSTOMER,
        fields={
            "origin_channel_id": DesiredValue(value=1),
            "company": DesiredValue(value="After"),
        },
    )

    changes = plan_fields(desired, {"id": CUSTOMER, "company": "Before"})

    assert [change.name for change in changes] == ["company"]
