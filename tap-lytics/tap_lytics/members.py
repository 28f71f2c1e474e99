"""From a profile as Lytics sends it to the record of a member. No I/O here."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from .moments import to_text
from .schema import DELETED_AT, KEY, MODIFIED, kind_of
from .values import ContradictionError, Convert, is_deep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from .account import Field

LYTICS_ID = "_id"
KEY_DIGITS = 32
FIELDS_LIMIT = 6000  # Letters of a query's `fields`: servers refuse URLs above 8 KB.

encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(slots=True, kw_only=True)
class Contradictions:
    """Counts values that were left out, and tells of the first one of each field."""

    tell: Callable[[str, str, str], None]
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, lytics_type: str, value: object) -> None:
        """Count one; the value itself is shown to nobody, only what kind it is."""
        self.counts[name] += 1
        if self.counts[name] == 1:
            self.tell(name, lytics_type, type(value).__name__)


def identity_key(profile: Mapping[str, Any], identities: Sequence[str]) -> str:
    """Make a key without a person's data in it; none without an identity.

    The first 32 hex digits of the SHA-256 of `field:value`, with Lytics' `_id` if the
    profile has one, else the first identity with a value.
    """
    for name in (LYTICS_ID, *identities):
        value = profile.get(name)
        if value and isinstance(value, str):
            return _digits(f"{name}:{value}".encode())
        if value not in (None, "", [], {}) and not is_deep(value):
            return _digits(f"{name}:{encode(value).decode()}".encode())
    return ""


def whole_key(profile: Mapping[str, Any]) -> str:
    """Make a key of a profile without an identity: of all that it holds."""
    return _digits(encode(profile))


def _digits(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:KEY_DIGITS]


class Shape:
    """How an audience's profiles become records: its selected fields, made ready.

    `fields_asked` are the fields to ask of Lytics, `key_fields_asked` those for the
    member's key alone; none means all, where a query cannot name them.
    """

    def __init__(
        self,
        fields: Iterable[Field],
        *,
        identities: Sequence[str],
        contradictions: Contradictions,
        with_exits: bool,
        required: Sequence[Field] = (),
    ) -> None:
        chosen = [f for f in fields if f.name not in {KEY, DELETED_AT}]
        kinds = [(f.name, kind_of(f.type)) for f in chosen]
        self._plan = [(name, kind.exact, kind.convert) for name, kind in kinds]
        self._types = {f.name: f.type for f in chosen}
        self._contradictions = contradictions
        self._blank: dict[str, Any] = {DELETED_AT: None} if with_exits else {}
        self.identities = tuple(identities)
        self._required = [(f.name, kind_of(f.type).convert) for f in required]
        keys = (*self.identities, LYTICS_ID, MODIFIED)
        names = (*self._types, *keys, *(name for name, _ in self._required))
        self.asked = frozenset(names)
        self.fields_asked = nameable(names)
        self.key_fields_asked = nameable(keys)

    def key(self, profile: Mapping[str, Any]) -> str:
        """Make the member's key, of what was asked for alone."""
        key = identity_key(profile, self.identities)
        if key:
            return key
        names = profile.keys() & self.asked
        return whole_key({n: profile[n] for n in names if not is_deep(profile[n])})

    def record(self, profile: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Make the member's record.

        A field that the profile lacks is null.
        A value that contradicts its type is left out, so that nobody reads it as empty.
        """
        record: dict[str, Any] = {KEY: key}
        get = profile.get
        for name, exact, convert in self._plan:
            value = get(name)
            if value is not None and type(value) is not exact:
                try:
                    value = convert(value)
                except ContradictionError:
                    self._contradictions.add(name, self._types[name], value)
                    continue
            record[name] = value
        record.update(self._blank)
        return record

    def exit_record(self, key: str, required: str, at: datetime) -> dict[str, Any]:
        """Make the record that tells of a leaver, of the required fields' values."""
        values = zip(self._required, msgspec.json.decode(required), strict=True)
        told = {name: v for (name, _), v in values if name in self._types}
        return {KEY: key, **told, DELETED_AT: to_text(at)}

    def required(self, profile: Mapping[str, Any]) -> list[Any]:
        """Give the values of the required fields; one that contradicts is null."""
        return [
            _or_null(convert, profile.get(name)) for name, convert in self._required
        ]


def _or_null(convert: Convert, value: object) -> Any:  # noqa: ANN401 - any JSON
    try:
        return convert(value)
    except ContradictionError:
        return None


def nameable(names: Iterable[str]) -> tuple[str, ...]:
    """Give the names back once each, or none if a query cannot hold them."""
    unique = tuple(dict.fromkeys(names))
    if any("," in name for name in unique) or len(",".join(unique)) > FIELDS_LIMIT:
        return ()
    return unique
