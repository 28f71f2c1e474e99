"""What tests and the control API can let happen in the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .audiences import Audience, audience_id
from .clock import NANOS, Clock
from .fields import BASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from threading import RLock

    from .options import Options
    from .population import Population

MAIN = "vip_customers"
OTHER = "newsletter_readers"
NOBODY = "nobody_yet"


class Happenings:
    """Members who change, enter and leave; audiences that are altered.

    Members are named by their index: the seeded ones of `vip_customers` are
    0 to `members` - 1, later ones get the next free index.
    """

    options: Options
    population: Population
    clock: Clock
    lock: RLock

    @property
    def audiences(self) -> dict[str, Audience]:
        """The account's audiences by slug."""
        return self.population.audiences

    def seed_audiences(self) -> None:
        """Make the three audiences that every sandbox has."""
        members, shared = self.options.members, self.options.newsletter // 2
        shared = min(shared, members)
        strangers = min(self.options.newsletter - shared, self.options.others)
        seeded = {
            MAIN: ("VIP customers", ((0, members),)),
            OTHER: (
                "Newsletter readers",
                ((0, shared), (members, members + strangers)),
            ),
            NOBODY: ("Nobody yet", ()),
        }
        for slug, (name, runs) in seeded.items():
            self.add_audience(slug, name=name, runs=runs, at=BASE)

    # Members.

    def member(self, index: int) -> dict[str, Any]:
        """A member's whole profile as a scan would answer it now."""
        with self.lock:
            return self.population.profile(index)

    def members(self, audience: str = MAIN) -> Iterator[int]:
        """The indexes of an audience's members, in the scan's order."""
        with self.lock:
            found = self.audiences[audience]
            order = self.population.order.after(None)
            return iter([index for _, index in order if index in found])

    def put_member(
        self,
        fields: Mapping[str, Any],
        *,
        audiences: Iterable[str] = (MAIN,),
        at: float | None = None,
        visible_after: float = 0.0,
    ) -> int:
        """Add a person with these fields alone; gives the index."""
        with self.lock:
            index = self.population.add(fields, self._nanos(at))
            for slug in audiences:
                self.enter(index, slug, touch=False, visible_after=visible_after)
            return index

    def change(
        self,
        index: int,
        fields: Mapping[str, Any] | None = None,
        *,
        at: float | None = None,
        visible_after: float = 0.0,
    ) -> None:
        """Change fields (None takes one away); `_modified` becomes now or `at`.

        Scans see it once `visible_after` seconds have passed.
        """
        nanos = self._nanos(at)
        with self.lock:
            self._check(index)
            self.population.later(
                visible_after, lambda: self.population.write(index, fields or {}, nanos)
            )

    def enter(
        self,
        index: int,
        audience: str = MAIN,
        *,
        touch: bool = True,
        at: float | None = None,
        visible_after: float = 0.0,
    ) -> None:
        """Let a member in; without `touch` by mere passing of time."""
        with self.lock:
            self._move(audience, "enter", index)(visible_after)
            if touch:
                self.change(index, at=at, visible_after=visible_after)

    def leave(
        self,
        index: int,
        audience: str = MAIN,
        *,
        touch: bool = True,
        at: float | None = None,
        visible_after: float = 0.0,
    ) -> None:
        """Let a member out; without `touch` by mere passing of time."""
        with self.lock:
            self._move(audience, "leave", index)(visible_after)
            if touch:
                self.change(index, at=at, visible_after=visible_after)

    # Audiences.

    def find(self, name: str) -> Audience | None:
        """Look an audience up by slug or id."""
        if name in self.audiences:
            return self.audiences[name]
        return next((a for a in self.audiences.values() if a.id == name), None)

    def add_audience(
        self,
        slug: str,
        *,
        name: str = "",
        runs: tuple[tuple[int, int], ...] = (),
        at: float | None = None,
        kind: str = "segment",
    ) -> Audience:
        """Save a new audience; `runs` are spans of indexes."""
        now = self.clock.now() if at is None else at
        audience = Audience(
            slug=slug,
            name=name or slug.replace("_", " "),
            id=audience_id(slug, self.options.seed),
            filter="FILTER AND (EXISTS email, orders_count > 0) FROM user",
            created=now,
            updated=now,
            kind=kind,
            runs=tuple(run for run in runs if run[0] < run[1]),
        )
        self.audiences[slug] = audience
        self.population.version += 1
        return audience

    def rename(self, slug: str, new: str) -> None:
        """Give an audience another slug; the id stays."""
        with self.lock:
            audience = self.audiences.pop(slug)
            audience.slug, audience.updated = new, self.clock.now()
            self.audiences[new] = audience
            self.population.version += 1

    def delete(self, slug: str) -> None:
        """Delete an audience."""
        with self.lock:
            del self.audiences[slug]
            self.population.version += 1

    def invalidate(self, slug: str, reason: str = "a field is gone") -> None:
        """Make an audience invalid: its scans find nobody. An empty reason mends it."""
        with self.lock:
            self.audiences[slug].invalid_reason = reason

    def redefine(self, slug: str, at: float | None = None) -> None:
        """Let the definition be changed now."""
        with self.lock:
            self.audiences[slug].updated = self.clock.now() if at is None else at

    def _check(self, index: int) -> None:
        if not self.population.has(index):
            raise LookupError(f"there is no member {index}")

    def _move(self, audience: str, verb: str, index: int) -> Callable[[float], None]:
        self._check(index)
        if audience not in self.audiences:
            raise LookupError(f"there is no audience {audience!r}")

        def act() -> None:
            found = self.audiences.get(audience)
            if found is not None:
                getattr(found, verb)(index)
                self.population.version += 1

        return lambda seconds: self.population.later(seconds, act)

    def _nanos(self, at: float | None) -> int:
        return (
            self.clock.nanos()
            if at is None
            else round(at * 1_000_000) * (NANOS // 1_000_000)
        )
