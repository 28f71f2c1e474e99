"""A dry run shows totals and customer ids, and no values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.history import recorded
from target_bigcommerce.dry_run import (
    FIRST_CUSTOMERS,
    DryRunChanges,
    describe_calls,
)
from target_bigcommerce.plan import Change

COMPANY = Change(name="company", old="Before", new="After")
TIER = Change(name="Tier", is_attribute=True, new="gold")


def described(*notes: tuple[int | None, list[Change]], is_finished: bool = True) -> str:
    changes = DryRunChanges()
    for customer_id, each in notes:
        changes.add(recorded(customer_id, *each))
    return changes.describe(is_finished=is_finished)


@pytest.mark.parametrize(
    ("notes", "text"),
    [
        ([], "Dry run: 0 values would change."),
        ([(1, [])], "Dry run: 0 values would change."),
        (
            [(17, [COMPANY])],
            (
                "Dry run: 1 value would change for 1 customer: company 1."
                " Customer ids: 17."
            ),
        ),
        (
            [(17, [COMPANY, TIER]), (18, [TIER]), (17, [COMPANY])],
            (
                "Dry run: 4 values would change for 2 customers: company 2, Tier 2."
                " Customer ids: 17, 18."
            ),
        ),
        (
            [(-1, [COMPANY]), (-2, [COMPANY])],
            "Dry run: 2 values would change for 2 customers: company 2.",
        ),
        (
            [(-1, [COMPANY]), (5, [COMPANY])],
            (
                "Dry run: 2 values would change for 2 customers: company 2."
                " Customer ids: 5, …."
            ),
        ),
    ],
)
def test_totals_are_by_field(
    notes: list[tuple[int | None, list[Change]]], text: str
) -> None:
    assert described(*notes) == text


def test_only_the_first_customers_are_named() -> None:
    text = described(*((number, [COMPANY]) for number in range(1, 1003)))

    ids = ", ".join(map(str, range(1, FIRST_CUSTOMERS + 1)))
    assert text == (
        "Dry run: 1,002 values would change for 1,002 customers: company 1,002."
        f" Customer ids: {ids}, …."
    )


@pytest.mark.parametrize(
    ("notes", "text"),
    [
        ([], "The dry run did not finish: what would change is not known."),
        (
            [(17, [COMPANY])],
            (
                "The dry run did not finish. So far, 1 value would change for 1"
                " customer: company 1. Customer ids: 17."
            ),
        ),
    ],
)
def test_dry_run_that_failed_says_so(
    notes: list[tuple[int | None, list[Change]]], text: str
) -> None:
    assert described(*notes, is_finished=False) == text


@given(old=st.text(min_size=3), new=st.emails(), number=st.integers(1, 50))
def test_no_value_is_described(old: str, new: str, number: int) -> None:
    values = [
        Change(name="company", old=old, new=new),
        Change(name="Tier", is_attribute=True, old=old, new=[new]),
    ]

    text = described((number, values))

    assert text == described((number, [COMPANY, TIER]))


@pytest.mark.parametrize(
    ("reads", "writes", "per_minute", "text"),
    [
        (1, 0, None, "Calls: 1 read and 0 writes."),
        (2, 1, 0.0, "Calls: 2 reads and 1 write."),
        (
            20,
            1100,
            300.0,
            "Calls: 20 reads and 1,100 writes, 3.7 minutes of the store's quota.",
        ),
    ],
)
def test_calls_take_minutes_of_the_quota(
    reads: int, writes: int, per_minute: float | None, text: str
) -> None:
    assert describe_calls(reads=reads, writes=writes, per_minute=per_minute) == text
