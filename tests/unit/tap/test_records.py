"""Profiles become records that fit the schema, and member keys."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import UTC, datetime
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_lytics.records import (
    Field,
    MismatchCounter,
    RecordBuilder,
    field_type,
    identity_key,
    identity_names,
    profile_key,
    queryable,
    stream_schema,
)

CHECKER = jsonschema.FormatChecker(formats=())
RFC3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
SCALARS = (
    "string",
    "bool",
    "int",
    "intsum",
    "number",
    "float",
    "date",
    "time",
    "datetime",
)
OPEN = (
    "geolocation",
    "membership",
    "embedding",
    "dynamic",
    "flows",
    "[]timebucket",
    "new",
)
TYPES = (
    *SCALARS,
    *OPEN,
    *(f"[]{item}" for item in ("string", "time", "int")),
    "ts[]string",
    *(f"map[string]{item}" for item in (*SCALARS, "value", "dynamic")),
)


@CHECKER.checks("date-time")
def is_utc(value: object) -> bool:
    return not isinstance(value, str) or bool(RFC3339_UTC.fullmatch(value))


INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
INSTANTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)).map(  # noqa: DTZ001 - the zone is text
    lambda at: f"{at:%H:%M:%S}".join([f"{at.year:04}-{at:%m-%d}T", ""])
)
ZONES = st.sampled_from(["Z", "+00:00", "-07:00", "+05:30", ""])
FRACTIONS = st.from_regex(r"(\.[0-9]{1,9})?", fullmatch=True)
TIMES = st.builds("{}{}{}".format, INSTANTS, FRACTIONS, ZONES)


DOCUMENTED: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(),
    "bool": st.sampled_from(["t", "f", True, False]),
    "int": INTEGERS | INTEGERS.map(str),
    "number": FLOATS | FLOATS.map(str) | INTEGERS,
    "date": TIMES,
}


SAME_AS = {"intsum": "int", "float": "number", "time": "date", "datetime": "date"}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text() | TIMES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


def documented(lytics_type: str) -> st.SearchStrategy[Any]:
    """Return values of a type as the reference documents them."""
    if "[]" in lytics_type:
        item = documented(lytics_type.rpartition("]")[2])
        return st.lists(item, max_size=4) | item
    if lytics_type.startswith("map[string]"):
        item = documented(lytics_type.removeprefix("map[string]"))
        return st.dictionaries(st.text(), item, max_size=4)
    return DOCUMENTED.get(SAME_AS.get(lytics_type, lytics_type), ANY_JSON)


def record_of(lytics_type: str, value: object) -> tuple[dict[str, Any], int]:
    """Return the record of a member with this value, and how many were omitted."""
    field = Field(name="it", type=lytics_type)
    mismatches = MismatchCounter(report=lambda *_: None)
    builder = RecordBuilder(
        [field], identities=[], mismatches=mismatches, with_exits=False
    )
    record = builder.record({"it": value}, "0" * 32)
    schema = stream_schema([field], with_exits=False)
    jsonschema.Draft7Validator(schema, format_checker=CHECKER).validate(record)
    assert msgspec.json.decode(msgspec.json.encode(record)) == record
    return record, mismatches.counts.total()


@given(data=st.data(), lytics_type=st.sampled_from(TYPES))
def test_documented_value_fits_schema(data: st.DataObject, lytics_type: str) -> None:
    value = data.draw(documented(lytics_type))

    record, omitted = record_of(lytics_type, value)

    assert "it" in record
    assert omitted == 0


@given(value=ANY_JSON, lytics_type=st.sampled_from(TYPES))
def test_any_value_gives_valid_record(value: object, lytics_type: str) -> None:
    record, omitted = record_of(lytics_type, value)

    assert ("it" in record) == (omitted == 0)


@given(at=st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29)), zone=ZONES)  # noqa: DTZ001 - the zone is text
def test_date_keeps_its_instant(at: datetime, zone: str) -> None:
    text = f"{at.isoformat()}{zone}"

    record, _ = record_of("date", text)

    aware = datetime.fromisoformat(text)
    if aware.tzinfo is None:
        aware = aware.replace(tzinfo=UTC)
    text = record["it"].replace("Z", "+00:00")
    assert datetime.fromisoformat(text) == aware


@pytest.mark.parametrize(
    ("lytics_type", "value", "expected"),
    [
        ("string", 7, "7"),
        ("string", True, "true"),
        ("bool", "t", True),
        ("bool", "f", False),
        ("bool", 1, True),
        ("int", "214", 214),
        ("int", 99, 99),
        ("int", "12.0", 12),
        ("number", "0.42", 0.42),
        ("date", "2020-07-15T08:55:43.041-07:00", "2020-07-15T15:55:43.041000Z"),
        ("date", "2023-05-25T23:09:59.872199615Z", "2023-05-25T23:09:59.872199Z"),
        ("date", "2020-07-15", "2020-07-15T00:00:00Z"),
        ("[]string", "alone", ["alone"]),
        ("[]string", ["a", None, "b"], ["a", "b"]),
        ("ts[]string", ["a"], ["a"]),
        ("map[string]int", {"iOS 17.1": "38", "a/b": 2}, {"iOS 17.1": 38, "a/b": 2}),
        ("map[string]number", {"x": None}, {"x": None}),
        ("geolocation", "45.5,-122.6", "45.5,-122.6"),
    ],
)
def test_value_is_converted(lytics_type: str, value: object, expected: object) -> None:
    record, _ = record_of(lytics_type, value)

    assert record["it"] == expected


@pytest.mark.parametrize(
    ("lytics_type", "value"),
    [
        ("int", "many"),
        ("int", "1_000"),
        ("int", "１２"),  # noqa: RUF001 - fullwidth digits
        ("int", True),
        ("int", 2**63),
        ("int", 1.5),
        ("number", "inf"),
        ("number", "1e999"),
        ("number", 10**400),
        ("number", -(10**309)),
        ("bool", "yes"),
        ("date", "yesterday"),
        ("date", "2020-02-30"),
        ("date", 0),
        ("map[string]int", {"a": "x"}),
        ("map[string]int", [1]),
        ("[]int", ["x"]),
        ("string", {"a": 1}),
    ],
)
def test_mismatch_is_omitted_and_counted(lytics_type: str, value: object) -> None:
    record, omitted = record_of(lytics_type, value)

    assert "it" not in record
    assert omitted == 1


def test_missing_field_is_null() -> None:
    record, omitted = record_of("int", None)

    assert record["it"] is None
    assert omitted == 0


@pytest.mark.parametrize("lytics_type", ["dynamic", "map[string]value", "string"])
def test_deeply_nested_value_is_omitted(lytics_type: str) -> None:
    deep: object = "x"
    for _ in range(900):
        deep = {"a": deep}

    record, omitted = record_of(lytics_type, deep)

    assert (record.keys(), omitted) == ({"_member_id"}, 1)


def test_only_first_mismatch_of_field_is_reported() -> None:
    reported: list[tuple[str, str, str]] = []
    counter = MismatchCounter(report=lambda *what: reported.append(what))

    counter.add("age", "int", "forty")
    counter.add("age", "int", "fifty")

    assert reported == [("age", "int", "str")]
    assert counter.counts["age"] == 2


@pytest.mark.parametrize(
    "lytics_type", ["", "map[int]string", "[][]string", "nonsense"]
)
def test_unknown_type_accepts_any_value(lytics_type: str) -> None:
    kind = field_type(lytics_type)

    assert kind.convert([math.pi]) == [math.pi]
    assert "object" in kind.schema["type"]


EMAIL = Field(name="email", type="string", is_identity=True)
AGE = Field(name="age", type="int")
SECRET = Field(name="secret", type="string")


def builder_of(*fields: Field, with_exits: bool = False, **more: Any) -> RecordBuilder:  # noqa: ANN401 - passed on
    return RecordBuilder(
        fields,
        identities=["email"],
        mismatches=MismatchCounter(report=lambda *_: None),
        with_exits=with_exits,
        **more,
    )


@pytest.mark.parametrize(
    ("profile", "hashed"),
    [
        ({"_id": "x1", "email": "a@example.com"}, "_id:x1"),
        ({"email": "a@example.com", "user_id": "7"}, "email:a@example.com"),
        ({"email": "", "user_id": "7"}, "user_id:7"),
        ({"email": ["a@example.com"]}, "email:a@example.com"),
        ({"email": [None, "", "a@example.com"]}, "email:a@example.com"),
        ({"email": [], "user_id": ["7"]}, "user_id:7"),
        ({"email": [None, ""], "user_id": 7}, "user_id:7"),
        ({"email": {"home": "a@example.com"}}, 'email:{"home":"a@example.com"}'),
        ({"email": [["a"]], "user_id": "7"}, 'email:["a"]'),
    ],
)
def test_key_hashes_first_identity(profile: dict[str, Any], hashed: str) -> None:
    key = identity_key(profile, ["email", "user_id"])

    assert key == hashlib.sha256(hashed.encode()).hexdigest()[:32]


MANY = [f"m{n}@example.com" for n in range(9)]


@pytest.mark.parametrize("count", [1, 2, 9])
def test_order_of_identities_does_not_change_key(count: int) -> None:
    emails = MANY[:count]
    keys = {
        identity_key({"emails": emails[at:] + emails[:at]}, ["emails"])
        for at in range(count)
    }

    assert len(keys) == 1
    assert identity_key({"emails": [*emails, *emails]}, ["emails"]) in keys


def test_added_identity_rarely_changes_key() -> None:
    changed = 0
    for number in range(200):
        emails = [f"{number}-{n}@example.com" for n in range(10)]
        keys = {identity_key({"emails": e}, ["emails"]) for e in (emails[:9], emails)}
        changed += len(keys) - 1

    assert changed < 40, "about one in ten"


def test_single_value_has_same_key_as_list_of_it() -> None:
    bare, listed = ({"emails": value} for value in ("a@b.test", ["a@b.test"]))

    assert identity_key(bare, ["emails"]) == identity_key(listed, ["emails"])


def test_scalar_identities_come_before_lists() -> None:
    types = {"emails": "[]string", "ids": "ts[]string", "user": "string", "n": "int"}
    fields = [Field(name=n, type=t, is_identity=True) for n, t in types.items()]
    fields += [Field(name="m", type="map[string]string", is_identity=True), AGE]
    profile = {"emails": ["a@example.com"], "user": "", "n": 7}

    names = identity_names(fields)
    key = identity_key(profile, names)

    assert names == ("user", "n", "emails", "ids", "m")
    assert key == identity_key({**profile, "emails": ["b", "a"]}, names)


def test_key_without_identity_hashes_profile() -> None:
    one = profile_key({"age": 1, "name": "x"})
    same = profile_key({"name": "x", "age": 1})
    other = profile_key({"name": "x", "age": 2})

    assert identity_key({"age": 1, "name": "x"}, ["email"]) == ""
    assert one == same != other


def test_unselected_fields_do_not_change_key() -> None:
    builder = builder_of(AGE)

    bare = builder.key({"age": 1})
    with_more = builder.key({"age": 1, "unselected": "x"})

    assert bare == with_more
    assert bare != builder.key({"age": 2})


def test_record_has_only_selected_fields() -> None:
    record = builder_of(AGE).record({"age": 1, "secret": "x", "email": "e"}, "0" * 32)

    assert set(record) == {"_member_id", "age"}


def test_query_includes_identities_and_required() -> None:
    requested = builder_of(AGE, required=[SECRET]).query_fields

    assert requested == ("age", "email", "_id", "_modified", "secret")


@pytest.mark.parametrize("names", [["a,b"], [f"field_{n}" for n in range(1000)]])
def test_unqueryable_fields_are_not_listed(names: list[str]) -> None:
    assert queryable(names) == ()


def test_exit_record_has_selected_required_fields() -> None:
    builder = builder_of(AGE, with_exits=True, required=[AGE, SECRET])
    required = builder.required({"age": "41", "secret": "x"})

    record = builder.exit_record("k", '[41,"x"]', datetime(2026, 1, 2, tzinfo=UTC))

    assert required == [41, "x"]
    assert record == {
        "_member_id": "k",
        "age": 41,
        "_sdc_deleted_at": "2026-01-02T00:00:00Z",
    }


def test_record_of_member_has_null_deleted_at() -> None:
    record = builder_of(AGE, with_exits=True).record({"age": 1}, "k")

    assert record["_sdc_deleted_at"] is None
