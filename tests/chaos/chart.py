"""Lines over time as an SVG, written by hand. No I/O in this file."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

XMLNS = "http://www.w3.org/2000/svg"
WIDTH, PANEL, GAP = 860, 150, 62
LEFT, RIGHT, TOP = 64, 24, 76
COLOURS = ("#0b6e99", "#c2571a")
STEPS = (1, 2, 5)
MOST_TICKS = 4
NEARLY = 1.01  # The last moment is hardly ever a round one.
STYLE = (
    "text{font:13px sans-serif;fill:#333}.title{font-size:17px;font-weight:bold}"
    ".name{font-weight:bold}.axis{stroke:#999}.grid{stroke:#e4e4e4}"
    ".line{fill:none;stroke-width:1.6}.tick{font-size:11px;fill:#666}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A series of values, one for each moment of the chart."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One scale and the lines that share it; a line without a name has no legend."""

    name: str
    lines: Sequence[Line]


def draw(title: str, minutes: Sequence[float], panels: Sequence[Panel]) -> str:
    """Draw the panels one below the other over the same minutes."""
    height = TOP + len(panels) * (PANEL + GAP)
    size = f'width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="{XMLNS}" viewBox="0 0 {WIDTH} {height}" {size} role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect {size} fill="#fff"/>',
        f'<text class="title" x="{LEFT}" y="32">{escape(title)}</text>',
    ]
    for at, panel in enumerate(panels):
        parts += _panel(panel, minutes, TOP + at * (PANEL + GAP))
    return "\n".join([*parts, "</svg>", ""])


def ticks(largest: float) -> list[float]:
    """Choose round values from 0 to the first one that is not below the largest."""
    step = next(s for s in _steps() if s * MOST_TICKS >= largest)
    number = max(1, -int(-largest // step))
    return [at * step for at in range(number + 1)]


def _steps() -> Iterator[int]:
    for power in count():
        yield from (step * 10**power for step in STEPS)


def _panel(panel: Panel, minutes: Sequence[float], top: float) -> Iterator[str]:
    yield f'<text class="name" x="{LEFT}" y="{top - 10}">{escape(panel.name)}</text>'
    yield from _legend(panel.lines, top)
    marks = ticks(max((max(line.values) for line in panel.lines), default=1))
    bottom, right = top + PANEL, WIDTH - RIGHT
    for mark in marks:
        y = bottom - PANEL * mark / marks[-1]
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>'
        yield _text(LEFT - 8, y + 4, f"{mark:,}", anchor="end")
    yield f'<path class="axis" d="M{LEFT} {bottom}H{right}"/>'
    last = minutes[-1]
    for mark in ticks(last):
        if mark <= last * NEARLY:
            yield _text(_x(mark, last), bottom + 17, f"{mark:g} min", anchor="middle")
    for line, colour in zip(panel.lines, COLOURS, strict=False):
        points = " ".join(
            f"{_x(at, last):.1f},{bottom - PANEL * value / marks[-1]:.1f}"
            for at, value in zip(minutes, line.values, strict=True)
        )
        yield f'<polyline class="line" stroke="{colour}" points="{points}"/>'


def _legend(lines: Sequence[Line], top: float) -> Iterator[str]:
    named = [line for line in lines if line.name]
    for at, (line, colour) in enumerate(zip(named, COLOURS, strict=False)):
        x, y = WIDTH - RIGHT - 150 * (len(named) - at), top - 10
        yield f'<path stroke="{colour}" stroke-width="3" d="M{x} {y - 4}h20"/>'
        yield f'<text x="{x + 26}" y="{y}">{escape(line.name)}</text>'


def _x(at: float, last: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at / last


def _text(x: float, y: float, text: str, *, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="tick" {place}>{text}</text>'
