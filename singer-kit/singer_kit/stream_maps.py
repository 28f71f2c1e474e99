"""The SDK's stream maps: one-line errors, likely mistakes, and records of exits.

The expressions are written by users and can raise any exception.

Uses a private name of the SDK: `CustomStreamMap._eval`, because there is no public hook
around the evaluation of one expression.
"""

from __future__ import annotations

import ast
import difflib
import fnmatch
import re
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from singer_sdk.mapper import CustomStreamMap, RemoveRecordTransform

from .errors import ConfigError, PluginError, StreamMapError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from singer_sdk.mapper import StreamMap

DELETED_AT = "_sdc_deleted_at"
NULLS = (None, "__NULL__")
FILTER = "__filter__"
OPTIONS = ("__alias__", "__else__", FILTER, "__key_properties__", "__source__")
# Names that the SDK gives every expression, beside the fields of the record.
RECORD_NAMES = frozenset({"_", "record"})
RESERVED = RECORD_NAMES | {
    *("config", "self", "fake", "__stream_name__", "__original_stream_name__"),
    *("md5", "sha256", "datetime", "bool", "json"),
    *("float", "int", "rand", "randint", "str"),
}
# Texts of the SDK's errors about keys. Its other texts quote expressions.
REMOVED_KEY = re.compile(r"Removing key property '(?P<key>[^']*)' is not permitted")
LOST_KEY = re.compile(r"Invalid key properties .* Property '(?P<key>[^']*)' was not")
# Class names of an expression's error, a part of its text (of types, never of data),
# and what to do.
EXPRESSION_FIXES = (
    (
        {"TypeError", "AttributeError"},
        "NoneType",
        (
            "A field is null there: give it a value for that case, as in (amount or 0)"
            " or (company or '')."
        ),
    ),
    (
        {"TypeError"},
        "decimal.Decimal",
        (
            "Numbers with a fraction are decimals: convert one before calculating, as"
            " in float(ltv) * 1.2."
        ),
    ),
    (
        {"TypeError"},
        "'str'",
        (
            "A text meets another type there: convert one of them, as in"
            " float(ltv) * 1.2 or first_name + str(number)."
        ),
    ),
    (
        {"TypeError"},
        '"',
        "A text is joined with another type: convert it, as in company + str(number).",
    ),
    (
        {"FunctionNotDefined"},
        "",
        (
            "It calls a function that stream maps do not have. They have int, float,"
            " str, bool, md5, sha256, datetime and json."
        ),
    ),
    (
        {"NameNotDefined", "KeyError", "AttributeDoesNotExist", "IndexError"},
        "",
        (
            "What it uses is absent or null there: use record.get('company') or ''. A"
            " text needs quotes of its own, as in \"'lytics'\"."
        ),
    ),
    (
        {"ValueError"},
        "",
        (
            "A text cannot be converted there: test it first, as in int(number) if"
            " number.isdigit() else None."
        ),
    ),
    (
        {"ZeroDivisionError", "DivisionByZero", "DivisionUndefined"},
        "",
        "It divides by 0 there: test for it, as in total / orders if orders else 0.",
    ),
)
SIMILAR = 0.8  # The ratio of difflib for `emial` and `email`.


@contextmanager
def checked_stream_maps(stream: str | None = None) -> Iterator[None]:
    """Turn an error that the SDK raises while it reads stream_maps into one line.

    Args:
        stream: named in the error, if maps are read for a single stream.

    Raises:
        ConfigError: quotes no expression, because one can contain a secret.
    """
    try:
        yield
    except PluginError:
        raise
    except Exception as error:  # noqa: BLE001 - an expression can raise anything
        where = "" if stream is None else f" for stream {stream}"
        raise ConfigError(
            f"stream_maps cannot be used{where} ({type(error).__name__}):"
            f" {_definition_problem(error)}"
        ) from None


