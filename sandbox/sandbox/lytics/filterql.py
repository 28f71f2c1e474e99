"""FilterQL, the subset the sandbox supports: parsing, and matching profiles.

Supported are AND, OR, NOT, INCLUDE, EXISTS, `*` and comparisons; anything else is
an error.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sandbox.clock import DAY, NANOS
from sandbox.people import SEEDED_AT

from .population import BUILT_IN_VALUES, Population

WORDS = frozenset({"FILTER", "FROM", "AND", "OR", "NOT", "INCLUDE", "EXISTS"})
TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<quoted>`[^`]+`)
    | (?P<number>-?\d+(?:\.\d+)?)(?![A-Za-z0-9_])
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign><=|>=|!=|==|=|<|>|\(|\)|,|\*)
    )""",
    re.VERBOSE,
)
COMPARISONS = frozenset({"=", "==", "!=", "<", "<=", ">", ">="})


class FilterError(ValueError):
    """The filter is not valid; the API responds 400 with this text."""


@dataclass(frozen=True, slots=True)
class Everyone:
    """`*`: matches every person."""


@dataclass(frozen=True, slots=True)
class Include:
    """The person is a member of a saved audience, named by slug or id.

    `is_path` is whether a path names it, not a filter.
    """

    audience: str
    is_path: bool = False


