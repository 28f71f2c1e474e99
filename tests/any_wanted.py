"""Whatever can be wanted of one customer."""

from __future__ import annotations

from hypothesis import strategies as st

from target_bigcommerce.records.fields import CUSTOMER_FIELDS
from target_bigcommerce.records.wanted import Want, Wanted

CUSTOMER = 5
SLUG = "vip_customers"
TEXTS = ("email", "first_name", "company", "phone", "notes")
WORDS = st.text(min_size=1, max_size=5)
NUMBERS = st.integers(-9, 9).map(str)


def want(name: str) -> st.SearchStrategy[Want]:
    """Want something of a field, or its end."""
    clears = CUSTOMER_FIELDS[name].clears
    value = st.none() | WORDS if clears else WORDS
    return st.builds(Want, value=value, if_empty=st.booleans())


def attribute_want(value: st.SearchStrategy[str]) -> st.SearchStrategy[Want]:
    """Want a value of an attribute, or its end."""
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
