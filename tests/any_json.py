"""Any value of a record: what JSON can say, and what parsers make of it."""

from __future__ import annotations

from hypothesis import strategies as st

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
