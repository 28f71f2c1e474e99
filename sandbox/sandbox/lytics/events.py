"""Changes to the account: members change, enter and leave; audiences are edited.

Only tests and the control API make them: the sandbox's Lytics API is read-only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.clock import NANOS
from sandbox.people import SEEDED_AT

from .population import Audience, audience_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from threading import RLock

    from sandbox.clock import Clock
    from sandbox.options import Options

    from .population import Population

MAIN = "vip_customers"
OTHER = "newsletter_readers"
EMPTY = "nobody_yet"


class AccountEvents:
    """The methods of an account that change its members and audiences.

    Members are addressed by index: the seeded ones of `vip_customers` are 0 to
    `members` - 1, new ones get the next free index. Times are seconds since 1970.
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
        """Create the audiences that every sandbox has."""
        members, shared = self.options.members, self.options.newsletter // 2
        shared = min(shared, members)
        strangers = min(self.options.newsletter - shared, self.options.others)
        seeded = {
            MAIN: ("VIP customers", ((0, members),)),
            OTHER: (
                "Newsletter readers",
                ((0, shared), (members, members + strangers)),
            ),
            EMPTY: ("Nobody yet", ()),
        }
        for slug, (name, ranges) in seeded.items():
            self.add_audience(slug, name=name, ranges=ranges, at=SEEDED_AT)

    # Members.

    def member(self, index: int) -> dict[str, Any]:
        """Return a member's complete profile as a scan returns it now."""
        with self.lock:
            return self.population.profile(index)

    def members(self, audience: str = MAIN) -> Iterator[int]:
        """Iterate over the indexes of an audience's members, in scan order."""
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
        """Add a person with exactly these fields; returns the index."""
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
        """Change fields (None removes one) and set `_modified` to now or `at`.

        Scans see the change after `visible_after` seconds.
        """
        nanos = self._nanos(at)
        with self.lock:
            self._check(index)
            self.population.apply_later(
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
        """Add a person to an audience; `touch` sets `_modified`, as an event does."""
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
        """Remove a person from an audience; `touch` sets `_modified`."""
        with self.lock:
            self._move(audience, "leave", index)(visible_after)
            if touch:
                self.change(index, at=at, visible_after=visible_after)

    # Audiences.

    def find(self, name: str) -> Audience | None:
        """Find an audience by slug or id."""
        if name in self.audiences:
            return self.audiences[name]
        return next((a for a in self.audiences.values() if a.id == name), None)

    def add_audience(
        self,
        slug: str,
        *,
        name: str = "",
        ranges: tuple[tuple[int, int], ...] = (),
        at: float | None = None,
        kind: str = "segment",
    ) -> Audience:
        """Add an audience; `ranges` are its seeded members' indexes."""
        now = self.clock.now() if at is None else at
        audience = Audience(
            slug=slug,
            name=name or slug.replace("_", " "),
            id=audience_id(slug, self.options.seed),
            filter="FILTER AND (EXISTS email, orders_count > 0) FROM user",
            created=now,
            updated=now,
            kind=kind,
            ranges=tuple(each for each in ranges if each[0] < each[1]),
        )
        self.audiences[slug] = audience
        self.population.version += 1
        return audience

    def rename(self, slug: str, new: str) -> None:
        """Change an audience's slug; its id stays the same."""
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
        """Make an audience invalid, with empty scans; an empty reason undoes it."""
        with self.lock:
            self.audiences[slug].invalid_reason = reason

    def redefine(self, slug: str, at: float | None = None) -> None:
        """Change when the audience's definition was last edited: now or `at`."""
        with self.lock:
            self.audiences[slug].updated = self.clock.now() if at is None else at

    def _check(self, index: int) -> None:
        if not self.population.has(index):
            raise LookupError(f"no member {index}")

    def _move(self, audience: str, verb: str, index: int) -> Callable[[float], None]:
        self._check(index)
        if audience not in self.audiences:
            raise LookupError(f"no audience {audience!r}")

        def act() -> None:
            found = self.audiences.get(audience)
            if found is not None:
                getattr(found, verb)(index)
                self.population.version += 1

        return lambda seconds: self.population.apply_later(seconds, act)

    def _nanos(self, at: float | None) -> int:
        return (
            self.clock.nanos()
            if at is None
            else round(at * 1_000_000) * (NANOS // 1_000_000)
        )
