"""How a Lytics profile becomes a record: schema, values and the member's key.

Pure. Each Lytics type has a JSON Schema and a conversion. A value that the conversion
rejects is omitted from the record, because null means "empty" downstream.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Convert = Callable[[Any], Any]
JSON = Any  # What msgspec decodes a JSON value to.
Record = dict[str, Any]

KEY = "_member_id"
DELETED_AT = "_sdc_deleted_at"
MODIFIED = "_modified"
LYTICS_ID = "_id"

KEY_DIGITS = 32
KEY_SCHEMA = MappingProxyType({"type": ["string"]})
MAX_FIELDS_LENGTH = 6000  # Characters of `fields`: servers refuse URLs over 8 KB.
INTEGER_TEXT = re.compile(r"[+-]?[0-9]{1,19}")
NUMBER_TEXT = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
TIME_TEXT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([Tt ](?P<minute>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2}(\.[0-9]{1,9})?)?"
    r" ?(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
NUMBER_CACHE_SIZE = 16_384  # Numbers as text are counts and amounts, and repeat.
CONTAINERS = frozenset({list, dict})
MAX_DEPTH = 100  # JSON parsers fail at some hundreds of levels.
INT64 = 2**63  # The limit of Lytics and of a target's integer column.
MAX_FLOAT = 1.7976931348623157e308  # JSON parsers read larger numbers as infinity.
LONGEST_UTC = len("2015-09-17T21:45:07.123456Z")
MICROSECONDS = LONGEST_UTC - 1
BOOLEANS = {  # The values of Go's strconv.ParseBool: Lytics is written in Go.
    **dict.fromkeys(("t", "T", "true", "True", "TRUE", "1"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE", "0"), False),
}

encode = msgspec.json.Encoder(order="deterministic").encode


class TypeMismatchError(ValueError):
    """The value does not fit its field's type. It is omitted from the record."""


# Values.


