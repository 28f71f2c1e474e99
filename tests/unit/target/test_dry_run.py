"""A dry run shows its changes without complete email addresses."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from target_bigcommerce.dry_run import (
    MAX_LINES,
    MAX_WIDTH,
    DryRunTable,
    describe_calls,
    format_cell,
)
from target_bigcommerce.plan import Change

PLAIN = st.text(st.characters(categories=["L", "N"]), min_size=2, max_size=12)
EMAILS = st.builds(
    lambda local, tag, domain, top: f"{local}{tag}@{domain}.{top}",
    PLAIN,
    st.sampled_from(["", "+tag", ".x", "'s"]),
    PLAIN,
    st.sampled_from(["org", "example.com", "co.uk"]),
)


@given(email=EMAILS, before=st.text(max_size=10), after=st.text(max_size=10))
def test_email_within_text_is_masked(email: str, before: str, after: str) -> None:
    text = format_cell(f"{before} {email} {after}")

    assert email not in text


@given(one=EMAILS, other=EMAILS, between=st.sampled_from([",", ";", "<", "/"]))
def test_adjacent_emails_are_masked(one: str, other: str, between: str) -> None:
    text = format_cell(f"{one}{between}{other}")

    assert one not in text
    assert other not in text


@given(email=EMAILS)
def test_email_within_a_list_is_masked(email: str) -> None:
    text = format_cell([{"name": "mail", "value": email}])

    assert email not in text


@given(text=st.text())
@example("a\nb\tc")
@example("x" * 500)
@example("@" * 500)
def test_cell_fits_into_a_line(text: str) -> None:
    line = format_cell(text)

    assert len(line) <= MAX_WIDTH
    assert "\n" not in line
    assert "\r" not in line


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("Ltd", "Ltd"),
        (7, "7"),
        (False, "False"),
        ("ada@example.com", "a***@e***.com"),
        ("Ada <ada@example.com>", "Ada <***@e***.com>"),
        ("a@b", "a***@***b"),
        ("x" * 41, "x" * 39 + "…"),
    ],
)
def test_cell_is_short(value: object, text: str) -> None:
    assert format_cell(value) == text


# Table.


def table_of(*notes: tuple[int | None, list[Change]]) -> str:
    written: list[str] = []
    table = DryRunTable(written.append)
    for customer_id, changes in notes:
        table.add("vip", customer_id, changes)
    table.finish(describe_calls(reads=20, writes=100, per_minute=300.0))
    return "".join(written)


def test_table_has_a_line_for_every_value() -> None:
    changes = [
        Change(name="email", old="ada@example.com", new="eve@example.com"),
        Change(name="Tier", is_attribute=True, new="gold"),
    ]

    lines = table_of((17, changes), (-1, changes[1:])).splitlines()

    assert [line.split() for line in lines[:4]] == [
        ["customer", "field", "old", "new"],
        ["17", "email", "a***@e***.com", "e***@e***.com"],
        ["17", "Tier", "-", "gold"],
        ["new", "Tier", "-", "gold"],
    ]
    assert lines[-1] == (
        "Dry run: 3 values would change. Calls: 20 reads and 100 writes,"
        " 0.4 minutes of the store's quota."
    )


def test_long_table_is_cut() -> None:
    change = Change(name="company", new="After")

    lines = table_of(*((number, [change]) for number in range(1, 1003))).splitlines()

    assert len(lines) == 1 + MAX_LINES + 2
    assert lines[-2] == f"… and {1002 - MAX_LINES} more."
    assert lines[-1].startswith("Dry run: 1,002 values would change.")


def test_unknown_quota_has_no_minutes() -> None:
    text = describe_calls(reads=1, writes=0, per_minute=None)

    assert text == "Calls: 1 reads and 0 writes."
