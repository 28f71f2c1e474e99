"""What the store has already is not written again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target_bigcommerce.fields import ATTRIBUTE_TYPES, CUSTOMER_FIELDS, has_fields
from target_bigcommerce.plan import needs_write


@pytest.mark.guarantee("writes-only-differences")
@pytest.mark.parametrize(
    ("name", "old", "new", "is_same"),
    [
        ("company", "Ltd", "Ltd", True),
        ("company", "Ltd", "LTD", False),
        ("company", "Ltd", "", False),
        ("company", "", "", True),
        ("company", None, "", True),
        ("company", None, "Ltd", False),
        ("email", "Ada@Example.com", "ada@example.COM", True),
        ("email", "ada@example.com", "eve@example.com", False),
        ("email", "strasse@example.com", "straße@example.com", False),
        ("email", None, "ada@example.com", False),
        ("customer_group_id", 0, 0, True),
        ("customer_group_id", 7, 0, False),
        ("channel_ids", [1, 2], [2, 1], True),
        ("channel_ids", None, [1], False),
        ("store_credit_amounts", [{"amount": 5.0}], [{"amount": 5}], True),
        ("store_credit_amounts", [{"amount": 5}], [{"amount": 6}], False),
        ("form_fields", [{"name": "a", "value": "x", "customer_id": 1}], [], True),
        ("form_fields", [], [{"name": "a", "value": "x"}], False),
        ("form_fields", None, [{"name": "a", "value": "x"}], False),
    ],
)
def test_a_field_is_written_only_if_it_differs(
    name: str, old: object, new: object, *, is_same: bool
) -> None:
    rules = CUSTOMER_FIELDS[name]

    assert needs_write(rules, old, new, if_empty=False) is not is_same
    assert has_fields({name: old}, {"id": 1, name: new}) is is_same


@pytest.mark.parametrize(
    ("name", "old", "is_one"),
    [
        ("company", "", True),
        ("company", None, True),
        ("company", "x", False),
        ("customer_group_id", 0, True),
        ("customer_group_id", 7, False),
        ("store_credit_amounts", [{"amount": 0}], True),
        ("store_credit_amounts", [{"amount": 1}], False),
        ("form_fields", [], True),
        ("accepts_product_review_abandoned_cart_emails", False, False),
    ],
)
def test_if_empty_knows_what_is_empty(name: str, old: object, *, is_one: bool) -> None:
    assert CUSTOMER_FIELDS[name].is_empty(old) is is_one


@pytest.mark.parametrize("old", ["", None])
def test_if_empty_fills_a_gap(old: str | None) -> None:
    for rules in (CUSTOMER_FIELDS["company"], *ATTRIBUTE_TYPES.values()):
        assert needs_write(rules, old, "1", if_empty=True)


def test_if_empty_never_writes_over_a_value() -> None:
    for rules in (CUSTOMER_FIELDS["company"], *ATTRIBUTE_TYPES.values()):
        assert not needs_write(rules, "old", "new", if_empty=True)


@pytest.mark.parametrize(
    ("one", "other", "attribute_type", "is_same"),
    [
        ("1", "1.0", "number", True),
        ("1e2", "100", "number", True),
        ("1", "2", "number", False),
        ("one", "1", "number", False),
        ("sNaN", "1", "number", False),
        ("1", "1.0", "string", False),
        ("2026-03-01", "2026-03-01T00:00:00Z", "date", True),
        ("2026-03-01T01:00:00+01:00", "2026-03-01T00:00:00Z", "date", True),
        ("2026-03-01", "2026-03-02", "date", False),
        ("soon", "2026-03-02", "date", False),
        ("soon", "soon", "date", True),
    ],
)
def test_two_texts_may_be_the_same_value(
    one: str, other: str, attribute_type: str, *, is_same: bool
) -> None:
    rules = ATTRIBUTE_TYPES[attribute_type]

    assert rules.is_same(one, other) is is_same
    assert rules.is_same(other, one) is is_same


@given(one=st.text(), other=st.text(), kind=st.sampled_from([*ATTRIBUTE_TYPES]))
def test_any_two_texts_can_be_compared(one: str, other: str, kind: str) -> None:
    assert ATTRIBUTE_TYPES[kind].is_same(one, other) or one != other


@pytest.mark.parametrize("kind", ATTRIBUTE_TYPES)
def test_no_stored_value_is_the_same_as_a_new_one(kind: str) -> None:
    assert not ATTRIBUTE_TYPES[kind].is_same(None, "1")
    assert not ATTRIBUTE_TYPES[kind].is_same("", "1")


NAMED = st.dictionaries(
    st.sampled_from("pqr"), st.none() | st.text() | st.integers(), max_size=3
)


@given(old=NAMED, new=NAMED)
def test_merged_form_fields_lose_none_of_the_store_s(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    rows = [[{"name": n, "value": v} for n, v in each.items()] for each in (old, new)]

    merged = CUSTOMER_FIELDS["form_fields"].merge(*rows)

    joined = {row["name"]: row["value"] for row in merged}

    kept = {name: value for name, value in old.items() if value is not None}
    asked = {name: value for name, value in new.items() if value is not None}
    assert joined == {**kept, **asked}
