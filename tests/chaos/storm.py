"""Meltano runs that are hit, one after the other, while members move."""

from __future__ import annotations

import random
from itertools import islice
from typing import TYPE_CHECKING

from chaos.blows import count, draw_blows
from chaos.killing import Fuse, strike
from chaos.life import Life
from chaos.model import VIP
from chaos.weather import STORM_AND_LOST_CURSORS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chaos.blows import Blow
    from sandbox import Sandbox
    from support.meltano import MeltanoProject

# --force, as a killed Meltano leaves a lock behind that only time would lift.
EXPORT = ("run", "--force", "tap-lytics", "target-bigcommerce")
A_DAY_AND_AN_HOUR = 25 * 3600
PACE = 20.0
TRIES = 6
LAST_LINES = 3


class Storm:
    """Runs of one project in one sandbox, hit one after the other."""

    def __init__(
        self, project: MeltanoProject, box: Sandbox, tell: Callable[[str], None]
    ) -> None:
        self._project = project
        self._box = box
        self._tell = tell
        self._fuse = Fuse(box)
        self._runs = 0

    def rage(self, blows: int) -> list[str]:
        """Let so many blows fall, while members move; tell which met nobody."""
        box, seed = self._box, self._box.options.seed
        drawn = list(islice(draw_blows(random.Random(seed)), blows))  # noqa: S311 - repeatable
        box.faults.set_rates(STORM_AND_LOST_CURSORS)
        with Life(box, VIP, seed=seed, pace=PACE) as life:
            fallen = [self._deal(blow) for blow in drawn]
        box.faults.clear()
        self._tell(f"{life.happenings} happenings, {dict(box.journal.statuses)}.")
        self._sum_up([blow for blow in fallen if blow])
        both = zip(drawn, fallen, strict=True)
        return [f"{blow} met nobody." for blow, has_fallen in both if not has_fallen]

    def _sum_up(self, hits: list[Blow]) -> None:
        self._tell(f"{len(hits)} blows hit, in {self._runs} runs:")
        for line in count(hits):
            self._tell(f"  {line}.")

    def _deal(self, blow: Blow) -> Blow | None:
        """Let a blow fall, again and sooner as long as it comes too late."""
        for _ in range(TRIES):
            if self._hit_run(blow):
                return blow
            blow = blow.sooner
        return None

    def _hit_run(self, blow: Blow) -> bool:
        self._runs += 1
        if blow.a_day_later:
            self._box.clock.advance(A_DAY_AND_AN_HOUR)
        log = self._project.folder / "run.log"
        with log.open("wb") as file:
            process = self._project.start(*EXPORT, says_to=file)
            has_hit = strike(process, blow, self._fuse)
        what = f"{blow}; status {process.returncode}."
        said = what if has_hit else f"over before {what}"
        has_failed = not has_hit and process.returncode
        self._tell(f"Run {self._runs}: {said}" + (_last_words(log) * bool(has_failed)))
        return has_hit


def _last_words(log: Path) -> str:
    """Why a run failed that nobody hit, as its own lines tell."""
    lines = log.read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if "ERROR" in line or "error" in line]
    return "".join(f"\n    {line}" for line in (wrong or lines)[-LAST_LINES:])