def to_text(value: JSON) -> str:
    """Accept text; write a number or boolean as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return msgspec.json.encode(value).decode()
    raise TypeMismatchError


def to_integer(value: JSON) -> int:
    """Accept 64-bit integers, also as text or with a fraction of zero."""
    if isinstance(value, str):
        return _integer_in(value)
    if isinstance(value, float):
        value = _integral(value)
    if type(value) is not int or not -INT64 <= value < INT64:
        raise TypeMismatchError
    return value


def to_number(value: JSON) -> int | float:
    """Accept finite numbers, also as text."""
    if isinstance(value, str):
        return _number_in(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeMismatchError
    if not -MAX_FLOAT <= value <= MAX_FLOAT:
        raise TypeMismatchError
    return value


def to_boolean(value: JSON) -> bool:
    """Accept `true` and `false`, and the words and digits that Lytics writes."""
    if isinstance(value, bool):
        return value
    found = BOOLEANS.get(str(value)) if isinstance(value, (str, int)) else None
    if found is None:
        raise TypeMismatchError
    return found


def to_time(value: JSON) -> str:
    """Convert to RFC 3339 in UTC with at most microseconds; no zone means UTC.

    Text already in that form is returned unchanged; further digits are cut off.
    """
    if not isinstance(value, str):
        raise TypeMismatchError
    try:
        time = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return _in_utc(_parse_leniently(value))
    if value[-1:] != "Z" or value[10:11] != "T":
        return _in_utc(time)
    return value if len(value) <= LONGEST_UTC else f"{value[:MICROSECONDS]}Z"


def to_list(item: Convert, exact: type | None = None) -> Convert:
    """Build the conversion of a list: a single value is a list of one, nulls are cut.

    Items of the type `exact` need no conversion.
    """

    def convert(value: JSON) -> list[Any]:
        values = value if isinstance(value, list) else [value]
        return [
            each if type(each) is exact else item(each)
            for each in values
            if each is not None
        ]

    return convert


def to_map(item: Convert, exact: type | None = None) -> Convert:
    """Build the conversion of a map; keys and nulls stay as they are."""

    def convert(value: JSON) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise TypeMismatchError
        return {
            k: v if v is None or type(v) is exact else item(v) for k, v in value.items()
        }

    return convert


def to_any(value: JSON) -> JSON:
    """Accept any JSON that is not nested too deeply to be serialized and parsed."""
    if type(value) in CONTAINERS and is_too_deep(value):
        raise TypeMismatchError
    return value


def is_too_deep(value: JSON, levels: int = MAX_DEPTH) -> bool:
    """Whether lists and objects are nested deeper than `levels`."""
    if type(value) not in CONTAINERS:
        return False
    inner = value.values() if isinstance(value, dict) else value
    if CONTAINERS.isdisjoint(map(type, inner)):
        return False
    return not levels or any(is_too_deep(each, levels - 1) for each in inner)


@lru_cache(maxsize=NUMBER_CACHE_SIZE)
def _integer_in(text: str) -> int:
    return to_integer(int(text) if INTEGER_TEXT.fullmatch(text) else _number_in(text))


@lru_cache(maxsize=NUMBER_CACHE_SIZE)
def _number_in(text: str) -> int | float:
    if not NUMBER_TEXT.fullmatch(text):
        raise TypeMismatchError
    return to_number(float(text))


def _integral(value: float) -> int:
    if not value.is_integer():
        raise TypeMismatchError
    return int(value)


def _parse_leniently(value: str) -> datetime:
    found = TIME_TEXT.fullmatch(value.strip())
    if not found:
        raise TypeMismatchError
    minute, second = found["minute"] or "00:00", found["second"] or ":00"
    zone = (found["zone"] or "Z").upper()
    if len(zone) == len("+0000"):
        zone = f"{zone[:3]}:{zone[3:]}"
    try:
        return msgspec.convert(f"{found['day']}T{minute}{second}{zone}", datetime)
    except msgspec.ValidationError:
        raise TypeMismatchError from None


def _in_utc(time: datetime) -> str:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    try:
        text: str = msgspec.to_builtins(aware.astimezone(UTC))
    except OverflowError:  # The first and last days of the calendar.
        raise TypeMismatchError from None
    return text


# Timestamps.


def parse_timestamp(text: str) -> datetime:
    """Read RFC 3339 or a date as a time in UTC; no zone means UTC.

    Raises:
        ValueError: for anything else.
    """
    try:
        time = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        time = _parse_leniently(text)
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC)
    except OverflowError:  # The first and last days of the calendar.
        raise ValueError("out of the calendar") from None


def has_zone(text: str) -> bool:
    """Whether a timestamp has a time zone, or is a date, which needs none."""
    found = TIME_TEXT.fullmatch(text.strip())
    return bool(found is None or found["zone"] or not found["minute"])


def format_timestamp(time: datetime) -> str:
    """Write a time in UTC, with microseconds only if there are any."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


