"""What was seen of both plugins from moment to moment, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from chaos.chart import Line, Panel, draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from chaos.processes import Vitals

BOTH = ("tap", "target")
GROWTH_MEGABYTES, GROWTH_SHARE = 3.0, 0.05
GROWTH_DESCRIPTORS = 4  # A connection may be open or not.


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A moment; `behind` counts customers who are not as they should be.

    `calls` to both APIs, and how many of them were `refused` by a 429, since the start.
    """

    minutes: float
    vitals: Mapping[str, Vitals]
    behind: int
    calls: int
    refused: int

    def __str__(self) -> str:
        memory = ", ".join(f"{n} {v.memory:.0f} MB" for n, v in self.vitals.items())
        return (
            f"{self.minutes:5.1f} min: {memory}, {self.behind} behind,"
            f" {self.calls:,} calls, {self.refused} of them 429."
        )


def growth(samples: Sequence[Sample]) -> list[str]:
    """Compare the second quarter, when all is warm, with the last one."""
    return [line for name in BOTH for line in _growth(name, samples)]


def _growth(name: str, samples: Sequence[Sample]) -> Iterator[str]:
    memory = _quarters(samples, lambda s: s.vitals[name].memory)
    before, after = map(median, memory)
    if after > before * (1 + GROWTH_SHARE) + GROWTH_MEGABYTES:
        yield f"The {name}'s memory grew from {before:.1f} to {after:.1f} MB."
    files = _quarters(samples, lambda s: s.vitals[name].descriptors)
    before, after = map(max, files)
    if after > before + GROWTH_DESCRIPTORS:
        yield f"The {name}'s open files grew from {before:.0f} to {after:.0f}."


def _quarters(
    samples: Sequence[Sample], read: Callable[[Sample], float]
) -> tuple[list[float], list[float]]:
    values, quarter = [read(sample) for sample in samples], max(1, len(samples) // 4)
    return values[quarter : 2 * quarter] or values, values[-quarter:]


def picture(samples: Sequence[Sample]) -> str:
    """Draw memory, backlog, calls and 429s over time."""
    panels = [
        Panel(
            name="Memory, MB",
            lines=[
                Line(name=name, values=[s.vitals[name].memory for s in samples])
                for name in BOTH
            ],
        ),
        _panel(
            "Backlog: customers who are not yet as the audience wants them",
            [s.behind for s in samples],
        ),
        _panel("Calls a second, both APIs", _calls_per_second(samples)),
        _panel("429s since the start", [s.refused for s in samples]),
    ]
    title = f"{samples[-1].minutes:.0f} minutes, one call in ten going wrong"
    return draw(title, [s.minutes for s in samples], panels)


def _panel(name: str, values: Sequence[float]) -> Panel:
    return Panel(name=name, lines=[Line(name="", values=values)])


def _calls_per_second(samples: Sequence[Sample]) -> list[float]:
    steps = [
        (after.calls - before.calls) / (after.minutes - before.minutes) / 60
        for before, after in pairwise(samples)
    ]
    return [0.0, *steps]
