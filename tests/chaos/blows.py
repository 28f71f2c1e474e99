"""Who is hit by which signal in which phase of a run: drawn, and counted. No I/O."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from sandbox.journal import Entry

TAP, TARGET = "tap-lytics", "target-bigcommerce"
MELTANO, EVERYTHING = "meltano", "everything"
VICTIMS = (TAP, TARGET, MELTANO, EVERYTHING)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
RUNS_A_DAY = 4
LONGEST_PAUSE_SECONDS = 0.3


class Phase(Enum):
    """What the run is doing when it is hit, told by the call that it waits for."""

    SCAN = "in the tap's scan"
    LOOK_UP = "in the target's look-up"
    WRITE = "in the target's write"
    BETWEEN = "at any moment between"

    def has(self, entry: Entry) -> bool:
        """Whether a call is one of this phase; those between go by every call."""
        return self in {_phase(entry), Phase.BETWEEN}


def _phase(entry: Entry) -> Phase | None:
    if entry.side == "lytics":
        return Phase.SCAN if entry.path.endswith("/scan") else None
    return Phase.LOOK_UP if entry.method == "GET" else Phase.WRITE


# How many calls of a phase a run is sure to need, nearly: a pass for changes, and a
# whole scan. A blow that came too late is dealt again, sooner.
MOST_CALLS: Mapping[Phase, tuple[int, int]] = {
    Phase.SCAN: (2, 10),
    Phase.LOOK_UP: (3, 6),
    Phase.WRITE: (8, 16),
    Phase.BETWEEN: (12, 30),
}
# While the target writes, the tap may have ended.
PHASES: Mapping[str, Sequence[Phase]] = {
    TAP: (Phase.SCAN, Phase.BETWEEN),
    TARGET: tuple(Phase),
    MELTANO: tuple(Phase),
    EVERYTHING: tuple(Phase),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """Who is hit by what, at which call of the phase, and how long after it.

    `a_day_later` a whole scan is due, and is hit.
    """

    victim: str
    signal: signal.Signals
    phase: Phase
    calls: int
    pause: float = 0.0
    a_day_later: bool = False

    def __str__(self) -> str:
        when = f"{self.pause:.2f} s after" if self.pause else "at"
        day = "a day later, " if self.a_day_later else ""
        where = f"{self.phase.value}, {day}{when} call {self.calls}"
        return f"{self.signal.name} to {self.victim} {where}"

    @property
    def sooner(self) -> Blow:
        """The same in half the time."""
        return replace(self, calls=max(1, self.calls // 2), pause=self.pause / 2)


def draw_blows(chance: random.Random) -> Iterator[Blow]:
    """Draw without an end; each victim has each signal before one comes again."""
    while True:
        pairs = list(product(VICTIMS, SIGNALS))
        chance.shuffle(pairs)
        for victim, number in pairs:
            yield _draw(victim, number, chance)


def _draw(victim: str, number: signal.Signals, chance: random.Random) -> Blow:
    phase = chance.choice(PHASES[victim])
    is_whole = chance.randrange(RUNS_A_DAY) == 0
    between = phase is Phase.BETWEEN
    return Blow(
        victim=victim,
        signal=number,
        phase=phase,
        calls=chance.randint(1, MOST_CALLS[phase][is_whole]),
        pause=chance.uniform(0, LONGEST_PAUSE_SECONDS) if between else 0.0,
        a_day_later=is_whole,
    )


def count(blows: Sequence[Blow]) -> Iterator[str]:
    """Count them by victim, then by phase with who was hit by what."""
    victims = Counter(blow.victim for blow in blows)
    yield ", ".join(f"{number} to {victim}" for victim, number in victims.items())
    for phase in Phase:
        pairs = Counter(
            f"{blow.signal.name} to {blow.victim}"
            for blow in blows
            if blow.phase is phase
        )
        hits = ", ".join(f"{number} {pair}" for pair, number in sorted(pairs.items()))
        yield f"{pairs.total()} {phase.value}: {hits or 'nobody'}"
