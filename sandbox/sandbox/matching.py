"""From a parsed filter to a test of one person, and to those worth testing."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from .clock import DAY, NANOS
from .fields import BASE
from .filterql import Compare, Exists, FilterError, Group, Include, Node, Not
from .population import BUILT_IN_VALUES, Population

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
SEEDED_UNTIL = (BASE + 301 * DAY) * NANOS
ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d))?(\.\d+)?(Z|[+-]\d\d:\d\d)?"
)


def to_nanos(text: str, now: float) -> int:
    """Read a date of a filter or a profile: ISO 8601, or `now-24h`."""
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
    """A filter over a population at a moment."""

    def __init__(self, node: Node, population: Population, now: float) -> None:
        self._population = population
        self._now = now
        self.test = self._test(node)
        self._changed_only = self._needs_change(node)
        self._audience = self._whole_audience(node)

    def found(self, position: int | None) -> Iterator[tuple[int, int]]:
        """Give (position, index) of all who match behind a position."""
        order = self._population.order
        # Seeded profiles changed long ago: only those touched since can match.
        candidates = (
            order.among(self._population.modified, position)
            if self._changed_only
            else order.after(position)
        )
        return ((at, index) for at, index in candidates if self.test(index))

    @property
    def is_cheap(self) -> bool:
        """Counting needs no look at everybody."""
        return self._changed_only or self._audience is not None

    def count(self) -> int:
        """Count who matches; at once for a saved audience alone."""
        if self._audience is not None:
            return self._population.audiences[self._audience].size
        return sum(1 for _ in self.found(None))

    def _test(self, node: Node) -> Test:
        if isinstance(node, Group):
            tests = [self._test(part) for part in node.parts]
            return _all(tests) if node.all else _any(tests)
        if isinstance(node, Not):
            inner = self._test(node.part)
            return lambda index: not inner(index)
        if isinstance(node, Include):
            audience = self._population.audiences[self._slug(node.audience)]
            return _nobody if audience.invalid_reason else audience.__contains__
        return self._field_test(node)

    def _field_test(self, node: Node) -> Test:
        if isinstance(node, Exists):
            name = self._field(node.field)
            return lambda index: self._population.knows(index, name)
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

    def _slug(self, name: str) -> str:
        audiences = self._population.audiences
        if name in audiences:
            return name
        if self._population.options.include_by_id:
            for slug, audience in audiences.items():
                if audience.id == name:
                    return slug
        raise FilterError(f"no audience {name!r} to include")

    def _whole_audience(self, node: Node) -> str | None:
        return self._slug(node.audience) if isinstance(node, Include) else None

    def _needs_change(self, node: Node) -> bool:
        if isinstance(node, Group):
            return node.all and any(self._needs_change(part) for part in node.parts)
        if not isinstance(node, Compare) or node.field != "_modified":
            return False
        late = to_nanos(str(node.literal), self._now) >= SEEDED_UNTIL
        return late and node.sign in {"=", ">", ">="}


def _nobody(_: int) -> bool:
    return False


def _all(tests: list[Test]) -> Test:
    return lambda index: all(test(index) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda index: any(test(index) for test in tests)


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # a ValueError tells
    except (TypeError, ValueError):
        return float("nan")
