"""The simulated threads overlap, and a seed decides everything."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING

import pytest

from simulation.process import MemoryFile
from simulation.scenario import draw
from simulation.simulation import Simulation, simulate

if TYPE_CHECKING:
    from pathlib import Path


def most_at_once(seed: int, folder: Path) -> int:
    """Simulate a seed; return the maximum number of concurrent calls."""
    (folder / str(seed)).mkdir()
    with MemoryFile() as file:
        simulation = Simulation(seed, file, folder / str(seed))
        simulation.run()
    return simulation.wire.most_at_once


@pytest.mark.parametrize("width", [1, 2, 3])
def test_max_in_flight_is_reached_and_kept(width: int, tmp_path: Path) -> None:
    drawn = (seed for seed in count() if draw(seed).settings["max_in_flight"] == width)

    assert max(most_at_once(seed, tmp_path) for seed in islice(drawn, 10)) == width


def test_seed_always_makes_the_same_calls(seeds: range) -> None:
    first, second = simulate(seeds[0]), simulate(seeds[0])

    assert first == second
    assert first
