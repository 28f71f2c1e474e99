"""What the tap notes in a catalog, so that a sync needs no discovery. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .account import Field
from .errors import SettingsError
from .schema import DELETED_AT, KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

TYPE = "lytics-type"
IDENTITY = "lytics-identity"  # Its place in the order of the identity fields, from 1.
AUDIENCE_ID = "lytics-audience-id"
LAST = 1_000_000  # Behind every identity: an account has no so many fields.


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A stream of the catalog: an audience and the fields of its members."""

    slug: str
    audience_id: str | None
    fields: tuple[Field, ...]

    @property
    def identities(self) -> tuple[str, ...]:
        """The fields that tell members apart, in Lytics' order."""
        return tuple(field.name for field in self.fields if field.is_identity)

    @property
    def is_typed(self) -> bool:
        """Whether the catalog tells the Lytics type of any field."""
        return any(field.type for field in self.fields)


def annotate(catalog: dict[str, Any], entries: Iterable[Entry]) -> dict[str, Any]:
    """Note the audiences' ids, the fields' types and the identities in the metadata."""
    known = {entry.slug: entry for entry in entries}
    for stream in catalog["streams"]:
        entry = known[stream["tap_stream_id"]]
        notes = dict(_notes(entry))
        for row in stream["metadata"]:
            row["metadata"].update(notes.get(tuple(row["breadcrumb"]), {}))
    return catalog


def read(catalog: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Read the streams back, with what was noted; types not noted are empty.

    Raises:
        SettingsError: when it is no Singer catalog.
    """
    try:
        return tuple(_read(stream) for stream in catalog["streams"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise SettingsError(
            "The catalog is no Singer catalog; make one with tap-lytics --discover."
        ) from None


def chosen(entries: Sequence[Entry], audiences: Sequence[str]) -> tuple[Entry, ...]:
    """Pick the streams of these audiences, by slug or id; of all, if none are named.

    Raises:
        SettingsError: when the catalog lacks one.
    """
    if not audiences:
        return tuple(entries)
    known = {name: e for e in entries for name in (e.audience_id, e.slug) if name}
    missing = [name for name in audiences if name not in known]
    if missing:
        raise SettingsError(
            f"The catalog has no stream for {', '.join(missing)} of the setting"
            " audiences; make it anew with tap-lytics --discover."
        )
    return tuple({known[name].slug: known[name] for name in audiences}.values())


def typed(entry: Entry, fields: Iterable[Field]) -> Entry:
    """Fill in what a catalog does not tell from the account's own fields."""
    known = {field.name: field for field in fields}
    own = [known.get(field.name, field) for field in entry.fields]
    identities = [f for f in known.values() if f.is_identity and f not in own]
    return replace(entry, fields=(*identities, *own))


def _notes(entry: Entry) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    yield (), {AUDIENCE_ID: entry.audience_id}
    for field in entry.fields:
        note: dict[str, Any] = {TYPE: field.type}
        if field.is_identity:
            note[IDENTITY] = entry.identities.index(field.name) + 1
        yield ("properties", field.name), note


def _read(stream: Mapping[str, Any]) -> Entry:
    rows = stream.get("metadata") or []
    notes = {tuple(row["breadcrumb"]): row["metadata"] for row in rows}
    names = [n for n in stream["schema"]["properties"] if n not in {KEY, DELETED_AT}]
    noted = [(name, notes.get(("properties", name), {})) for name in names]
    noted.sort(key=_place)
    return Entry(
        slug=str(stream["tap_stream_id"]),
        audience_id=notes.get((), {}).get(AUDIENCE_ID),
        fields=tuple(
            Field(
                name=name, type=str(note.get(TYPE) or ""), is_identity=IDENTITY in note
            )
            for name, note in noted
        ),
    )


def _place(noted: tuple[str, Mapping[str, Any]]) -> int:
    return int(noted[1].get(IDENTITY) or LAST)
