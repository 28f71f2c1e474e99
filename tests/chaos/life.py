"""Members who enter, change and leave all the while."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Self

from sandbox import Kind

if TYPE_CHECKING:
    from sandbox import Sandbox

# What the store refuses stays as it is, so that the model need not know of it.
LIVELY = (Kind.CLEAN, Kind.SHARES_ID)
LONGEST_DELAY_SECONDS = 1.0
TIERS = ("bronze", "silver", "gold", "platinum")


class Life(threading.Thread):
    """Lets something happen to a member so many times a second, while it is entered.

    What happens follows from the seed, when it happens from the machine.
    """

    def __init__(self, box: Sandbox, audience: str, *, seed: int, pace: float) -> None:
        super().__init__(name="life", daemon=True)
        self._box = box
        self._audience = audience
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self._pace = pace
        self._is_over = threading.Event()
        people = box.lytics.population.people
        self._lively = [at for at in range(people.total) if people.kind(at) in LIVELY]
        self.happenings = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()

    def run(self) -> None:
        """Live until it is over."""
        while not self._is_over.wait(self._chance.expovariate(self._pace)):
            self._happen()
            self.happenings += 1

    def _happen(self) -> None:
        index = self._chance.choice(self._lively)
        if index not in self._box.lytics.audiences[self._audience]:
            self._enter(index)
        else:
            self._chance.choices((self._change, self._leave), weights=(3, 1))[0](index)

    def _change(self, index: int) -> None:
        number = self._chance.randrange(10**9)
        fields = {"company": f"Company {number}", "loyalty_tier": TIERS[number % 4]}
        delay = self._chance.choice((0.0, self._chance.random()))
        visible_after = delay * LONGEST_DELAY_SECONDS
        self._box.lytics.change(index, fields, visible_after=visible_after)

    def _enter(self, index: int) -> None:
        self._box.lytics.enter(index, self._audience, touch=self._shows())

    def _leave(self, index: int) -> None:
        self._box.lytics.leave(index, self._audience, touch=self._shows())

    def _shows(self) -> bool:
        """Half of them move by mere passing of time, which their profile hides."""
        return self._chance.choice((True, False))
