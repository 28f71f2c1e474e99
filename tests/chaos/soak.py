"""`make soak`: the continuous pair over a long bad day."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.diary import BOTH, Sample, growth, picture
from chaos.life import Life
from chaos.model import VIP, differences
from chaos.pair import Pair
from chaos.weather import STORM
from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_SAMPLES = 360  # As many as the picture has room for.
PACE = 5.0
WHOLE_SCANS = 6  # In the whole soak; for each of them a day passes at once.
A_DAY_AND_AN_HOUR = 25 * 3600
SETTLING_SECONDS = 180.0
GLANCE_SECONDS = 0.1
TOO_MANY = ("store 429", "lytics 429")
TAP = {"poll_interval_seconds": 1, "overlap_minutes": 1}
TARGET = {"batch_wait_limit_seconds": 1}


def run_soak(
    minutes: float,
    *,
    seed: int,
    svg: Path | None = None,
    members: int = 1000,
    tell: Callable[[str], None] = print,
) -> list[str]:
    """Let both plugins run for so long; tell what is wrong at the end."""
    options = Options(
        members=members,
        seed=seed,
        quota=75,  # The usual 450 in 30 seconds, but a 429 costs at most 5.
        window_seconds=5.0,
        fault_rates=STORM,
        journal_length=0,
        journal_bodies=False,
    )
    with Sandbox(options) as box, tempfile.TemporaryDirectory() as folder:
        with Pair(box, Path(folder), tap=TAP, target=TARGET) as pair:
            soak = Soak(box, pair, tell)
            soak.warm_up()
            soak.live(minutes * 60)
            wrong = soak.settle()
            if pair.is_running:
                pair.stop()
        wrong += pair.failures()
        tell(f"{pair.summary()['outcomes']}, {dict(box.journal.statuses)}")
    if svg:
        svg.write_text(picture(soak.samples), encoding="utf-8")
    return [*wrong, *growth(soak.samples)]


@dataclass(slots=True)
class Soak:
    """The pair in its sandbox, and what was seen of it."""

    box: Sandbox
    pair: Pair
    tell: Callable[[str], None]
    began: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return time.monotonic() - self.began

    def warm_up(self) -> None:
        """Wait until both have loaded all that they need: values arrive."""
        while not self.box.store.values and self.pair.is_running:
            time.sleep(GLANCE_SECONDS)
        self.began = time.monotonic()

    def live(self, seconds: float) -> None:
        """Let members enter, change and leave, and now and then a day pass."""
        interval, days = max(1.0, seconds / MOST_SAMPLES), 0
        with Life(self.box, VIP, seed=self.box.options.seed, pace=PACE) as life:
            while self.seconds < seconds and self._look():
                time.sleep(interval)
                if self.seconds > (days + 1) * seconds / WHOLE_SCANS:
                    days += 1
                    self.box.clock.advance(A_DAY_AND_AN_HOUR)
                    self.tell(str(self.samples[-1]))
        self.tell(f"{life.happenings} happenings.")

    def settle(self) -> list[str]:
        """Let nothing happen and nothing go wrong any more: the store must catch up."""
        self.box.faults.clear()
        self.box.clock.advance(A_DAY_AND_AN_HOUR)
        deadline = self.seconds + SETTLING_SECONDS
        while True:
            wrong = differences(self.box)
            if not wrong or self.seconds > deadline or not self.pair.is_running:
                return [str(each) for each in wrong]
            time.sleep(1)

    def _look(self) -> bool:
        """Take a sample; whether both plugins run."""
        found, journal = self.pair.vitals(), self.box.journal
        if found.keys() != set(BOTH):
            return False
        sample = Sample(
            minutes=self.seconds / 60,
            vitals=found,
            behind=len({each.customer for each in differences(self.box)}),
            calls=journal.total,
            refused=sum(journal.statuses[name] for name in TOO_MANY),
        )
        self.samples.append(sample)
        return True
