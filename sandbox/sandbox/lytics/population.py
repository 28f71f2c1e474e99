"""The account's profiles and audiences: seeded ones, and the changes to them.

Seeded profiles are generated on demand; only what differs from them is stored.
"""

from __future__ import annotations

import hashlib
import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.clock import Clock, timestamp, timestamp_nanos
from sandbox.people import People, mix

from .fields import FIELDS, Field, created, extra_field, modified_nanos

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from sandbox.http import Json
    from sandbox.options import Move, Options


@dataclass(slots=True, kw_only=True)
class Audience:
    """A saved audience: ranges of seeded people, and who entered or left since."""

    slug: str
    name: str
    id: str
    filter: str
    created: float
    updated: float
    kind: str = "segment"
    ranges: tuple[tuple[int, int], ...] = ()
    entered: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    invalid_reason: str = ""

    def __contains__(self, index: int) -> bool:
        if index in self.left:
            return False
        return index in self.entered or self.seeded(index)

    def seeded(self, index: int) -> bool:
        """Return whether the person is a seeded member."""
        return any(start <= index < stop for start, stop in self.ranges)

    @property
    def size(self) -> int:
        """The number of members."""
        base = sum(stop - start for start, stop in self.ranges)
        return base + len(self.entered) - len(self.left)

    def count(self, part: bytearray) -> int:
        """Count the members whose byte in `part` is 1, not 0."""
        base = sum(part.count(1, start, stop) for start, stop in self.ranges)
        return (
            base + sum(part[n] for n in self.entered) - sum(part[n] for n in self.left)
        )

    def enter(self, index: int) -> None:
        """Add a person."""
        self.left.discard(index)
        if not self.seeded(index):
            self.entered.add(index)

    def leave(self, index: int) -> None:
        """Remove a person."""
        self.entered.discard(index)
        if self.seeded(index):
            self.left.add(index)

    def copy(self) -> Audience:
        """Copy it with its members."""
        copy = Audience(**{name: getattr(self, name) for name in self.__slots__})
        copy.entered, copy.left = set(self.entered), set(self.left)
        return copy

    def to_dict(self, *, sizes: bool) -> dict[str, Any]:
        """Return the row of a response."""
        row: dict[str, Any] = {
            "id": self.id,
            "account_id": "5c5ee9d0a1b2c3d4e5f60718293a4b5c",
            "aid": 4242,
            "name": self.name,
            "slug_name": self.slug,
            "description": "",
            "kind": self.kind,
            "table": "user",
            "is_public": True,
            "public_name": self.slug,
            "author_id": "sandbox",
            "created": timestamp(self.created),
            "updated": timestamp(self.updated),
            "created_ms": int(self.created * 1000),
            "modified_ms": int(self.updated * 1000),
            "tags": [],
            "segment_ql": self.filter,
            "invalid": bool(self.invalid_reason),
            "invalid_reason": self.invalid_reason,
        }
        return {**row, "size": self.size} if sizes else row


def audience_id(slug: str, seed: int) -> str:
    """Return an audience id: 32 hex digits."""
    return hashlib.sha256(f"{seed}:{slug}".encode()).hexdigest()[:32]


class ScanOrder:
    """The order in which a scan visits people: seeded ones at their index.

    A person who changes moves to the front or the end (at random, seeded), so that a
    scan in progress can miss them or return them twice.
    """

    def __init__(self, total: int, move: Move, seed: int) -> None:
        self._total = total
        self._move = move
        self._seed = seed
        self._moved: dict[int, int] = {}
        self._places: list[tuple[int, int]] = []
        self._first = 0
        self._last = total

    def copy(self) -> ScanOrder:
        """Copy the current order."""
        copy = ScanOrder(self._total, self._move, self._seed)
        copy._moved = dict(self._moved)
        copy._places = list(self._places)
        copy._first, copy._last = self._first, self._last
        return copy

    def add(self, index: int) -> None:
        """Put a new person at the end."""
        self._put(index, self._last)
        self._last += 1

    def touch(self, index: int) -> None:
        """Move a person who changed."""
        if self._move == "stay":
            return
        if index in self._moved:
            self._places.remove((self._moved[index], index))
        if self._goes_to_front(index):
            self._first -= 1
            self._put(index, self._first)
        else:
            self.add(index)

    def after(self, position: int | None) -> Iterator[tuple[int, int]]:
        """Yield (position, index) of everyone after a position; None: of everyone."""
        start = self._first - 1 if position is None else position
        at = bisect_left(self._places, (start + 1, -1))
        while at < len(self._places) and self._places[at][0] < 0:
            yield self._places[at]
            at += 1
        for index in range(max(start + 1, 0), self._total):
            if index not in self._moved:
                yield index, index
        yield from self._places[at:]

    def among(
        self, indexes: Iterable[int], position: int | None
    ) -> Iterator[tuple[int, int]]:
        """Yield (position, index) of those of `indexes` after a position."""
        places = ((self._moved.get(index, index), index) for index in indexes)
        return iter(
            sorted(place for place in places if position is None or place[0] > position)
        )

    def _goes_to_front(self, index: int) -> bool:
        if self._move == "either":
            return bool(mix(self._seed, index + len(self._places)) & 1)
        return self._move == "front"

    def _put(self, index: int, position: int) -> None:
        self._moved[index] = position
        insort(self._places, (position, index))


SPLITS = range(100)  # Each profile belongs to one of them.
NO_SPLIT = 255  # In `Population.splits`, which holds bytes.
BUILT_IN = ("_id", "_created", "_modified", "_split", "_num_events", "_num_streams")
Changes = dict[int, Mapping[str, Any]]


