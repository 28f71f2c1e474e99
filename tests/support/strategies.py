"""Hypothesis strategies: JSON values and desired customers."""

from __future__ import annotations

from hypothesis import strategies as st

from target_bigcommerce.fields import CUSTOMER_FIELDS
from target_bigcommerce.mapping import DesiredCustomer, DesiredValue

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.decimals() | st.floats() | st.text()
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


CUSTOMER = 5
SLUG = "vip_customers"
TEXTS = ("email", "first_name", "company", "phone", "notes")
WORDS = st.text(min_size=1, max_size=5)
NUMBERS = st.integers(-9, 9).map(str)


def field_value(name: str) -> st.SearchStrategy[DesiredValue]:
    """Any desired value that a field accepts."""
    can_be_emptied = CUSTOMER_FIELDS[name].can_be_emptied
    value = st.none() | WORDS if can_be_emptied else WORDS
    return st.builds(DesiredValue, value=value, if_empty=st.booleans())


def attribute_value(value: st.SearchStrategy[str]) -> st.SearchStrategy[DesiredValue]:
    """Any desired value of an attribute, or its deletion."""
    return st.builds(DesiredValue, value=st.none() | value, if_empty=st.booleans())


DESIRED = st.builds(
    DesiredCustomer,
    customer_id=st.just(CUSTOMER),
    fields=st.fixed_dictionaries(
        {}, optional={name: field_value(name) for name in TEXTS}
    ),
    attributes=st.fixed_dictionaries(
        {},
        optional={"Tier": attribute_value(WORDS), "Points": attribute_value(NUMBERS)},
    ),
)
