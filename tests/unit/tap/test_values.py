"""Any value of any Lytics type fits its field's schema, or is left out."""

from __future__ import annotations

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
DESCRIBED: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(),
    "bool": st.sampled_from(["t", "f", True, False]),
    "int": INTEGERS | INTEGERS.map(str),
    "number": FLOATS | FLOATS.map(str) | INTEGERS,
    "date": TIMES,
}
ALIKE = {"intsum": "int", "float": "number", "time": "date", "datetime": "date"}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text() | TIMES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


def described(lytics_type: str) -> st.SearchStrategy[Any]:
    """Values of a type as the reference describes them."""
    if "[]" in lytics_type:
        item = described(lytics_type.rpartition("]")[2])
        return st.lists(item, max_size=4) | item
    if lytics_type.startswith("map[string]"):
        item = described(lytics_type.removeprefix("map[string]"))
        return st.dictionaries(st.text(), item, max_size=4)
    return DESCRIBED.get(ALIKE.get(lytics_type, lytics_type), ANY_JSON)


def record_of(lytics_type: str, value: object) -> tuple[dict[str, Any], int]:
    """Give the record of a member with this value, and how many were left out."""
    field = Field(name="it", type=lytics_type)
    contradictions = MismatchCounter(report=lambda *_: None)
    shape = RecordBuilder(
        [field], identities=[], mismatches=contradictions, with_exits=False
    )
    record = shape.record({"it": value}, "0" * 32)
    schema = stream_schema([field], with_exits=False)
    jsonschema.Draft7Validator(schema, format_checker=CHECKER).validate(record)
    assert msgspec.json.decode(msgspec.json.encode(record)) == record
    return record, contradictions.counts.total()


@given(data=st.data(), lytics_type=st.sampled_from(TYPES))
def test_a_value_as_lytics_describes_it_is_in_the_record_and_fits_the_schema(
    data: st.DataObject, lytics_type: str
) -> None:
    value = data.draw(described(lytics_type))

    record, left_out = record_of(lytics_type, value)

    assert "it" in record
    assert left_out == 0


@given(value=ANY_JSON, lytics_type=st.sampled_from(TYPES))
def test_any_value_at_all_gives_a_record_that_fits_the_schema(
    value: object, lytics_type: str
) -> None:
    record, left_out = record_of(lytics_type, value)

    assert ("it" in record) == (left_out == 0)


@given(at=st.datetimes(datetime(1970, 1, 3), datetime(9999, 12, 29)), zone=ZONES)  # noqa: DTZ001 - the zone is text
def test_a_moment_stays_the_same_moment(at: datetime, zone: str) -> None:
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
def test_values_are_converted(
    lytics_type: str, value: object, expected: object
) -> None:
    record, _ = record_of(lytics_type, value)

    assert record["it"] == expected


@pytest.mark.parametrize(
    ("lytics_type", "value"),
    [
        ("int", "many"),
        ("int", "1_000"),
        ("int", "１２"),  # noqa: RUF001 - digits that only look so
        ("int", True),
        ("int", 2**63),
        ("int", 1.5),
        ("number", "inf"),
        ("number", "1e999"),
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
def test_a_contradiction_is_left_out_and_counted(
    lytics_type: str, value: object
) -> None:
    record, left_out = record_of(lytics_type, value)

    assert "it" not in record
    assert left_out == 1


def test_a_field_that_the_profile_lacks_is_null() -> None:
    record, left_out = record_of("int", None)

    assert record["it"] is None
    assert left_out == 0


@pytest.mark.parametrize("lytics_type", ["dynamic", "map[string]value", "string"])
def test_what_is_too_deep_to_be_written_is_left_out(lytics_type: str) -> None:
    deep: object = "x"
    for _ in range(900):
        deep = {"a": deep}

    record, left_out = record_of(lytics_type, deep)

    assert (record.keys(), left_out) == ({"_member_id"}, 1)


@pytest.mark.parametrize("value", [10**400, -(10**309)])
def test_a_number_that_is_none_to_most_readers_is_left_out(value: int) -> None:
    assert record_of("number", value)[1] == 1


def test_only_the_first_contradiction_of_a_field_is_told() -> None:
    reported: list[tuple[str, str, str]] = []
    counter = MismatchCounter(report=lambda *what: reported.append(what))

    counter.add("age", "int", "forty")
    counter.add("age", "int", "fifty")

    assert reported == [("age", "int", "str")]
    assert counter.counts["age"] == 2


@pytest.mark.parametrize(
    "lytics_type", ["", "map[int]string", "[][]string", "nonsense"]
)
def test_an_unknown_type_is_left_open(lytics_type: str) -> None:
    kind = field_type(lytics_type)

    assert kind.convert([math.pi]) == [math.pi]
    assert "object" in kind.schema["type"]