class Population:
    """Profiles by index; `changes` holds what differs from the seeded profiles.

    A changed profile is replaced, never modified, so a shallow copy is a snapshot.
    """

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.people = People(options)
        self.total = self.people.total
        extras = [extra_field(number) for number in range(options.extra_fields)]
        self.fields: dict[str, Field] = {f.name: f for f in (*FIELDS, *extras)}
        self.changes: Changes = {}
        self.modified: dict[int, int] = {}
        self.order = ScanOrder(self.total, options.changed_members_move, options.seed)
        self.audiences: dict[str, Audience] = {}
        self.version = 0
        self._clock = clock
        self._splits: bytearray | None = None
        self._pending: list[tuple[float, int, Callable[[], None]]] = []

    # Reading.

    def value(self, index: int, name: str) -> Json:
        """Return one field of a profile, None if it has no value."""
        changed = self.changes.get(index)
        if changed is not None and name in changed:
            return changed[name]
        if name.startswith("_"):
            return self._built_in(index, name)
        field = self.fields.get(name)
        if field is None or index >= self.people.total:
            return None
        return field.value(self.people[index])

    def has_value(self, index: int, name: str) -> bool:
        """Return whether a profile has a value for a field."""
        field = self.fields.get(name)
        seeded = index not in self.changes and index < self.people.total
        if seeded and field is not None and field.known is not None:
            return field.known(self.people, index)
        return self.value(index, name) is not None

    def profile(self, index: int, names: Iterable[str] | None = None) -> dict[str, Any]:
        """Return a profile as a scan returns it: only fields that have a value."""
        changed = self.changes.get(index, {})
        if names is None:
            names = dict.fromkeys((*self.fields, *BUILT_IN, *changed))
        person = self.people[index] if index < self.people.total else None
        row: dict[str, Any] = {}
        for name in names:
            field = self.fields.get(name)
            if name in changed:
                value = changed[name]
            elif field is None:
                value = self._built_in(index, name)
            else:
                value = field.value(person) if person else None
            if value is not None:
                row[name] = value
        return row

    def in_splits(self, splits: Container[int]) -> bytearray:
        """Return one byte per profile: 1 if it belongs to one of the splits, else 0."""
        if self._splits is None:
            self._splits = bytearray(map(self._split, range(self.total)))
        return self._splits.translate(bytes(n in splits for n in range(256)))

    def modified_at(self, index: int) -> int:
        """Return when a profile last changed, in nanoseconds since 1970."""
        at = self.modified.get(index)
        return modified_nanos(self.people[index]) if at is None else at

    def has(self, index: int) -> bool:
        """Return whether the index belongs to a person."""
        return 0 <= index < self.total

    # Writing.

    def write(self, index: int, fields: Mapping[str, Any], nanos: int) -> None:
        """Change fields of a profile and move it in the scan order."""
        self.changes[index] = {**self.changes.get(index, {}), **fields}
        self.modified[index] = nanos
        self.order.touch(index)
        if self._splits is not None:
            self._splits[index] = self._split(index)
        self.version += 1

    def add(self, fields: Mapping[str, Any], nanos: int) -> int:
        """Add a profile; returns its index."""
        index = self.total
        self.total += 1
        self.changes[index] = dict(fields)
        self.modified[index] = nanos
        self.order.add(index)
        if self._splits is not None:
            self._splits.append(self._split(index))
        self.version += 1
        return index

    def apply_later(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` now, or in the first `apply_due` after `seconds` have passed."""
        self.apply_due()
        if seconds <= 0:
            act()
            return
        due = self._clock.now() + seconds
        heapq.heappush(self._pending, (due, len(self._pending) + self.version, act))

    def apply_due(self) -> None:
        """Apply the changes that have become due."""
        while self._pending and self._pending[0][0] <= self._clock.now():
            heapq.heappop(self._pending)[2]()

    def snapshot(self) -> Population:
        """Copy the current state, for a scan of a snapshot."""
        copy = Population(self.options, self._clock)
        copy.total, copy.version = self.total, self.version
        copy.changes, copy.modified = dict(self.changes), dict(self.modified)
        copy.order = self.order.copy()
        copy.audiences = {slug: a.copy() for slug, a in self.audiences.items()}
        return copy

    def _split(self, index: int) -> int:
        split = self.value(index, "_split")
        return split if split in SPLITS else NO_SPLIT

    def _built_in(self, index: int, name: str) -> Json:
        made = BUILT_IN_VALUES.get(name)
        return made(self, index) if made else None


BUILT_IN_VALUES: dict[str, Callable[[Population, int], Any]] = {
    "_created": lambda p, n: timestamp(created(p.people[n])),
    "_modified": lambda p, n: timestamp_nanos(p.modified_at(n)),
    "_split": lambda p, n: (
        p.people[n].bits % len(SPLITS) if p.people.has_split(n) else None
    ),
    "_num_events": lambda p, n: p.people[n].bits % 500 + 1,
    "_num_streams": lambda p, n: p.people[n].bits % 4 + 1,
    "_total_sz": lambda _p, _n: 2048,
    "_num_aliases": lambda p, n: p.people[n].bits % 3 + 1,
    "_streamnames": lambda _p, _n: ["default"],
    "_id": lambda p, n: f"{p.people[n].bits:016x}" if p.options.profile_ids else None,
    "segments": lambda p, n: [s for s, a in p.audiences.items() if n in a],
}
