"""Filters hold what was meant, whatever a field or audience is called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.lytics.filterql import Compare, Exists, Group, Include, Not, parse
from singer_kit.errors import ConfigError
from tap_lytics import client

AT = datetime(2026, 11, 23, 7, 0, 0, 999_999, tzinfo=UTC)


def test_members_changed_since() -> None:
    text = client.changed_members_filter("vip", AT, required=["id"])

    assert text == (
        'FILTER AND (INCLUDE vip, EXISTS id, _modified >= "2026-11-23T07:00:00Z")'
        " FROM user"
    )


def test_others_changed_since() -> None:
    text = client.changed_non_members_filter("vip", AT)

    assert text == (
        'FILTER AND (NOT INCLUDE vip, _modified >= "2026-11-23T07:00:00Z") FROM user'
    )


def test_one_condition_needs_no_group() -> None:
    assert client.members_filter("vip") == "FILTER INCLUDE vip FROM user"


def test_a_time_is_in_utc_and_rounded_down() -> None:
    zone = timezone(timedelta(hours=-7))

    assert client.time_literal(AT.astimezone(zone)) == '"2026-11-23T07:00:00Z"'


@pytest.mark.guarantee("quoted-names")
@pytest.mark.parametrize(
    "slug", ["", "a b", "a'b", 'a"b', "a`b", "VIP", "a)", "a\n", "é"]
)
def test_an_audience_that_is_no_slug_is_refused(slug: str) -> None:
    with pytest.raises(ConfigError, match="not an audience slug"):
        client.members_filter(slug)


@pytest.mark.parametrize("slug", ["include", "from", "and", "7days", "_x"])
def test_a_slug_that_reads_as_something_else_is_quoted(slug: str) -> None:
    assert parse(client.members_filter(slug)) == Include(slug)


@pytest.mark.parametrize("name", ["", "a`b", "a\\b", "a\nb", "a\0b"])
def test_a_field_that_could_end_its_quotes_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be used in a filter"):
        client.members_filter("vip", required=[name])


@pytest.mark.guarantee("quoted-names")
@given(name=st.text(min_size=1, max_size=30))
def test_a_field_means_itself_or_is_refused(name: str) -> None:
    try:
        text = client.changed_members_filter("vip", AT, required=[name])
    except ConfigError:
        assert set(name) & set("`\\") or not name.isprintable()
        return

    group = parse(text)

    assert isinstance(group, Group)
    assert group.parts == (
        Include("vip"),
        Exists(name),
        Compare("_modified", ">=", "2026-11-23T07:00:00Z"),
    )


def test_who_is_no_member_may_be_filtered_by_field_too() -> None:
    group = parse(client.changed_non_members_filter("vip", AT, required=["order"]))

    assert isinstance(group, Group)
    assert group.parts[:2] == (Not(Include("vip")), Exists("order"))
