"""`make load`: a large audience through the pair, and what it takes."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.model import differences
from chaos.pair import Pair
from sandbox import Options, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.processes import Vitals


NO_LIMIT = 10_000_000
GLANCE_SECONDS = 0.2
TOLD_EVERY_SECONDS = 60.0
MOST_MEGABYTES = {"tap": 150.0, "target": 200.0}
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a load took: seconds, megabytes at most, bytes."""

    seconds: float
    peaks: dict[str, float]
    state_bytes: int
    ledger_bytes: int
    calls: int


def run_load(
    members: int, *, seed: int, tell: Callable[[str], None] = print
) -> list[str]:
    """Export everybody of an audience into an empty store; tell what is wrong.

    Nobody is refused, one in twenty has no customer id, and everybody else's value of
    the audience attribute is new, while their fields are as they should be.
    """
    options = Options(
        members=members,
        others=0,
        newsletter=0,
        seed=seed,
        unknown_id=0.0,
        refused=0.0,
        shared_id=0.0,
        differing=0.0,
        email_differing=0.0,
        quota=NO_LIMIT,
        journal_length=0,
        journal_bodies=False,
    )
    with Sandbox(options) as box, tempfile.TemporaryDirectory() as folder:
        mapping: dict[str, object] = {"map_custom_attributes": []}
        pair = Pair(box, Path(folder), tap={}, target=mapping)
        with pair:
            figures = _measure(pair, box, Path(folder), tell)
        tell(_row(members, figures))
        return [*pair.failures(), *_fat(figures), *map(str, differences(box))]


def _measure(
    pair: Pair, box: Sandbox, folder: Path, tell: Callable[[str], None]
) -> Figures:
    began = told = time.monotonic()
    latest: dict[str, Vitals] = {}
    while pair.target.poll() is None:
        latest |= pair.vitals()
        time.sleep(GLANCE_SECONDS)
        if time.monotonic() - told > TOLD_EVERY_SECONDS:
            told = time.monotonic()
            tell(f"  {told - began:.0f} s: {box.journal.total:,} calls")
    pair.tap.wait()
    return Figures(
        seconds=time.monotonic() - began,
        peaks={name: look.peak for name, look in latest.items()},
        state_bytes=len(pair.last_state()),
        ledger_bytes=sum(path.stat().st_size for path in folder.glob("vip.ledger*")),
        calls=box.journal.total,
    )


def _row(members: int, figures: Figures) -> str:
    return (
        f"{members:>9,} members: {figures.seconds:,.1f} s, {figures.calls:,} calls,"
        f" tap {figures.peaks['tap']:.0f} MB, target {figures.peaks['target']:.0f} MB,"
        f" state {figures.state_bytes} bytes,"
        f" ledger {figures.ledger_bytes / MEGABYTE:.1f} MB."
    )


def _fat(figures: Figures) -> list[str]:
    return [
        f"The {name} took {peak:.0f} MB, more than {MOST_MEGABYTES[name]:.0f}."
        for name, peak in figures.peaks.items()
        if peak > MOST_MEGABYTES[name]
    ]
