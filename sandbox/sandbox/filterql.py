"""The subset of FilterQL that the account understands, read into a tree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

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
    """The account answers 400 with this text."""


@dataclass(frozen=True, slots=True)
class Everybody:
    """`*`: no condition."""


@dataclass(frozen=True, slots=True)
class Include:
    """Membership of a saved audience, by slug or id."""

    audience: str


@dataclass(frozen=True, slots=True)
class Exists:
    """The profile has a value for the field."""

    field: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A field against a literal: text, or a number."""

    field: str
    sign: str
    literal: str | float


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Node


@dataclass(frozen=True, slots=True)
class Group:
    """All of the parts, or any of them."""

    all: bool
    parts: tuple[Node, ...]


Node = Everybody | Include | Exists | Compare | Not | Group
Token = tuple[Literal["text", "quoted", "number", "name", "sign", "end"], str]


def parse(text: str) -> Node:
    """Read `FILTER <condition> [FROM user]`; anything else is refused."""
    return _Parser(_tokens(text)).statement()


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise FilterError(f"could not parse filter near position {at}")
        found.append((match.lastgroup, match[match.lastgroup]))  # type: ignore[arg-type]  # the groups are named after the literals
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
            return Everybody()
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
