"""Discovery of audiences and fields, the catalog's metadata, and the audience check.

The catalog carries the audiences' ids and the fields' Lytics types, so that a sync
with a catalog needs no discovery.
"""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.catalog import CatalogEntry

from singer_kit.errors import ConfigError
from singer_kit.shutdown import call_interruptibly

from .errors import AudienceError
from .records import DELETED_AT, KEY, KEY_SCHEMA, TIME, Field, identity_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from singer_kit.shutdown import ShutdownSignal

    from .client import Audience, AudienceSnapshot, LyticsClient

TYPE = "lytics-type"
IDENTITIES = "lytics-identities"  # Of the stream, in the order that makes the key.
AUDIENCE_ID = "lytics-audience-id"
ROOT_METADATA = (
    "inclusion",
    "selected",
    "selected-by-default",
    IDENTITIES,
    AUDIENCE_ID,
)
SELECTED_WORDS = {"true": True, "false": False}
MAX_DISCOVERED = 20  # A catalog of 500 audiences would take 216 MB.
MAX_NAMED = 100  # Slugs in one error message.
DISCOVER_AGAIN = "run discovery again, and move or remove the stream's state"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceEntry:
    """A stream of the catalog: an audience and the fields of its members.

    `identities` are the names of the identity fields in the order in which they make
    the member's key, None if the catalog does not say. `absent` are fields of the
    account that the catalog lacks, as far as they are known.
    """

    slug: str
    audience_id: str | None
    fields: tuple[Field, ...]
    identities: tuple[str, ...] | None
    absent: tuple[Field, ...] = ()

    def is_complete(self, required: Iterable[str]) -> bool:
        """Whether a sync with these required fields needs nothing from the account."""
        names = {field.name for field in self.fields}
        is_typed = any(field.type for field in self.fields)
        return is_typed and self.identities is not None and names.issuperset(required)


# Discovery.


def discover(
    client: LyticsClient,
    shutdown: ShutdownSignal,
    names: Sequence[str],
    *,
    known_ids: Mapping[str, str],
) -> tuple[AudienceEntry, ...]:
    """Find audiences by slug or id; without names, all audiences of the account.

    Args:
        client: the Lytics API.
        shutdown: interrupts requests.
        names: the audiences to find.
        known_ids: the ids that audiences had in an earlier run, by their slugs.

    Raises:
        AudienceError: for an unknown name, with close matches or its new slug.
        ConfigError: when the account has too many to list them all.
    """
    if names:
        found = [_find(client, shutdown, name, known_ids.get(name)) for name in names]
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
        AudienceEntry(
            slug=each.slug,
            audience_id=each.id,
            fields=fields,
            identities=identity_names(fields),
        )
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
        f"The Lytics account has no audience {name}. {hint}. Correct audiences; if the"
        " audience was renamed, rename its part of the state as well."
    )


def _renamed(slug: str, new: str) -> AudienceError:
    return AudienceError(
        f"Audience {slug} was renamed to {new}. Set audiences to the new slug, and in"
        f" the state, rename the part of stream {slug} to {new} to continue from there."
        " A catalog needs another discovery."
    )


def list_slugs(audiences: Sequence[Audience]) -> str:
    """List slugs, as many as fit into a message."""
    names = sorted(each.slug for each in audiences)
    more = len(names) - MAX_NAMED
    text = ", ".join(names[:MAX_NAMED]) or "none"
    return f"{text} and {more} more" if more > 0 else text


def _find(
    client: LyticsClient, shutdown: ShutdownSignal, name: str, known_id: str | None
) -> Audience:
    snapshot = call_interruptibly(partial(client.audience, name), shutdown)
    if snapshot is not None:
        return snapshot.audience
    audiences = call_interruptibly(client.audiences, shutdown)
    for each in audiences:
        if name in {each.id, each.slug}:
            return each
        if each.id == known_id:
            raise _renamed(name, each.slug)
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


def clean_catalog(catalog: object) -> tuple[dict[str, Any], list[str]]:
    """Return a catalog in the form that the SDK expects, and warnings.

    The key, the stream's name and the schema of the tap's own properties are not the
    catalog's to decide; a missing part is filled in.

    Raises:
        ConfigError: when it is not a Singer catalog, or a part cannot be read.
    """
    streams = catalog.get("streams") if isinstance(catalog, dict) else None
    if not isinstance(streams, list):
        raise _not_a_catalog()
    names = [_stream_name(each) for each in streams]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ConfigError(
            f"The catalog has several streams with the tap_stream_id {twice[0]}. Remove"
            " all but one."
        )
    warnings = [line for each in streams for line in _ignored_parts(each)]
    return {"streams": [_clean_stream(each) for each in streams]}, warnings


def read_entries(catalog: Mapping[str, Any]) -> tuple[AudienceEntry, ...]:
    """Read the streams of a clean catalog. A type that its metadata lacks is empty."""
    return tuple(_read_entry(stream) for stream in catalog["streams"])


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


def complete_entry(entry: AudienceEntry, fields: Sequence[Field]) -> AudienceEntry:
    """Complete an entry of a trimmed catalog from the account's fields.

    The identities come from the account, because a member's key must not depend on the
    fields in the catalog.
    """
    known = {field.name: field for field in fields}
    names = {field.name for field in entry.fields}
    own = [
        field
        if field.type or field.name not in known
        else replace(known[field.name], schema=field.schema)
        for field in entry.fields
    ]
    return replace(
        entry,
        fields=tuple(own),
        identities=identity_names(fields),
        absent=tuple(field for field in fields if field.name not in names),
    )


