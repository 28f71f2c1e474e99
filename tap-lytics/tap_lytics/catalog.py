"""Discovery of audiences and fields, the catalog's metadata, and the audience check.

The catalog carries the audiences' ids and the fields' Lytics types, so that a sync
with a catalog needs no discovery.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from singer_kit.errors import ConfigError
from singer_kit.shutdown import call_interruptibly

from .errors import AudienceError
from .records import DELETED_AT, KEY, Field, identity_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from singer_kit.shutdown import ShutdownSignal

    from .client import Audience, AudienceSnapshot, LyticsClient

TYPE = "lytics-type"
IDENTITY = "lytics-identity"  # Its position among the identity fields, from 1.
AUDIENCE_ID = "lytics-audience-id"
LAST = 1_000_000  # Sorts after every identity.
MAX_DISCOVERED = 20  # A catalog of 500 audiences would take 216 MB.
MAX_NAMED = 100  # Slugs in one error message.
DISCOVER_AGAIN = "run discovery again, and move or remove the stream's state"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceEntry:
    """A stream of the catalog: an audience and the fields of its members."""

    slug: str
    audience_id: str | None
    fields: tuple[Field, ...]

    @property
    def identities(self) -> tuple[str, ...]:
        """The names of the identity fields, in the order in which they make the key."""
        return identity_names(self.fields)

    @property
    def is_typed(self) -> bool:
        """Whether the Lytics type of any field is known."""
        return any(field.type for field in self.fields)


# Discovery.


def discover(
    client: LyticsClient, shutdown: ShutdownSignal, names: Sequence[str]
) -> tuple[AudienceEntry, ...]:
    """Find audiences by slug or id; without names, all audiences of the account.

    Raises:
        AudienceError: for an unknown name, with close matches.
        ConfigError: when the account has too many to list them all.
    """
    if names:
        found = [_find(client, shutdown, name) for name in names]
        audiences = list({audience.id: audience for audience in found}.values())
    else:
        audiences = call_interruptibly(client.audiences, shutdown)
        if len(audiences) > MAX_DISCOVERED:
            raise ConfigError(
                f"The account has {len(audiences)} audiences, too many to discover all."
                f" Set audiences to those to export: {list_slugs(audiences)}."
            )
    fields = call_interruptibly(client.fields, shutdown)
    return tuple(
        AudienceEntry(slug=each.slug, audience_id=each.id, fields=fields)
        for each in audiences
    )


def unknown_audience(name: str, audiences: Sequence[Audience]) -> AudienceError:
    """Create the error for an audience that the account does not have."""
    close = difflib.get_close_matches(name, [each.slug for each in audiences], n=3)
    hint = (
        f"The closest are {', '.join(close)}"
        if close
        else f"It has {list_slugs(audiences)}"
    )
    return AudienceError(
        f"The Lytics account has no audience {name}. {hint}. Correct audiences."
    )


def list_slugs(audiences: Sequence[Audience]) -> str:
    """List slugs, as many as fit into a message."""
    names = sorted(each.slug for each in audiences)
    more = len(names) - MAX_NAMED
    text = ", ".join(names[:MAX_NAMED]) or "none"
    return f"{text} and {more} more" if more > 0 else text


def _find(client: LyticsClient, shutdown: ShutdownSignal, name: str) -> Audience:
    snapshot = call_interruptibly(partial(client.audience, name), shutdown)
    if snapshot is not None:
        return snapshot.audience
    audiences = call_interruptibly(client.audiences, shutdown)
    for each in audiences:
        if name in {each.id, each.slug}:
            return each
    raise unknown_audience(name, audiences)


# The catalog.


def annotate(
    catalog: dict[str, Any], entries: Iterable[AudienceEntry]
) -> dict[str, Any]:
    """Add the audiences' ids, the fields' types and the identities to the metadata."""
    known = {entry.slug: entry for entry in entries}
    for stream in catalog["streams"]:
        metadata = dict(_metadata(known[stream["tap_stream_id"]]))
        for row in stream["metadata"]:
            row["metadata"].update(metadata.get(tuple(row["breadcrumb"]), {}))
    return catalog


def read_entries(catalog: Mapping[str, Any]) -> tuple[AudienceEntry, ...]:
    """Read the streams of a catalog. A type that its metadata lacks is empty.

    Raises:
        ConfigError: when it is not a Singer catalog.
    """
    try:
        return tuple(_read_entry(stream) for stream in catalog["streams"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigError(
            "The catalog is not a Singer catalog. Create one with tap-lytics"
            " --discover."
        ) from None


def select_entries(
    entries: Sequence[AudienceEntry], audiences: Sequence[str]
) -> tuple[AudienceEntry, ...]:
    """Pick the streams of these audiences, by slug or id; all if none are named.

    Raises:
        ConfigError: when the catalog lacks one.
    """
    if not audiences:
        return tuple(entries)
    known = {name: e for e in entries for name in (e.audience_id, e.slug) if name}
    missing = [name for name in audiences if name not in known]
    if missing:
        raise ConfigError(
            f"The catalog has no stream for {', '.join(missing)}, which the setting"
            " audiences names. Create it again with tap-lytics --discover."
        )
    return tuple({known[name].slug: known[name] for name in audiences}.values())


def add_types(entry: AudienceEntry, fields: Iterable[Field]) -> AudienceEntry:
    """Complete an entry of a catalog without types from the account's fields."""
    known = {field.name: field for field in fields}
    own = [known.get(field.name, field) for field in entry.fields]
    identities = [f for f in known.values() if f.is_identity and f not in own]
    return replace(entry, fields=(*identities, *own))


