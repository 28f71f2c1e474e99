"""From a profile to a member's key and record."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from tap_lytics.records import (
    Field,
    MismatchCounter,
    RecordBuilder,
    identity_key,
    profile_key,
    queryable,
)

EMAIL = Field(name="email", type="string", is_identity=True)
AGE = Field(name="age", type="int")
SECRET = Field(name="secret", type="string")


def shape(*fields: Field, with_exits: bool = False, **more: Any) -> RecordBuilder:  # noqa: ANN401 - passed on
    return RecordBuilder(
        fields,
        identities=["email"],
        mismatches=MismatchCounter(report=lambda *_: None),
        with_exits=with_exits,
        **more,
    )


@pytest.mark.parametrize(
    ("profile", "of"),
    [
        ({"_id": "x1", "email": "a@example.com"}, "_id:x1"),
        ({"email": "a@example.com", "user_id": "7"}, "email:a@example.com"),
        ({"email": "", "user_id": "7"}, "user_id:7"),
        ({"email": ["a@example.com"]}, 'email:["a@example.com"]'),
    ],
)
def test_the_key_is_made_of_the_first_identity(
    profile: dict[str, Any], of: str
) -> None:
    key = identity_key(profile, ["email", "user_id"])

    assert key == hashlib.sha256(of.encode()).hexdigest()[:32]


def test_without_an_identity_the_key_is_made_of_the_whole_profile() -> None:
    one = profile_key({"age": 1, "name": "x"})
    same = profile_key({"name": "x", "age": 1})
    other = profile_key({"name": "x", "age": 2})

    assert identity_key({"age": 1, "name": "x"}, ["email"]) == ""
    assert one == same != other


def test_no_persons_data_is_in_the_key() -> None:
    assert "a@example.com" not in identity_key({"email": "a@example.com"}, ["email"])


def test_what_was_not_asked_for_changes_no_key() -> None:
    way = shape(AGE)

    bare = way.key({"age": 1})
    with_more = way.key({"age": 1, "unasked": "x"})

    assert bare == with_more
    assert bare != way.key({"age": 2})


def test_unselected_fields_never_leave_the_tap() -> None:
    record = shape(AGE).record({"age": 1, "secret": "x", "email": "e"}, "0" * 32)

    assert set(record) == {"_member_id", "age"}


def test_the_tap_asks_for_what_it_needs_itself() -> None:
    asked = shape(AGE, required=[SECRET]).query_fields

    assert asked == ("age", "email", "_id", "_modified", "secret")


@pytest.mark.parametrize("names", [["a,b"], [f"field_{n}" for n in range(1000)]])
def test_fields_that_a_query_cannot_name_are_not_named(names: list[str]) -> None:
    assert queryable(names) == ()


def test_exits_are_told_by_the_selected_required_fields() -> None:
    way = shape(AGE, with_exits=True, required=[AGE, SECRET])
    required = way.required({"age": "41", "secret": "x"})

    record = way.exit_record("k", '[41,"x"]', datetime(2026, 1, 2, tzinfo=UTC))

    assert required == [41, "x"]
    assert record == {
        "_member_id": "k",
        "age": 41,
        "_sdc_deleted_at": "2026-01-02T00:00:00Z",
    }


def test_where_exits_are_told_a_member_says_that_they_did_not_leave() -> None:
    record = shape(AGE, with_exits=True).record({"age": 1}, "k")

    assert record["_sdc_deleted_at"] is None
