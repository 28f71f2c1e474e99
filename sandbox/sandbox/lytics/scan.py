"""Scans: pages of matching profiles, their tokens and totals."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from .filterql import Matcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.clock import Clock
    from sandbox.options import Options

    from .filterql import Node
    from .population import Population

REMEMBERED = 100  # Scans whose snapshot or cursor is kept.
STALE = "invalid start token"


class StaleTokenError(Exception):
    """The token is unknown, belongs to another scan, or has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a scan returns: the matches of a filter, of some splits or of all.

    `name` is the filter's text or names the audience.
    """

    name: str
    node: Node
    splits: frozenset[int] | None = None

    @property
    def key(self) -> str:
        """What a token of the scan belongs to."""
        if self.splits is None:
            return self.name
        return f"{self.name} splits {sorted(self.splits)}"


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The content of a token: the scan, the last position, when the scan started."""

    scan: str
    number: int
    position: int | None
    at: float
    total: int
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class Page:
    """One page; `token` is None on the last one."""

    members: list[dict[str, Any]]
    total: int
    token: str | None


@dataclass(slots=True)
class Scans:
    """The scans in progress over one population."""

    options: Options
    population: Population
    clock: Clock
    _number: int = 0
    _snapshots: dict[int, Population] = field(default_factory=dict)
    _cursors: dict[int, Cursor] = field(default_factory=dict)
    _totals: dict[tuple[str, int], int] = field(default_factory=dict)

    def page(
        self,
        scan: Scan,
        token: str,
        limit: int,
        fields: Sequence[str] | None,
    ) -> Page:
        """Read one page of a scan.

        Raises:
            StaleTokenError: if the token is not from this scan, or has expired.
            FilterError: if the filter names an unknown field or audience.
        """
        key = scan.key
        cursor = self._resume(key, token) if token else self._begin(key)
        people = self._snapshots.get(cursor.number, self.population)
        matcher = Matcher(scan.node, people, self.clock.now(), scan.splits)
        total = self._total(key, matcher, people)
        if cursor.ended and self.options.scan_end == "empty_page":
            return Page(members=[], total=total, token=None)
        found = list(islice(matcher.found(cursor.position), limit + 1))
        last = found[:limit][-1][0] if found else cursor.position
        after = Cursor(key, cursor.number, last, cursor.at, total)
        return Page(
            members=[people.profile(index, fields) for _, index in found[:limit]],
            total=total,
            token=self._token(cursor, after, more=len(found) > limit),
        )

    def _begin(self, key: str) -> Cursor:
        self._number += 1
        if self.options.scan_is_snapshot:
            self._snapshots[self._number] = self.population.snapshot()
            self._snapshots.pop(self._number - REMEMBERED, None)
        self._cursors.pop(self._number - REMEMBERED, None)
        return Cursor(key, self._number, None, self.clock.now(), -1)

    def _resume(self, key: str, token: str) -> Cursor:
        try:
            cursor = msgspec.json.decode(base64.urlsafe_b64decode(token), type=Cursor)
        except ValueError as error:
            raise StaleTokenError(STALE) from error
        oldest = self.clock.now() - (self.options.token_seconds or float("inf"))
        if cursor.scan != key or cursor.at < oldest:
            raise StaleTokenError(STALE)
        if self.options.scan_is_snapshot and cursor.number not in self._snapshots:
            raise StaleTokenError(STALE)
        return self._cursors.get(cursor.number, cursor)

    def _token(self, before: Cursor, after: Cursor, *, more: bool) -> str | None:
        end = self.options.scan_end
        if not more and end in {"empty", "missing"}:
            return None
        if not more:
            ended = msgspec.structs.replace(before, ended=True, total=after.total)
            after = (
                ended if end == "repeat" else msgspec.structs.replace(after, ended=True)
            )
        if not self.options.same_token:
            return _encode(after)
        self._cursors[after.number] = after
        return _encode(Cursor(after.scan, after.number, None, after.at, 0))

    def _total(self, key: str, matcher: Matcher, people: Population) -> int:
        if matcher.is_cheap or "now" in key:
            return matcher.count()
        version = (key, people.version)
        if version not in self._totals:
            if len(self._totals) >= REMEMBERED:
                self._totals.clear()
            self._totals[version] = matcher.count()
        return self._totals[version]


def parse_splits(text: str) -> frozenset[int]:
    """Parse the parameter `splits`: integers from 0 to 99, separated by commas.

    Raises:
        ValueError: if it is anything else.
    """
    parts = text.split(",")
    if not all(re.fullmatch("[0-9]{1,2}", part) for part in parts):
        raise ValueError("splits is not a list of integers from 0 to 99")
    return frozenset(map(int, parts))


def _encode(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode()