def _metadata(
    entry: AudienceEntry,
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    yield (), {AUDIENCE_ID: entry.audience_id, IDENTITIES: list(entry.identities or ())}
    for field in entry.fields:
        yield ("properties", field.name), {TYPE: field.type}


def _read_entry(stream: Mapping[str, Any]) -> AudienceEntry:
    metadata = {tuple(row["breadcrumb"]): row["metadata"] for row in stream["metadata"]}
    root = metadata.get((), {})
    identities = root.get(IDENTITIES)
    is_known = isinstance(identities, list) and all(map(_is_text, identities))
    audience_id = root.get(AUDIENCE_ID)
    return AudienceEntry(
        slug=stream["tap_stream_id"],
        audience_id=audience_id if _is_text(audience_id) else None,
        fields=tuple(
            Field(
                name=name,
                type=str(metadata.get(("properties", name), {}).get(TYPE) or ""),
                is_identity=name in identities if is_known else False,
                schema=schema,
            )
            for name, schema in stream["schema"]["properties"].items()
            if name not in {KEY, DELETED_AT}
        ),
        identities=tuple(identities) if is_known else None,
    )


# Cleaning a catalog.


def _stream_name(stream: object) -> str:
    parts = stream if isinstance(stream, dict) else {}
    name = parts.get("tap_stream_id") or parts.get("stream")
    if not isinstance(name, str) or not name:
        raise _not_a_catalog()
    return name


def _clean_stream(stream: Mapping[str, Any]) -> dict[str, Any]:
    name = _stream_name(stream)
    properties = _mapping(_mapping(stream.get("schema")).get("properties"))
    schemas = {each: _clean_schema(name, each, properties[each]) for each in properties}
    own = schemas | {KEY: dict(KEY_SCHEMA)}
    if DELETED_AT in own:
        own[DELETED_AT] = dict(TIME.schema)
    return {
        "tap_stream_id": name,
        "stream": name,
        "key_properties": [KEY],
        "schema": {"type": "object", "properties": own},
        "metadata": _clean_metadata(name, stream.get("metadata") or []),
    }


def _clean_schema(stream: str, field: str, schema: object) -> dict[str, Any]:
    found = {} if schema is None or schema is True else schema
    try:
        entry = {"tap_stream_id": stream, "schema": {"properties": {field: found}}}
        CatalogEntry.from_dict(entry).to_dict()
        return dict(found)  # type: ignore[call-overload, no-any-return]  # checked by the SDK
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise ConfigError(
            f"The schema of field {field} of stream {stream} in the catalog cannot be"
            " read. Correct it, or create the catalog again with tap-lytics --discover."
        ) from None


def _clean_metadata(stream: str, rows: object) -> list[dict[str, Any]]:
    if not isinstance(rows, list):
        raise _unreadable_metadata(stream)
    found = [_clean_row(stream, row) for row in rows]
    if not any(row["breadcrumb"] == [] for row in found):
        found.append({"breadcrumb": [], "metadata": {"selected": True}})
    return found


def _clean_row(stream: str, row: object) -> dict[str, Any]:
    parts = row if isinstance(row, dict) else {}
    breadcrumb, metadata = parts.get("breadcrumb"), _mapping(parts.get("metadata"))
    if not isinstance(breadcrumb, list) or not all(map(_is_text, breadcrumb)):
        raise _unreadable_metadata(stream)
    if not breadcrumb:
        metadata = {name: metadata[name] for name in ROOT_METADATA if name in metadata}
    for name in ("selected", "selected-by-default"):
        value = metadata.get(name)
        if isinstance(value, str):
            value = SELECTED_WORDS.get(value.lower(), value)
        if value is not None and not isinstance(value, bool):
            where = ".".join(breadcrumb) or "the stream"
            raise ConfigError(
                f"In the catalog, {name} of {where} in stream {stream} is neither true"
                " nor false. Correct it."
            )
        metadata = {**metadata, name: value} if value is not None else metadata
    return {"breadcrumb": breadcrumb, "metadata": metadata}


def _ignored_parts(stream: Mapping[str, Any]) -> Iterator[str]:
    name, other = _stream_name(stream), stream.get("stream")
    if other and other != name:
        yield (
            f"The catalog names the stream {name} {other!r} as well, which is ignored."
            f' To rename it, use stream_maps: {{"{name}": {{"__alias__": …}}}}.'
        )
    if stream.get("key_properties") not in (None, [], [KEY]):
        yield (
            f"key_properties of stream {name} in the catalog are ignored: the key is"
            f" {KEY}. To send another key, use __key_properties__ in stream_maps."
        )
    required = _mapping(stream.get("schema")).get("required")
    if required not in (None, [], [KEY]):
        yield (
            f"required in the schema of stream {name} in the catalog is ignored: a"
            " member may lack any field. To filter members, use require_fields."
        )


def _mapping(value: object) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise _not_a_catalog()
    return value or {}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _unreadable_metadata(stream: str) -> ConfigError:
    return ConfigError(
        f"The metadata of stream {stream} in the catalog is not a list of breadcrumbs"
        " with metadata. Create the catalog again with tap-lytics --discover."
    )


def _not_a_catalog() -> ConfigError:
    return ConfigError(
        "The catalog is not a Singer catalog. Create one with tap-lytics --discover."
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
            raise _renamed(self._slug, renamed.audience.slug)
        return renamed

    def _missing(self) -> AudienceError:
        audiences = call_interruptibly(self._client.audiences, self._shutdown)
        if self._slug in {each.slug for each in audiences}:
            return AudienceError(
                f"Lytics lists audience {self._slug} but returns no details of it. Run"
                " again later, and contact Lytics support if that does not help."
            )
        return unknown_audience(self._slug, audiences)