def _metadata(
    entry: AudienceEntry,
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    yield (), {AUDIENCE_ID: entry.audience_id}
    for field in entry.fields:
        metadata: dict[str, Any] = {TYPE: field.type}
        if field.is_identity:
            metadata[IDENTITY] = entry.identities.index(field.name) + 1
        yield ("properties", field.name), metadata


def _read_entry(stream: Mapping[str, Any]) -> AudienceEntry:
    rows = stream.get("metadata") or []
    metadata = {tuple(row["breadcrumb"]): row["metadata"] for row in rows}
    names = [n for n in stream["schema"]["properties"] if n not in {KEY, DELETED_AT}]
    fields = [(name, metadata.get(("properties", name), {})) for name in names]
    fields.sort(key=lambda field: int(field[1].get(IDENTITY) or LAST))
    return AudienceEntry(
        slug=str(stream["tap_stream_id"]),
        audience_id=metadata.get((), {}).get(AUDIENCE_ID),
        fields=tuple(
            Field(name=name, type=str(own.get(TYPE) or ""), is_identity=IDENTITY in own)
            for name, own in fields
        ),
    )


# The check before each sync.


class AudienceCheck:
    """Checks that an audience exists, is valid and is the same one as before.

    Without it, the empty scan of a deleted audience would look like an empty audience.

    Args:
        client: the Lytics API.
        shutdown: interrupts requests.
        slug: the audience's slug, which names the stream.
        audience_id: its id according to the catalog, if known.
        absent_streams: streams of the state that this run lacks, by the ids of their
            audiences. A new stream must not be one of them under a new name.
    """

    def __init__(
        self,
        client: LyticsClient,
        shutdown: ShutdownSignal,
        *,
        slug: str,
        audience_id: str | None,
        absent_streams: Mapping[str, str],
    ) -> None:
        self._client = client
        self._shutdown = shutdown
        self._slug = slug
        self._audience_id = audience_id
        self._absent_streams = absent_streams

    def run(self, known_id: str | None) -> AudienceSnapshot:
        """Get the audience before a sync; `known_id` is its id in the state.

        Raises:
            AudienceError: when it is gone, renamed, invalid or a different one.
        """
        expected = known_id or self._audience_id
        found = self._get(self._slug) or self._get_renamed(expected)
        if expected and found.audience.id != expected:
            raise AudienceError(
                f"Audience {self._slug} is not the one exported so far: its slug now"
                f" belongs to another audience. To export that one, {DISCOVER_AGAIN}."
            )
        former = self._absent_streams.get(found.audience.id)
        if former and not known_id:
            raise AudienceError(
                f"Audience {former} was renamed to {self._slug}. In the state, rename"
                f" the part of stream {former} to {self._slug} to continue from there,"
                " or remove it to start over."
            )
        return self._require_valid(found)

    def repeat(self, audience_id: str) -> Audience:
        """Get the audience again, during a sync, whatever its slug is by now.

        Raises:
            AudienceError: when it is gone or invalid.
        """
        found = self._get(audience_id) or self.run(audience_id)
        return self._require_valid(found).audience

    def size(self, audience_id: str) -> int | None:
        """Get the audience's size during a sync; None if Lytics does not report it.

        Raises:
            AudienceError: when the audience is gone or invalid.
        """
        audience = self.repeat(audience_id)
        if audience.size is not None:
            return audience.size
        size = partial(self._client.size, audience_id)
        return call_interruptibly(size, self._shutdown)

    def _require_valid(self, found: AudienceSnapshot) -> AudienceSnapshot:
        if found.audience.is_invalid:
            raise AudienceError(
                f"Lytics reports audience {self._slug} as invalid, so its members"
                " cannot be read. Correct its definition in Lytics."
            )
        return found

    def _get(self, name: str) -> AudienceSnapshot | None:
        return call_interruptibly(partial(self._client.audience, name), self._shutdown)

    def _get_renamed(self, expected: str | None) -> AudienceSnapshot:
        renamed = self._get(expected) if expected else None
        if renamed is None:
            raise self._missing()
        if renamed.audience.slug != self._slug:
            raise AudienceError(
                f"Audience {self._slug} was renamed to {renamed.audience.slug}. Set"
                f" audiences to the new slug, {DISCOVER_AGAIN}."
            )
        return renamed

    def _missing(self) -> AudienceError:
        audiences = call_interruptibly(self._client.audiences, self._shutdown)
        if self._slug in {each.slug for each in audiences}:
            return AudienceError(
                f"Lytics lists audience {self._slug} but returns no details of it. Run"
                " again later, and contact Lytics support if that does not help."
            )
        return unknown_audience(self._slug, audiences)
