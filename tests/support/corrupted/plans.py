"""Which answers of a run go wrong, and how: drawn once, the same again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from . import odd
from .contents import HONEST, LYING
from .transfers import TRANSFERS
from .wire import read

if TYPE_CHECKING:
    from .wire import Asked, Wire

KINDS = ("look", "schema", "scan", "list", "any")
WAYS = (*LYING, *HONEST, *TRANSFERS)
FOREVER = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoil:
    """A way in which so many answers of a kind go wrong, from the first or a later."""

    way: str
    kind: str = "any"
    first: int = 0
    times: int = 1
    seed: int = 0

    @property
    def is_honest(self) -> bool:
        """Whether it tells no other members than there are, nor how many."""
        return self.way not in LYING

    def strikes(self, asked: Asked, number: int) -> bool:
        """Say whether it is the turn of the so-manieth answer of this kind."""
        is_mine = self.kind in {asked.kind, "any"}
        return is_mine and self.first <= number < self.first + self.times

    def on(self, wire: Wire, asked: Asked, number: int) -> Wire:
        """Let an answer go wrong."""
        random = Random(f"{self.seed}:{number}")  # noqa: S311 - to be drawn again
        if self.way in TRANSFERS:
            return TRANSFERS[self.way](wire, random)
        content = read(wire.body)
        if not isinstance(content, dict) or not content:
            return wire
        way = LYING.get(self.way) or HONEST[self.way]
        body = odd.to_bytes(way(content, random, asked))
        is_json = wire.is_json and not odd.is_at_the_bound(body)
        return replace(wire, body=body, is_json=is_json)


@dataclass(slots=True)
class Garbled:
    """A run's plan, and how many answers of each kind there were."""

    spoils: tuple[Spoil, ...]
    counts: dict[str, int]

    @property
    def is_honest(self) -> bool:
        """Whether nothing lies about who is a member."""
        return all(spoil.is_honest for spoil in self.spoils)

    def on(self, wire: Wire, asked: Asked) -> Wire:
        """Let an answer go wrong as planned."""
        for spoil in self.spoils:
            kind = spoil.kind if spoil.kind == "any" else asked.kind
            if spoil.strikes(asked, self.counts[kind]):
                wire = spoil.on(wire, asked, self.counts[kind])
        for kind in (asked.kind, "any"):
            self.counts[kind] += 1
        return wire
