"""The people of an account: who enters, leaves and changes, and what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.faults import Faults
from sandbox.journal import Journal
from sandbox.lytics.account import Account
from sandbox.lytics.events import MAIN

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from sandbox import Options
    from simulation.world import World

ID = "bigcommerce_customer_id"
FIELDS = ("email", "user_id", ID, "company", "phone")
FIRST = 2001


class Person:
    """A person, and the times of what happened to them, in seconds.

    `customer` is None for a person whose profile has no customer id; `entered_at` and
    `touched_at` are those of the last entry and of the last new `_modified`.
    """

    def __init__(self, index: int, customer: str | None) -> None:
        self.index = index
        self.customer = customer
        self.company = "Old"
        self.entered_at = 0.0
        self.touched_at = 0.0
        self.visible_at = 0.0  # When the last event can be seen.


class Audience:
    """The audience of a simulation.

    Args:
        rng: decides what happens.
        world: knows the time.
        options: of the sandbox, and its faults by probability.
        total: the number of people, about half of them members.
        without_split: the share of people whose profile belongs to no split.
        time_passes: whether people also enter and leave without a new `_modified`.
    """

    def __init__(
        self,
        rng: random.Random,
        world: World,
        options: Options,
        total: int,
        *,
        without_split: float,
        time_passes: bool,
    ) -> None:
        self._rng = rng
        self._world = world
        self._time_passes = time_passes
        faults = Faults({}, seed=options.seed, seconds=options.fault_seconds)
        self.account = Account(options, world.clock, faults, Journal(1000))
        population = self.account.population
        population.fields = {name: population.fields[name] for name in FIELDS}
        belongs = [rng.random() >= without_split for _ in range(total)]
        setattr(population.people, "has_split", belongs.__getitem__)  # noqa: B010 - a method
        self._audience = self.account.audiences[MAIN]
        self.slug = MAIN
        self.is_reachable = True
        self.people = [self._add(number) for number in range(total)]
        for person in self.people:
            if rng.random() < 0.5:
                self._enter(person, touch=False, delay=0.0)
        self.always: set[int] = set()  # Members in every response of the run.
        self.ever: set[int] = set()  # Members at any time.

    # Reading.

    def members(self) -> set[int]:
        """The indexes of the present members, as scans see them."""
        return {p.index for p in self.people if p.index in self._audience}

    def customers(self, indexes: Iterable[int]) -> set[str]:
        """The customer ids of these people."""
        found = {person.index: person.customer for person in self.people}
        return {customer for n in indexes if (customer := found[n])}

    def start_run(self) -> None:
        """Start to observe a run."""
        self.account.population.apply_due()
        self.always = self.members()
        self.ever |= self.always

    def observe(self) -> None:
        """Record who is a member now."""
        members = self.members()
        self.always &= members
        self.ever |= members

    # Changes.

    def act(self) -> None:
        """Let something happen to a person."""
        person = self._rng.choice(self.people)
        if not self.is_reachable or self._world.now() < person.visible_at:
            return
        touch = not self._time_passes or self._rng.random() < 0.6
        delay = self._rng.choice((0.0, 0.0, 60.0, 1500.0))
        if self._rng.random() < 0.3:
            self._change(person, delay)
        elif person.index in self._audience:
            self.account.leave(person.index, self.slug, touch=False)
            if touch:
                self._touch(person, 0.0)
        else:
            self._enter(person, touch=touch, delay=delay if touch else 0.0)

    def rename(self, slug: str) -> None:
        """Change the audience's slug."""
        self.account.rename(self.slug, slug)
        self.slug = slug

    def set_reachable(self, *, reachable: bool) -> None:
        """Delete the audience, or restore it."""
        self.is_reachable = reachable
        if reachable:
            self.account.audiences[self.slug] = self._audience
        else:
            self.account.audiences.pop(self.slug, None)

    def _add(self, number: int) -> Person:
        customer = None if self._rng.random() < 0.1 else str(FIRST + number)
        fields: dict[str, Any] = {
            "email": f"p{number}@people.example",
            "company": "Old",
            **({} if customer is None else {ID: customer}),
        }
        at = self._world.clock.now() - 90 * 86_400
        index = self.account.put_member(fields, audiences=(), at=at)
        return Person(index, customer)

    def _enter(self, person: Person, *, touch: bool, delay: float) -> None:
        person.entered_at = self._world.now()
        person.visible_at = self._world.now() + delay
        self.account.enter(person.index, self.slug, touch=False, visible_after=delay)
        if touch:
            self._touch(person, delay)

    def _change(self, person: Person, delay: float) -> None:
        person.company = f"Company {self._rng.randint(1, 999)}"
        self._touch(person, delay, company=person.company)

    def _touch(self, person: Person, delay: float, **fields: str) -> None:
        person.touched_at = self._world.now()
        person.visible_at = self._world.now() + delay
        at = self._world.clock.now()
        self.account.change(person.index, fields, at=at, visible_after=delay)
