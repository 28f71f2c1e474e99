"""Filters that the account evaluates or refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Clock, Options, Sandbox
from sandbox.lytics.filterql import FilterError, Matcher, parse, to_nanos

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_780_000_000.0
BOX = Sandbox(Options(members=60, others=20, newsletter=40), clock=Clock.still(NOW))
VIPS = set(range(60))
READERS = {*range(20), *range(60, 80)}
ALL = set(range(80))
STRANGERS = READERS - VIPS
CONDITIONS = st.recursive(
    st.sampled_from(
        [
            "INCLUDE vip_customers",
            "INCLUDE newsletter_readers",
            "INCLUDE nobody_yet",
            "EXISTS company",
            "EXISTS bigcommerce_customer_id",
            'loyalty_tier = "gold"',
            "orders_count >= 20",
            "newsletter = true",
            '_modified >= "2025-06-01T00:00:00Z"',
            "_split < 50",
            "*",
        ]
    ),
    lambda inner: st.one_of(
        inner.map(lambda text: f"NOT {text}"),
        st.tuples(st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=1)).map(
            lambda pair: f"{pair[0]} ({', '.join(pair[1])})"
        ),
    ),
    max_leaves=6,
)


def found(condition: str, box: Sandbox = BOX) -> set[int]:
    node = parse(f"FILTER {condition} FROM user")
    matcher = Matcher(node, box.lytics.population, box.clock.now())
    return {index for _, index in matcher.found(None)}


def having(name: str, test: Callable[[object], bool]) -> set[int]:
    profiles = {index: BOX.lytics.member(index) for index in ALL}
    return {n for n, profile in profiles.items() if test(profile.get(name))}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("*", ALL),
        ("INCLUDE vip_customers", VIPS),
        ("NOT INCLUDE vip_customers", ALL - VIPS),
        ("INCLUDE nobody_yet", set()),
        ("AND (INCLUDE vip_customers, INCLUDE newsletter_readers)", VIPS & READERS),
        ("OR (INCLUDE vip_customers, INCLUDE newsletter_readers)", VIPS | READERS),
        (
            "AND (NOT INCLUDE vip_customers, INCLUDE `newsletter_readers`)",
            READERS - VIPS,
        ),
        ("and (include vip_customers)", VIPS),
        ("EXISTS company", having("company", lambda v: v is not None)),
        ("NOT EXISTS company", having("company", lambda v: v is None)),
        ('loyalty_tier = "gold"', having("loyalty_tier", lambda v: v == "gold")),
        ('`loyalty_tier` != "gold"', having("loyalty_tier", lambda v: v != "gold")),
        ("orders_count > 20", having("orders_count", lambda v: int(str(v)) > 20)),
        ("score <= 0.5", having("score", lambda v: float(str(v)) <= 0.5)),
        ("newsletter = true", having("newsletter", lambda v: v is True)),
        (
            'bigcommerce_accepts_marketing = "true"',
            having("bigcommerce_accepts_marketing", lambda v: v == "t"),
        ),
        (
            'birthday < "1985-01-01"',
            having("birthday", lambda v: v is not None and str(v) < "1985"),
        ),
        ("_split < 50", having("_split", lambda v: int(str(v)) < 50)),
        ('_modified < "2000-01-01"', set()),
        ('_modified >= "now-5y"', ALL),
        ('_created >= "now-1h"', set()),
        ('last_name = "O\'Brien"', having("last_name", lambda v: v == "O'Brien")),
    ],
)
def test_filter_finds_matching_profiles(condition: str, expected: set[int]) -> None:
    assert found(condition) == expected


def test_filter_table_defaults_to_user() -> None:
    assert parse("FILTER INCLUDE a") == parse("FILTER INCLUDE a FROM user")


def test_escapes_in_text_are_decoded() -> None:
    box = Sandbox(Options(members=3), clock=Clock.still(NOW))
    index = box.lytics.put_member({"company": 'back\\slash "quoted"'})

    assert found(r'company = "back\\slash \"quoted\""', box) == {index}


def test_audience_can_be_included_by_id() -> None:
    number = BOX.lytics.audiences["newsletter_readers"].id

    assert found(f"INCLUDE `{number}`") == READERS


def test_including_by_id_can_be_disabled() -> None:
    box = Sandbox(Options(members=3, include_by_id=False))
    number = box.lytics.audiences["vip_customers"].id

    with pytest.raises(FilterError, match="no audience"):
        found(f"INCLUDE `{number}`", box)


def test_invalid_audience_includes_no_members() -> None:
    box = Sandbox(Options(members=3, others=0))
    box.lytics.invalidate("vip_customers")

    assert found("INCLUDE vip_customers", box) == set()


def test_filtering_by_split_can_be_disabled() -> None:
    box = Sandbox(Options(members=3, split_is_filterable=False))

    with pytest.raises(FilterError, match="_split"):
        found("_split < 50", box)


def test_unknown_field_can_count_as_missing() -> None:
    box = Sandbox(Options(members=3, others=0, unknown_fields_refused=False))

    assert found("EXISTS unnotified_of", box) == set()
    assert found('unnotified_of != "a"', box) == {0, 1, 2}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FILTER",
        "SELECT * FROM user",
        "FILTER INCLUDE",
        "FILTER INCLUDE vip_customers FROM company",
        "FILTER INCLUDE vip_customers FROM user LIMIT 5",
        "FILTER AND (INCLUDE vip_customers FROM user",
        "FILTER AND () FROM user",
        "FILTER AND (INCLUDE vip_customers INCLUDE nobody_yet) FROM user",
        'FILTER company LIKE "a" FROM user',
        "FILTER company = FROM user",
        "FILTER company = 'single' FROM user",
        'FILTER "text" = company FROM user',
        "FILTER INCLUDE `a`b` FROM user",
        'FILTER company = "open FROM user',
    ],
)
def test_invalid_filter_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)


@pytest.mark.parametrize(
    "condition",
    [
        "INCLUDE unnotified_of",
        "EXISTS unnotified_of",
        '_modified >= "yesterday"',
        '_modified >= "now-5x"',
        '_modified >= "2025-13-01T00:00:00Z"',
    ],
)
def test_filter_on_unknown_name_is_refused(condition: str) -> None:
    with pytest.raises(FilterError):
        found(condition)


@given(CONDITIONS)
def test_not_finds_the_complement(condition: str) -> None:
    assert found(f"NOT {condition}") == ALL - found(condition)


@given(CONDITIONS, CONDITIONS)
def test_and_intersects_or_unites(one: str, other: str) -> None:
    assert found(f"AND ({one}, {other})") == found(one) & found(other)
    assert found(f"OR ({one}, {other})") == found(one) | found(other)


@given(CONDITIONS)
def test_count_equals_number_found(condition: str) -> None:
    node = parse(f"FILTER {condition}")
    matcher = Matcher(node, BOX.lytics.population, NOW)

    assert matcher.count() == len(found(condition))


@given(st.text())
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parse(text)
    except FilterError as refusal:
        assert str(refusal)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:00.5+01:00", 500_000_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456_789),
        ("now", int(NOW) * 1_000_000_000),
        ("now-24h", (int(NOW) - 86_400) * 1_000_000_000),
        ("now-2w", (int(NOW) - 14 * 86_400) * 1_000_000_000),
    ],
)
def test_dates_have_nanosecond_precision(text: str, nanos: int) -> None:
    assert to_nanos(text, NOW) == nanos