# Types.


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the account's user table, with its Lytics type.

    `schema` is its JSON Schema in the catalog, if there is one.
    """

    name: str
    type: str
    label: str = ""
    is_identity: bool = False
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldType:
    """A type of record values: its JSON Schema, and the conversion of Lytics' values.

    A value of the Python type `exact` needs no conversion. If it is not nullable, a
    field without a value is omitted from the record.
    """

    schema: dict[str, Any]
    convert: Convert
    exact: type | None = None
    is_nullable: bool = True


TEXT = FieldType(schema={"type": ["string", "null"]}, convert=to_text, exact=str)
INTEGER = FieldType(schema={"type": ["integer", "null"]}, convert=to_integer)
NUMBER = FieldType(schema={"type": ["number", "null"]}, convert=to_number, exact=float)
BOOLEAN = FieldType(
    schema={"type": ["boolean", "null"]}, convert=to_boolean, exact=bool
)
TIME = FieldType(
    schema={"type": ["string", "null"], "format": "date-time"}, convert=to_time
)
ANY = FieldType(
    schema={"type": ["string", "number", "boolean", "object", "array", "null"]},
    convert=to_any,
)

SCALARS = {
    "string": TEXT,
    "bool": BOOLEAN,
    "int": INTEGER,
    "intsum": INTEGER,
    "number": NUMBER,
    "float": NUMBER,
    "date": TIME,
    "time": TIME,
    "datetime": TIME,
}


def field_type(lytics_type: str) -> FieldType:
    """Return the type for a Lytics type; an unknown one may hold any JSON."""
    prefix, bracket, inner = lytics_type.rpartition("]")
    if prefix in {"[", "ts["} and inner in SCALARS:
        return _list_of(SCALARS[inner])
    if f"{prefix}{bracket}" == "map[string]":
        return _map_of(SCALARS.get(inner, ANY))
    return SCALARS.get(lytics_type, ANY)


def stream_schema(fields: Iterable[Field], *, with_exits: bool) -> dict[str, Any]:
    """Build the JSON Schema of an audience's records.

    Args:
        fields: the account's fields.
        with_exits: whether a record can report an exit (`_sdc_deleted_at`).
    """
    properties: dict[str, Any] = {KEY: dict(KEY_SCHEMA)}
    for each in fields:
        properties.setdefault(each.name, _property_schema(each))
    if with_exits:
        properties[DELETED_AT] = dict(TIME.schema)
    return {"type": "object", "properties": properties}


def _property_schema(each: Field) -> dict[str, Any]:
    schema = field_type(each.type).schema
    return {**schema, "title": each.label} if each.label else dict(schema)


def _list_of(item: FieldType) -> FieldType:
    item_schema = {**item.schema, "type": item.schema["type"][0]}
    return FieldType(
        schema={"type": ["array", "null"], "items": item_schema},
        convert=to_list(item.convert, item.exact),
    )


def _map_of(item: FieldType) -> FieldType:
    return FieldType(
        schema={"type": ["object", "null"], "additionalProperties": item.schema},
        convert=to_map(item.convert, item.exact),
    )


# Members.


# A frozen dataclass takes five times as long to create.
class Member(NamedTuple):
    """A member of an audience, as read from a page.

    `modified` is the text that Lytics sent, `required` the values of require_fields.
    """

    key: str
    record: Record
    modified: str | None
    required: list[Any]


@dataclass(slots=True, kw_only=True)
class MismatchCounter:
    """Counts omitted values by field and reports the first of each field.

    `report` receives the field, its type in words and the Python type of the value,
    never the value itself.
    """

    report: Callable[[str, str, str], None]
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, described: str, value: object) -> None:
        """Count one omitted value."""
        self.counts[name] += 1
        if self.counts[name] == 1:
            self.report(name, described, type(value).__name__)


def identity_names(fields: Iterable[Field]) -> tuple[str, ...]:
    """Return the names of the identity fields in the order in which they make the key.

    Fields that hold several values come last: their values come and go.
    """
    identities = [field for field in fields if field.is_identity]
    identities.sort(key=lambda field: "[" in field.type)
    return tuple(field.name for field in identities)


def identity_key(profile: Mapping[str, Any], identities: Sequence[str]) -> str:
    """Return a key that reveals no personal data; empty without an identity.

    The first 32 hex digits of the SHA-256 of `field:value`, with Lytics' `_id` if the
    profile has one, else the first identity with a value. Of several values, the one
    with the lowest hash counts: their order does not matter, and of n + 1 values, one
    that was added changes the key with a probability of 1 / (n + 1).
    """
    for name in (LYTICS_ID, *identities):
        value = profile.get(name)
        if value is None:
            continue
        if value and isinstance(value, str):
            return _hash(f"{name}:{value}".encode())
        keys = [_hash(f"{name}:{text}".encode()) for text in _identity_texts(value)]
        if keys:
            return min(keys)
    return ""


def _identity_texts(value: JSON) -> Iterator[str]:
    """Return the values of an identity field as texts, without empty ones."""
    values = value if isinstance(value, list) else [value]
    if isinstance(value, dict):
        values = [{key: item} for key, item in value.items()]
    for each in values:
        if isinstance(each, str) and each:
            yield each
        elif each not in (None, "", [], {}) and not is_too_deep(each):
            yield encode(each).decode()


def profile_key(profile: Mapping[str, Any]) -> str:
    """Return the key of a profile without an identity: a hash of all its values."""
    return _hash(encode(profile))


def _hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:KEY_DIGITS]


class RecordBuilder:
    """Builds the records of one audience from its selected fields.

    `query_fields` are the fields to request from Lytics, `key_query_fields` those that
    the key alone needs. If empty, all fields are requested, because a URL cannot hold
    the names.

    Args:
        fields: the selected fields.
        identities: the identity fields, in Lytics' order.
        mismatches: counts the values that do not fit their types.
        with_exits: whether a record can report an exit.
        required: the fields of require_fields.
        overrides: the types that the catalog gives to fields instead of Lytics' types.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        *,
        identities: Sequence[str],
        mismatches: MismatchCounter,
        with_exits: bool,
        required: Sequence[Field] = (),
        overrides: Mapping[str, FieldType] | None = None,
    ) -> None:
        selected = [f for f in fields if f.name not in {KEY, DELETED_AT}]
        own = overrides or {}
        types = [(f.name, own.get(f.name) or field_type(f.type)) for f in selected]
        self._plan = [(name, each.exact, each.convert) for name, each in types]
        self._never_null = frozenset(n for n, each in types if not each.is_nullable)
        self._overrides = own
        self._types = {
            f.name: "a type of its own in the catalog"
            if f.name in own
            else f"the Lytics type {f.type}"
            for f in selected
        }
        self._mismatches = mismatches
        self._blank: Record = {DELETED_AT: None} if with_exits else {}
        self._identities = tuple(identities)
        self._required = [(f.name, field_type(f.type).convert) for f in required]
        key_names = (*self._identities, LYTICS_ID, MODIFIED)
        names = (*self._types, *key_names, *(name for name, _ in self._required))
        self._requested = frozenset(names)
        self.query_fields = queryable(names)
        self.key_query_fields = queryable(key_names)

    def members(self, profiles: Iterable[Mapping[str, Any]]) -> list[Member]:
        """Build the members of a page."""
        members = []
        for profile in profiles:
            key = self.key(profile)
            record = self.record(profile, key)
            modified = profile.get(MODIFIED)
            members.append(
                Member(
                    key=key,
                    record=record,
                    modified=modified if isinstance(modified, str) else None,
                    required=self.required(profile),
                )
            )
        return members

    def key(self, profile: Mapping[str, Any]) -> str:
        """Return the member's key, which depends only on the requested fields."""
        key = identity_key(profile, self._identities)
        if key:
            return key
        names = profile.keys() & self._requested
        return profile_key(
            {n: profile[n] for n in names if not is_too_deep(profile[n])}
        )

    def record(self, profile: Mapping[str, Any], key: str) -> Record:
        """Build the member's record.

        A field that the profile lacks is null. A value that does not fit its type is
        omitted, so that it is not read as empty.
        """
        record: Record = {KEY: key}
        get = profile.get
        for name, exact, convert in self._plan:
            value = get(name)
            if value is None:
                if name in self._never_null:
                    continue
            elif type(value) is not exact:
                try:
                    value = convert(value)
                except TypeMismatchError:
                    self._mismatches.add(name, self._types[name], value)
                    continue
            record[name] = value
        record.update(self._blank)
        return record

    def exit_record(self, key: str, required: str, at: datetime) -> Record:
        """Build the record of a member who left.

        Args:
            key: the member's key.
            required: the values of require_fields, as a JSON list.
            at: when the exit was found.
        """
        values = zip(self._required, msgspec.json.decode(required), strict=True)
        record: Record = {KEY: key}
        for (name, _), value in values:
            own = self._overrides.get(name)
            fitting = value if own is None else _convert_or_null(own.convert, value)
            if name in self._types and (fitting is not None or self._allows_null(name)):
                record[name] = fitting
        return record | {DELETED_AT: format_timestamp(at)}

    def _allows_null(self, name: str) -> bool:
        return name not in self._never_null

    def required(self, profile: Mapping[str, Any]) -> list[Any]:
        """Return the values of require_fields; one that does not fit is null.

        They have Lytics' types, whatever the catalog says, because the ledger compares
        them with those of earlier runs.
        """
        return [
            _convert_or_null(convert, profile.get(name))
            for name, convert in self._required
        ]


def _convert_or_null(convert: Convert, value: object) -> Any:  # noqa: ANN401 - any JSON
    try:
        return convert(value)
    except TypeMismatchError:
        return None


def queryable(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names without duplicates, or none if a URL cannot hold them."""
    unique = tuple(dict.fromkeys(names))
    if any("," in name for name in unique) or len(",".join(unique)) > MAX_FIELDS_LENGTH:
        return ()
    return unique
