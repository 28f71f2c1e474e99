"""What a SCHEMA says that matters here: the keys, the fields and their types.

Taps print schemas that no validator compiles (keywords of another draft, unknown types,
patterns that are no regular expressions), and records that contradict them. So keywords
are not read: the mapping validates the values that it reads.
"""

from __future__ import annotations

import difflib
import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .errors import InputError, RecordRejectedError, RejectCode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

TYPES: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float, Decimal}),
    "boolean": frozenset({bool}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
    "null": frozenset({type(None)}),
}
COMPOSITIONS = ("allOf", "anyOf", "oneOf")
NESTED = frozenset({"$ref", "properties", *COMPOSITIONS})
MAX_DEPTH = 30  # Of objects in objects, which only flattening reads.
MAX_NESTED = 10_000  # Fields below the first level.
MAX_PARTS = 100  # Of one composed schema.

logger = logging.getLogger("target-bigcommerce")


# Reducing a SCHEMA.


def reduce_schema(message: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a valid SCHEMA message to what matters.

    The result compares equal if nothing relevant changed, and the SDK can apply stream
    maps and flattening to it. Its schema has `properties`, each with a known `type` or
    none, and `additionalProperties` if a record can have other fields as well.
    """
    schema, keys = message["schema"], message.get("key_properties") or []
    reducer = _Reducer(schema)
    reduced: dict[str, Any] = {"type": "object", **reducer.reduce(schema, 0)}
    properties = reduced.setdefault("properties", {})
    # A tap with an unknown schema declares no properties.
    if not properties or reducer.is_open(schema):
        reduced["additionalProperties"] = True
    reduced |= {
        "type": "object",
        "properties": {**{key: {} for key in keys}, **properties},
    }
    found = {"type": "SCHEMA", "stream": message["stream"], "schema": reduced}
    return (
        found if "key_properties" not in message else {**found, "key_properties": keys}
    )


class _Reducer:
    """Reduces one schema; bounded, because references can be circular."""

    def __init__(self, root: Any) -> None:  # noqa: ANN401 - any JSON
        self._root = root
        self._nested = 0

    def reduce(self, schema: Any, depth: int) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        """Return the type and the properties of a schema, as far as they are known."""
        if isinstance(schema, dict) and not NESTED.intersection(schema):
            types = _types([schema])  # Most fields; some taps repeat their SCHEMA.
            return {"type": types} if types else {}
        parts = self._parts(schema)
        reduced: dict[str, Any] = {}
        groups = [part["properties"] for part in parts if _has_properties(part)]
        types = _types(parts)
        if types or groups:
            reduced["type"] = types or "object"
        if groups and depth < MAX_DEPTH:
            properties = {name: one for group in groups for name, one in group.items()}
            reduced["properties"] = {
                name: self.reduce(one, depth + 1)
                for name, one in properties.items()
                if self._has_room(depth)
            }
        return reduced

    def is_open(self, schema: Any) -> bool:  # noqa: ANN401 - any JSON
        """Whether a record may have fields that the schema does not name."""
        return any(
            part.get("additionalProperties") not in (None, False)
            or part.get("patternProperties")
            or ("$ref" in part and self._resolve(part["$ref"]) is None)
            for part in self._parts(schema)
        )

    def _has_room(self, depth: int) -> bool:
        self._nested += depth > 0
        return not depth or self._nested <= MAX_NESTED

    def _parts(self, schema: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - any JSON
        """List a schema, what it refers to, and the alternatives that it lists."""
        found: dict[int, Mapping[str, Any]] = {}
        waiting = [schema]
        while waiting and len(found) < MAX_PARTS:
            part = waiting.pop(0)
            if isinstance(part, dict) and id(part) not in found:
                found[id(part)] = part
                waiting.append(self._resolve(part.get("$ref")))
                for name in COMPOSITIONS:
                    listed = part.get(name)
                    waiting += listed if isinstance(listed, list) else []
        return list(found.values())

    def _resolve(self, reference: Any) -> Any:  # noqa: ANN401 - any JSON
        """Follow a reference within the document; None for any other."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        found = self._root
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None


def _has_properties(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("properties"), dict)


def _types(parts: Sequence[Mapping[str, Any]]) -> str | list[str]:
    """Return the types that the parts of a schema state; empty if any type may do."""
    stated = [_known_types(part.get("type")) for part in parts]
    if len(stated) == 1 and isinstance(parts[0].get("type"), str):
        return stated[0][0] if stated[0] else ""
    composed = [any(name in part for name in ("$ref", *COMPOSITIONS)) for part in parts]
    if any(
        not types and not more for types, more in zip(stated, composed, strict=True)
    ):
        return ""
    return list(dict.fromkeys(name for types in stated for name in types))


def _known_types(stated: Any) -> list[str]:  # noqa: ANN401 - any JSON
    listed = stated if isinstance(stated, list) else [stated]
    known = [name for name in listed if isinstance(name, str) and name in TYPES]
    return known if len(known) == len(listed) else []


# The schema of a stream.


class StreamSchema:
    """The SCHEMA of one stream, to check the settings and the records' keys.

    Args:
        stream: the stream.
        schema: the reduced schema, after the stream maps.
        keys: the key properties.
    """

    def __init__(
        self, stream: str, schema: Mapping[str, Any], keys: Sequence[str]
    ) -> None:
        self._stream = stream
        self._properties: Mapping[str, Any] = schema.get("properties") or {}
        self._is_open = not self._properties or bool(schema.get("additionalProperties"))
        self._keys = keys
        self._watched: dict[str, frozenset[type]] = {}

    def relevant_to(self, paths: Iterable[str]) -> tuple[object, ...]:
        """Return what matters to a mapping that reads these paths, for comparison."""
        names = {path: self._heads(path) for path in paths}
        return (
            self._is_open,
            tuple(self._keys),
            names,
            {
                name: self._properties[name].get("type")
                for heads in names.values()
                for name in heads
            },
        )

    def member_key(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the record's key values as texts."""
        return tuple(str(record.get(key)) for key in self._keys)

    def check_keys(self, record: Mapping[str, Any]) -> None:
        """Check that a record has its keys.

        Raises:
            RecordRejectedError: when it lacks one.
        """
        for key in self._keys:
            if key not in record:
                reason = f"the record lacks its key {key}"
                raise RecordRejectedError(RejectCode.MISSING_KEY, reason)

    def watch(self, paths: Iterable[str], *, computed: Collection[str]) -> None:
        """Watch the types of the fields that a mapping reads.

        Args:
            paths: dotted paths of the fields.
            computed: fields whose type the SCHEMA does not know, as an expression of a
                stream map computes them.
        """
        for path in paths:
            for name in self._heads(path):
                types = _known_types(self._types_of(name))
                if types and name not in computed:
                    allowed = (TYPES[each] for each in ("null", *types))
                    self._watched[name] = frozenset().union(*allowed)

    def contradictions(self, record: Mapping[str, Any]) -> Iterator[str]:
        """Describe watched fields whose values contradict the SCHEMA, each once."""
        odd = [
            name
            for name, types in self._watched.items()
            if type(record.get(name)) not in types
        ]
        for name in odd:
            value, stated = record[name], self._types_of(name)
            if int in self._watched[name] and _is_whole(value):
                continue
            del self._watched[name]
            types = stated if isinstance(stated, str) else " or ".join(stated)
            yield (
                f"Field {name} of stream {self._stream} has a value of type"
                f" {_type_name(value)}, but its SCHEMA says {types}. Such values are"
                " written if the mapping can read them. Correct the tap's schema."
            )

    def check_id_field(self, id_field: str, *, on_missing_id: str) -> None:
        """Warn if the SCHEMA does not declare the id field.

        Raises:
            InputError: when every record would be skipped; suggests similar fields.
        """
        if self._heads(id_field):
            return
        close = self._similar(id_field, cutoff=0.4)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        problem = f"Stream {self._stream} has no field {id_field!r}, named by id_field"
        if on_missing_id == "skip" and not self._is_open:
            raise InputError(
                f"{problem}.{hint} If the stream is not of customers, deselect it in"
                f" the tap, or leave it out with stream_maps: {{{self._stream}: null}}."
            )
        logger.warning(
            "%s, in its SCHEMA. on_missing_id (%s) applies to records without it.%s",
            problem,
            on_missing_id,
            hint,
        )

    def warn_about_missing(self, sources: Iterable[str]) -> None:
        """Warn about mapped fields that the stream does not have."""
        paths = [] if self._is_open else list(sources)
        missing = [path for path in paths if not self._heads(path)]
        if missing:
            similar = ((path, self._similar(path)) for path in missing)
            logger.warning(
                "Stream %s has no field %s, named in the mapping: nothing is written"
                " for it.",
                self._stream,
                ", ".join(
                    f"{path} (did you mean {close[0]}?)" if close else path
                    for path, close in similar
                ),
            )
        for path in set(paths).difference(missing):
            if head := self._list_in(path):
                logger.warning(
                    "%s is a list in stream %s, so the path %s of the mapping leads"
                    " nowhere, and nothing is written for it. Define a field in"
                    " stream_maps that picks an item of the list, and name that field.",
                    head,
                    self._stream,
                    path,
                )

    def _similar(self, path: str, *, cutoff: float = 0.6) -> list[str]:
        """Return the three fields with the most similar names."""
        names = {name.lower(): name for name in self._properties}
        close = difflib.get_close_matches(path.lower(), names, n=3, cutoff=cutoff)
        return [names[each] for each in close]

    def _list_in(self, path: str) -> str | None:
        """Return the part of a path that the SCHEMA declares as a list, if any."""
        for head in self._heads(path):
            if head != path and "array" in _known_types(self._types_of(head)):
                return head
        return None

    def _types_of(self, name: str) -> Any:  # noqa: ANN401 - any JSON
        return self._properties[name].get("type")

    def _heads(self, path: str) -> list[str]:
        """List the declared fields from which a path can be read."""
        steps = path.split(".")
        heads = (".".join(steps[:count]) for count in range(1, len(steps) + 1))
        return [head for head in heads if head in self._properties]


def _is_whole(value: Any) -> bool:  # noqa: ANN401 - any JSON
    is_fraction = isinstance(value, float | Decimal)
    return is_fraction and value == value and abs(value) < 2**63 and value % 1 == 0  # noqa: PLR0124 - NaN


def _type_name(value: Any) -> str:  # noqa: ANN401 - any JSON
    names = (name for name, types in TYPES.items() if type(value) in types)
    return next(names, type(value).__name__)