@dataclass(frozen=True, slots=True)
class Exists:
    """The profile has a value for the field."""

    field: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A field compared with a literal: text or a number."""

    field: str
    sign: str
    literal: str | float


@dataclass(frozen=True, slots=True)
class Not:
    """Matches if its part does not."""

    part: Node


@dataclass(frozen=True, slots=True)
class Group:
    """All of the parts match, or any of them."""

    all: bool
    parts: tuple[Node, ...]


Node = Everyone | Include | Exists | Compare | Not | Group
Token = tuple[Literal["text", "quoted", "number", "name", "sign", "end"], str]


def parse(text: str) -> Node:
    """Parse `FILTER <condition> [FROM user]`; raises FilterError."""
    return _Parser(_tokens(text)).statement()


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise FilterError(f"could not parse filter near position {at}")
        found.append((match.lastgroup, match[match.lastgroup]))  # type: ignore[arg-type]  # the groups have the literals' names
        at = match.end()
    return [*found, ("end", "")]


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def statement(self) -> Node:
        self._expect("FILTER")
        node = self._condition()
        if self._word() == "FROM":
            self._next()
            if self._name() != "user":
                raise FilterError("only the table user can be filtered")
        if self._tokens[self._at][0] != "end":
            raise FilterError(f"unexpected {self._tokens[self._at][1]!r} in filter")
        return node

    def _condition(self) -> Node:
        word = self._word()
        if word in {"AND", "OR"}:
            self._next()
            return Group(word == "AND", self._parts())
        if word == "NOT":
            self._next()
            return Not(self._condition())
        if word in {"INCLUDE", "EXISTS"}:
            self._next()
            return (Include if word == "INCLUDE" else Exists)(self._name())
        return self._comparison()

    def _parts(self) -> tuple[Node, ...]:
        self._expect("(")
        parts = [self._condition()]
        while self._tokens[self._at] == ("sign", ","):
            self._next()
            parts.append(self._condition())
        self._expect(")")
        return tuple(parts)

    def _comparison(self) -> Node:
        if self._tokens[self._at] == ("sign", "*"):
            self._next()
            return Everyone()
        field = self._name()
        kind, sign = self._next()
        if kind != "sign" or sign not in COMPARISONS:
            raise FilterError(f"expected a comparison after {field!r}, got {sign!r}")
        return Compare(field, "=" if sign == "==" else sign, self._literal())

    def _literal(self) -> str | float:
        kind, text = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "number":
            return float(text)
        if kind == "name" and text in {"true", "false"}:
            return text
        raise FilterError(f"expected a value, got {text!r}")

    def _name(self) -> str:
        kind, text = self._next()
        if kind == "quoted":
            return text[1:-1]
        if kind == "name" and text.upper() not in WORDS:
            return text
        raise FilterError(f"expected a name, got {text!r}")

    def _word(self) -> str:
        kind, text = self._tokens[self._at]
        return text.upper() if kind == "name" and text.upper() in WORDS else ""

    def _next(self) -> Token:
        token = self._tokens[self._at]
        if token[0] == "end":
            raise FilterError("the filter ends too early")
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        if self._next()[1].upper() != text:
            raise FilterError(f"expected {text!r} in filter")


Test = Callable[[int], bool]
SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
DATES = frozenset({"date", "time", "datetime"})
UNITS = {"h": 3600, "d": DAY, "w": 7 * DAY, "M": 30 * DAY, "y": 365 * DAY}
SEEDED_UNTIL = (SEEDED_AT + 301 * DAY) * NANOS  # No seeded profile changed later.
ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d))?(\.\d+)?(Z|[+-]\d\d:\d\d)?"
)


def to_nanos(text: str, now: float) -> int:
    """Convert a date of a filter or a profile: ISO 8601, or `now-24h`."""
    match = ISO.fullmatch(text)
    if match:
        day, time, fraction, zone = match.groups()
        plain = f"{day}T{time or '00:00:00'}{(zone or 'Z').replace('Z', '+00:00')}"
        try:
            whole = int(datetime.fromisoformat(plain).timestamp())
        except ValueError as error:
            raise FilterError(f"not a date: {text!r}") from error
        return whole * NANOS + int((fraction or ".0")[1:10].ljust(9, "0"))
    match = re.fullmatch(r"now(?:-(\d+)([hdwMy]))?", text)
    if not match:
        raise FilterError(f"not a date: {text!r}")
    back = int(match[1]) * UNITS[match[2]] if match[1] else 0
    return round((now - back) * NANOS)


class Matcher:
    """A parsed filter applied to a population, with `now` in seconds since 1970.

    `splits` are those whose profiles can match; None: all profiles.
    """

    def __init__(
        self,
        node: Node,
        population: Population,
        now: float,
        splits: Container[int] | None = None,
    ) -> None:
        self._population = population
        self._now = now
        self.test = self._test(node)
        self._changed_only = self._needs_change(node)
        self._audience = self._whole_audience(node)
        self._part = None if splits is None else population.in_splits(splits)

    def found(self, position: int | None) -> Iterator[tuple[int, int]]:
        """Yield (position, index) of all matches after a position."""
        order = self._population.order
        # Seeded profiles changed long ago: only profiles changed since can match.
        candidates = (
            order.among(self._population.modified, position)
            if self._changed_only
            else order.after(position)
        )
        part = self._part
        if part is not None:
            candidates = (each for each in candidates if part[each[1]])
        return ((at, index) for at, index in candidates if self.test(index))

    @property
    def is_cheap(self) -> bool:
        """Whether counting avoids testing every person."""
        return self._changed_only or self._audience is not None

    def count(self) -> int:
        """Count the matches."""
        if self._audience is not None:
            audience = self._population.audiences[self._audience]
            return audience.size if self._part is None else audience.count(self._part)
        return sum(1 for _ in self.found(None))

    def _test(self, node: Node) -> Test:
        if isinstance(node, Group):
            tests = [self._test(part) for part in node.parts]
            return _all(tests) if node.all else _any(tests)
        if isinstance(node, Not):
            inner = self._test(node.part)
            return lambda index: not inner(index)
        if isinstance(node, Include):
            audience = self._population.audiences[self._slug(node)]
            return _no_one if audience.invalid_reason else audience.__contains__
        return self._field_test(node)

    def _field_test(self, node: Node) -> Test:
        if isinstance(node, Exists):
            name = self._field(node.field)
            return lambda index: self._population.has_value(index, name)
        if isinstance(node, Compare):
            return self._compare(node)
        return lambda _: True

    def _compare(self, node: Compare) -> Test:
        name, compare = self._field(node.field), SIGNS[node.sign]
        if name == "_modified":
            at = to_nanos(str(node.literal), self._now)
            return lambda index: compare(self._population.modified_at(index), at)
        read = self._reader(name, node)
        literal = read(node.literal)

        def test(index: int) -> bool:
            value = self._population.value(index, name)
            if value is None:
                return node.sign == "!="
            return compare(read(value), literal)

        return test

    def _reader(self, name: str, node: Compare) -> Callable[[Any], Any]:
        field = self._population.fields.get(name)
        if name == "_created" or (field and field.type in DATES):
            return lambda value: to_nanos(str(value), self._now)
        if isinstance(node.literal, float):
            return _number
        if field and field.type == "bool":
            return lambda value: str(value)[:1].lower()
        return str

    def _field(self, name: str) -> str:
        population = self._population
        known = name in population.fields or name in BUILT_IN_VALUES
        if name == "_split" and not population.options.split_is_filterable:
            known = False
        if not known and population.options.unknown_fields_refused:
            raise FilterError(f"unknown field {name!r}")
        return name

    def _slug(self, node: Include) -> str:
        audiences, name = self._population.audiences, node.audience
        if name in audiences:
            return name
        if node.is_path or self._population.options.include_by_id:
            for slug, audience in audiences.items():
                if audience.id == name:
                    return slug
        raise FilterError(f"no audience {name!r} to include")

    def _whole_audience(self, node: Node) -> str | None:
        return self._slug(node) if isinstance(node, Include) else None

    def _needs_change(self, node: Node) -> bool:
        if isinstance(node, Group):
            return node.all and any(self._needs_change(part) for part in node.parts)
        if not isinstance(node, Compare) or node.field != "_modified":
            return False
        late = to_nanos(str(node.literal), self._now) >= SEEDED_UNTIL
        return late and node.sign in {"=", ">", ">="}


def _no_one(_: int) -> bool:
    return False


def _all(tests: list[Test]) -> Test:
    return lambda index: all(test(index) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda index: any(test(index) for test in tests)


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # other types raise TypeError
    except (TypeError, ValueError):
        return float("nan")
