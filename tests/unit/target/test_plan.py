"""A plan gives a customer the fields that are wanted, once, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from any_wanted import CUSTOMER, TEXTS, WANTED
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.plan import Change, plan_fields, to_update
from target_bigcommerce.records.comparing import is_empty
from target_bigcommerce.records.fields import CUSTOMER_FIELDS
from target_bigcommerce.records.wanted import Want, Wanted

ROWS = st.fixed_dictionaries(
    {"id": st.just(CUSTOMER), **{name: st.text(max_size=5) for name in TEXTS}}
)


def update(wanted: Wanted, row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **to_update(CUSTOMER, plan_fields(wanted, row))}


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
