"""The account's people: seeded ones made when asked for, changes laid over them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .clock import Clock, stamp, stamp_nanos
from .fields import Field, created, modified_nanos
from .named_fields import NAMED
from .order import Order
from .other_fields import extra_field
from .people import People

if TYPE_CHECKING:
    from .audiences import Audience
    from .messages import Json
    from .options import Options

BUILT_IN = ("_id", "_created", "_modified", "_split", "_num_events", "_num_streams")
Changes = dict[int, Mapping[str, Any]]


class Population:
    """Profiles by index; what changed since the start lies in `changes`.

    A changed profile is replaced, never altered, so a shallow copy is a snapshot.
    """

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.people = People(options)
        self.total = self.people.total
        extras = [extra_field(number) for number in range(options.extra_fields)]
        self.fields: dict[str, Field] = {f.name: f for f in (*NAMED, *extras)}
        self.changes: Changes = {}
        self.modified: dict[int, int] = {}
        self.order = Order(self.total, options.changed_members_move, options.seed)
        self.audiences: dict[str, Audience] = {}
        self.version = 0
        self._clock = clock
        self._pending: list[tuple[float, int, Callable[[], None]]] = []

    # What a reader asks.

    def value(self, index: int, name: str) -> Json:
        """One field of a profile, None where it is missing."""
        changed = self.changes.get(index)
        if changed is not None and name in changed:
            return changed[name]
        if name.startswith("_"):
            return self._built_in(index, name)
        field = self.fields.get(name)
        if field is None or index >= self.people.total:
            return None
        return field.value(self.people[index])

    def knows(self, index: int, name: str) -> bool:
        """Say whether a profile has a value for a field."""
        field = self.fields.get(name)
        seeded = index not in self.changes and index < self.people.total
        if seeded and field is not None and field.known is not None:
            return field.known(self.people, index)
        return self.value(index, name) is not None

    def profile(self, index: int, names: Iterable[str] | None = None) -> dict[str, Any]:
        """A member as a scan answers: only fields that have a value."""
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

    def modified_at(self, index: int) -> int:
        """When the profile last changed, in nanoseconds since 1970."""
        at = self.modified.get(index)
        return modified_nanos(self.people[index]) if at is None else at

    def has(self, index: int) -> bool:
        """Say whether there is such a person."""
        return 0 <= index < self.total

    # What changes.

    def write(self, index: int, fields: Mapping[str, Any], nanos: int) -> None:
        """Lay new values over a profile and move it in the scan's order."""
        self.changes[index] = {**self.changes.get(index, {}), **fields}
        self.modified[index] = nanos
        self.order.touch(index)
        self.version += 1

    def add(self, fields: Mapping[str, Any], nanos: int) -> int:
        """Take a new person in and give the index."""
        index = self.total
        self.total += 1
        self.changes[index] = dict(fields)
        self.modified[index] = nanos
        self.order.add(index)
        self.version += 1
        return index

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Act now, or once so many seconds have passed."""
        if seconds <= 0:
            act()
            return
        due = self._clock.now() + seconds
        heapq.heappush(self._pending, (due, len(self._pending) + self.version, act))

    def settle(self) -> None:
        """Let everything become visible that is due."""
        while self._pending and self._pending[0][0] <= self._clock.now():
            heapq.heappop(self._pending)[2]()

    def frozen(self) -> Population:
        """Keep the people as they are now, for a scan that is a snapshot."""
        twin = Population(self.options, self._clock)
        twin.total, twin.version = self.total, self.version
        twin.changes, twin.modified = dict(self.changes), dict(self.modified)
        twin.order = self.order.copy()
        twin.audiences = {slug: a.copy() for slug, a in self.audiences.items()}
        return twin

    def _built_in(self, index: int, name: str) -> Json:
        made = BUILT_IN_VALUES.get(name)
        return made(self, index) if made else None


BUILT_IN_VALUES: dict[str, Callable[[Population, int], Any]] = {
    "_created": lambda p, n: stamp(created(p.people[n])),
    "_modified": lambda p, n: stamp_nanos(p.modified_at(n)),
    "_split": lambda p, n: p.people[n].bits % 100,
    "_num_events": lambda p, n: p.people[n].bits % 500 + 1,
    "_num_streams": lambda p, n: p.people[n].bits % 4 + 1,
    "_total_sz": lambda _p, _n: 2048,
    "_num_aliases": lambda p, n: p.people[n].bits % 3 + 1,
    "_streamnames": lambda _p, _n: ["default"],
    "_id": lambda p, n: f"{p.people[n].bits:016x}" if p.options.profile_ids else None,
    "segments": lambda p, n: [s for s, a in p.audiences.items() if n in a],
}