def apply_stream_map(
    stream_map: StreamMap, record: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Map a copy of a record; return None if the map filters it out.

    Raises:
        StreamMapError: when an expression fails on this record.
    """
    try:
        return stream_map.transform(dict(record))
    except Exception as error:  # noqa: BLE001 - an expression can raise anything
        cause = error.__cause__ or error
        kind = type(cause).__name__
        fix = _expression_fix(cause)
        raise StreamMapError(stream_map.stream_alias, kind, fix=fix) from None


def _definition_problem(error: Exception) -> str:
    """Say what is wrong in stream_maps, by the SDK's error, and what to do."""
    text = str(error)
    if removed := REMOVED_KEY.match(text):
        key = removed["key"]
        return (
            f'it removes the key {key}. Keep it ("{key}": "{key}") or, to rename it,'
            f' name the new field in "__key_properties__", as in {{"member": "{key}",'
            f' "{key}": null, "__key_properties__": ["member"]}}.'
        )
    if lost := LOST_KEY.match(text):
        key = lost["key"]
        return (
            f'the key {key} is no field of its result. Keep it ("{key}": "{key}"), or'
            ' name another field in "__key_properties__".'
        )
    if isinstance(error.__cause__, SyntaxError | IndexError):
        return (
            "an expression is not valid Python. A text needs quotes of its own, as in"
            ' {"source": "\'lytics\'"}, and a field with a blank or a dot is written'
            " record['my field']."
        )
    return (
        "an entry is not a valid expression, or does not have a form that the SDK"
        " documents. A field is mapped by a text with an expression, or removed by"
        " null; a stream by an object, or removed by null."
    )


def _expression_fix(error: BaseException) -> str:
    """Say how to correct an expression that raised an error."""
    names = {each.__name__ for each in type(error).__mro__}
    for kinds, part, fix in EXPRESSION_FIXES:
        if names & kinds and part in str(error):
            return fix
    return "Correct it; remember that a field can be null or absent."


def kept_stream_maps(stream_maps: Iterable[StreamMap]) -> list[StreamMap]:
    """Return the stream maps without those that remove their stream."""
    return [each for each in stream_maps if not isinstance(each, RemoveRecordTransform)]


def passes_unchanged(
    stream_map: StreamMap, name: str, config: Mapping[str, Any]
) -> bool:
    """Whether a stream map certainly passes on a field's value as it is.

    Args:
        stream_map: the map.
        name: the field.
        config: the setting `stream_maps`. A definition for any stream counts, as those
            with patterns and aliases cannot be assigned to a map.
    """
    known = {
        *(stream_map.transformed_schema.get("properties") or ()),
        *(stream_map.transformed_key_properties or ()),
    }
    definitions = [each for each in config.values() if isinstance(each, dict)]
    is_same = all(each.get(name, name) == name for each in definitions)
    return name in known and is_same


# Records of members who left.


def apply_to_exit(
    stream_map: StreamMap, record: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Map the record of a member who left, which lacks most fields.

    A field that the record lacks is null in an expression. If the result is null, or
    the expression fails, it is left out. A filter that uses such a field keeps the
    record, unless it also uses `_sdc_deleted_at`.

    Returns:
        The mapped record; None if the map filters it out.
    """
    if not isinstance(stream_map, CustomStreamMap):
        return apply_stream_map(stream_map, record)
    evaluation = _ExitEvaluation(stream_map)
    vars(stream_map)["_eval"] = evaluation.evaluate
    try:
        mapped = apply_stream_map(stream_map, record)
    finally:
        del vars(stream_map)["_eval"]
    if mapped is None:
        return None
    absent = evaluation.nulls - record.keys()
    return {name: value for name, value in mapped.items() if name not in absent}


class _ExitEvaluation:
    """Evaluates the expressions of a stream map on a record that lacks fields."""

    def __init__(self, stream_map: CustomStreamMap) -> None:
        self._evaluate = stream_map._eval  # noqa: SLF001 - see the module
        self.nulls: set[str] = set()  # Properties whose expression has no value.

    def evaluate(
        self,
        expr: str,
        expr_parsed: ast.Expr,
        record: Mapping[str, Any],
        property_name: str | None,
    ) -> Any:  # noqa: ANN401 - whatever the expression returns
        names = names_in(expr)
        missing = names - record.keys()
        filler = {*missing, *([property_name] if property_name else [])}
        values = _WithNulls({**dict.fromkeys(filler), **record})
        try:
            result: Any = self._evaluate(expr, expr_parsed, values, property_name)
        except Exception:  # noqa: BLE001 - an expression can raise anything
            result = None
            missing = missing or names
        if property_name is None:
            return result or (bool(missing) and DELETED_AT not in names)
        if result is None:
            self.nulls.add(property_name)
        return result


class _WithNulls(dict[str, Any]):
    """A record in which any other field is null."""

    def __missing__(self, name: str) -> None:
        return None


@lru_cache(maxsize=1024)
def names_in(expression: str) -> frozenset[str]:
    """Return the names of the fields that an expression uses."""
    try:
        nodes = list(ast.walk(ast.parse(expression)))
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    used = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    items = {item for item in map(_item_of_record, nodes) if item}
    return frozenset(used - bound - RESERVED | items)


def _item_of_record(node: ast.AST) -> str:
    """Return the field in `record["field"]` or `record.get("field")`; else empty."""
    key: ast.AST | None = None
    of: ast.AST | None = None
    if isinstance(node, ast.Subscript):
        of, key = node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        is_get = node.func.attr == "get" and node.args
        of, key = (node.func.value, node.args[0]) if is_get else (None, None)
    is_record = isinstance(of, ast.Name) and of.id in RECORD_NAMES
    name = key.value if isinstance(key, ast.Constant) else None
    return name if is_record and isinstance(name, str) else ""


# Likely mistakes.


@dataclass(frozen=True, slots=True, kw_only=True)
class MapDefinition:
    """An entry of `stream_maps`.

    `source` is the stream or the pattern of streams that it applies to, `is_primary`
    whether it replaces the stream rather than deriving another from it. `properties`
    maps a field to its expression, None if it is removed. The SDK excludes the other
    fields unless `keeps_others`.
    """

    source: str
    is_primary: bool
    removes_stream: bool
    properties: Mapping[str, str | None]
    options: Mapping[str, Any]

    @property
    def is_pattern(self) -> bool:
        """Whether it may apply to several streams."""
        return any(character in self.source for character in "*?[")

    @property
    def keeps_others(self) -> bool:
        """Whether fields that it does not name are kept."""
        return "__else__" not in self.options

    @property
    def expressions(self) -> dict[str, str]:
        """The expressions, by the field or option that they define."""
        found = {name: text for name, text in self.properties.items() if text}
        filtered = self.options.get(FILTER)
        return {**found, FILTER: filtered} if isinstance(filtered, str) else found

    def uses(self, field: str) -> bool:
        """Whether another property is made from a field."""
        return any(
            field in names_in(text)
            for name, text in self.properties.items()
            if text and name != field
        )

    @property
    def keeps_mark(self) -> bool:
        """Whether an exit stays one, although `__else__` excludes `_sdc_deleted_at`.

        The mark is no field of the record, like the key, which the SDK keeps. A map
        that names or uses it decides itself.
        """
        is_named = DELETED_AT in self.properties or self.uses(DELETED_AT)
        return not self.keeps_others and not is_named

    def applies_to(self, stream: str) -> bool:
        """Whether it applies to a stream."""
        return stream == self.source or fnmatch.fnmatch(stream, self.source)


def map_definitions(stream_maps: Mapping[str, Any]) -> list[MapDefinition]:
    """Read the setting `stream_maps`; entries that the SDK rejects are skipped."""
    return [
        _to_definition(name, entry)
        for name, entry in stream_maps.items()
        if not name.startswith("__") and (isinstance(entry, dict) or entry in NULLS)
    ]


def definitions_for(
    stream_maps: Mapping[str, Any], stream: str
) -> list[MapDefinition | None]:
    """Return the definitions of a stream's maps in the SDK's order.

    The first is that of the stream itself, None without one.
    """
    found = [each for each in map_definitions(stream_maps) if each.applies_to(stream)]
    primary = [each for each in found if each.is_primary]
    derived = [each for each in found if not each.is_primary]
    return [primary[-1] if primary else None, *derived]


def unknown_stream_warnings(
    stream_maps: Mapping[str, Any], streams: Collection[str]
) -> list[str]:
    """List entries of `stream_maps` that apply to none of the streams."""
    lines = []
    for each in map_definitions(stream_maps):
        if not any(each.applies_to(stream) for stream in streams):
            what = "matches no stream" if each.is_pattern else "is no stream"
            lines.append(
                f"stream_maps has an entry for {each.source}, which {what} of this run,"
                f" so it has no effect.{_suggestion(each.source, streams)}"
            )
    return lines


def unknown_field_warnings(
    stream_maps: Mapping[str, Any], stream: str, fields: Collection[str]
) -> list[str]:
    """List the fields that `stream_maps` expects and a stream does not have.

    A misspelt field that a map should remove is sent.

    Args:
        stream_maps: the setting.
        stream: the name of the stream.
        fields: all its fields.
    """
    known = {*fields, DELETED_AT}
    lines: list[str] = []
    for each in definitions_for(stream_maps, stream):
        if each:
            lines += _unknown_options(each, stream, known)
            lines += _unknown_removals(each, stream, known)
            lines += _unknown_sources(each, stream, known)
            lines += _similar_names(each, stream, known)
    return list(dict.fromkeys(lines))


def _to_definition(name: str, given: Mapping[str, Any] | str | None) -> MapDefinition:
    entry = given if isinstance(given, dict) else {}
    source = entry.get("__source__")
    properties = {
        key: None if value in NULLS else value
        for key, value in entry.items()
        if key not in OPTIONS and (value in NULLS or isinstance(value, str))
    }
    return MapDefinition(
        source=source if isinstance(source, str) else name,
        is_primary=source is None,
        removes_stream=given in NULLS,
        properties=properties,
        options={key: value for key, value in entry.items() if key in OPTIONS},
    )


def _unknown_options(
    each: MapDefinition, stream: str, known: Collection[str]
) -> Iterator[str]:
    for name in each.properties:
        if name.startswith("__") and name not in known:
            yield (
                f"stream_maps has the unknown option {name} for stream {stream}, which"
                f" is read as a field.{_suggestion(name, OPTIONS)}"
            )


def _unknown_removals(
    each: MapDefinition, stream: str, known: Collection[str]
) -> Iterator[str]:
    for name, expression in each.properties.items():
        hint = _suggestion(name, known)
        is_known = name in known or name.startswith("__")
        if expression is None and not is_known and (hint or not each.is_pattern):
            yield (
                f"stream_maps removes field {name} from stream {stream}, which has no"
                f" such field, so nothing is removed.{hint}"
            )


def _unknown_sources(
    each: MapDefinition, stream: str, known: Collection[str]
) -> Iterator[str]:
    for target, expression in each.expressions.items():
        for name in sorted(names_in(expression) - set(known)):
            yield (
                f"stream_maps uses field {name} for {target} of stream {stream}, which"
                f" has no such field.{_suggestion(name, known)}"
            )


def _similar_names(
    each: MapDefinition, stream: str, known: Collection[str]
) -> Iterator[str]:
    """Find fields that an expression perhaps replaces under a misspelt name."""
    for name, expression in each.properties.items():
        if expression is None or name in known or not each.keeps_others:
            continue
        close = _closest(name, known, cutoff=SIMILAR)
        is_plural = f"{name}s" == close or name == f"{close}s"
        if close and not is_plural and close not in each.properties:
            yield (
                f"stream_maps adds field {name} to stream {stream}, and field {close}"
                f" is sent as it is. If {close} was meant, correct the name."
            )


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = _closest(name, known)
    return f" Did you mean {close}?" if close else ""


def _closest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    lowered = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=cutoff)
    return lowered[close[0]] if close else ""
