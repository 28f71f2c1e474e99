"""Paging through members: pages, tokens and totals."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from .matching import Matcher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .clock import Clock
    from .filterql import Node
    from .options import Options
    from .population import Population

REMEMBERED = 100  # Scans whose snapshot or place is kept.
STALE = "invalid start token"


class StaleTokenError(Exception):
    """The token is unknown, of another scan, or too old."""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """What a token holds: which scan, behind which position, since when."""

    scan: str
    number: int
    position: int | None
    at: float
    total: int
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class Page:
    """One answer of a scan; `token` None means that there is no more."""

    members: list[dict[str, Any]]
    total: int
    token: str | None


@dataclass(slots=True)
class Scans:
    """The scans under way over one population."""

    options: Options
    population: Population
    clock: Clock
    _number: int = 0
    _snapshots: dict[int, Population] = field(default_factory=dict)
    _places: dict[int, Place] = field(default_factory=dict)
    _totals: dict[tuple[str, int], int] = field(default_factory=dict)

    def page(
        self,
        name: str,
        node: Node,
        token: str,
        limit: int,
        fields: Sequence[str] | None,
    ) -> Page:
        """Read one page of the scan called `name` (its filter or audience)."""
        place = self._resume(name, token) if token else self._begin(name)
        people = self._snapshots.get(place.number, self.population)
        matcher = Matcher(node, people, self.clock.now())
        total = self._total(name, matcher, people)
        if place.ended and self.options.scan_end == "empty_page":
            return Page(members=[], total=total, token=None)
        found = list(islice(matcher.found(place.position), limit + 1))
        last = found[:limit][-1][0] if found else place.position
        after = Place(name, place.number, last, place.at, total)
        return Page(
            members=[people.profile(index, fields) for _, index in found[:limit]],
            total=total,
            token=self._token(place, after, more=len(found) > limit),
        )

    def _begin(self, name: str) -> Place:
        self._number += 1
        if self.options.scan_is_snapshot:
            self._snapshots[self._number] = self.population.frozen()
            self._snapshots.pop(self._number - REMEMBERED, None)
        self._places.pop(self._number - REMEMBERED, None)
        return Place(name, self._number, None, self.clock.now(), -1)

    def _resume(self, name: str, token: str) -> Place:
        try:
            place = msgspec.json.decode(base64.urlsafe_b64decode(token), type=Place)
        except ValueError as error:
            raise StaleTokenError(STALE) from error
        oldest = self.clock.now() - (self.options.token_seconds or float("inf"))
        if place.scan != name or place.at < oldest:
            raise StaleTokenError(STALE)
        if self.options.scan_is_snapshot and place.number not in self._snapshots:
            raise StaleTokenError(STALE)
        return self._places.get(place.number, place)

    def _token(self, before: Place, after: Place, *, more: bool) -> str | None:
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
        self._places[after.number] = after
        return _encode(Place(after.scan, after.number, None, after.at, 0))

    def _total(self, name: str, matcher: Matcher, people: Population) -> int:
        if matcher.is_cheap or "now" in name:
            return matcher.count()
        key = (name, people.version)
        if key not in self._totals:
            if len(self._totals) >= REMEMBERED:
                self._totals.clear()
            self._totals[key] = matcher.count()
        return self._totals[key]


def _encode(place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode()
