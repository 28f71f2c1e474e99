"""A few hundred seeds of the simulation; `make simulate` runs 10,000."""

from __future__ import annotations

from itertools import count, islice

import pytest

from simulation.memory_file import MemoryFile
from simulation.scenario import draw
from simulation.simulation import Simulation, simulate

PARTS = 6  # To run them in parallel.


def most_at_once(seed: int) -> int:
    """Simulate a seed; return the maximum number of concurrent calls."""
    with MemoryFile() as file:
        simulation = Simulation(seed, file)
        simulation.run()
    return simulation.wire.most_at_once


@pytest.mark.guarantee("outcomes-add-up")
@pytest.mark.guarantee("state-never-ahead")
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_whatever_goes_wrong(seeds: range, part: int) -> None:
    for seed in seeds[part::PARTS]:
        simulate(seed)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_calls_are_under_way_side_by_side(width: int) -> None:
    drawn = (seed for seed in count() if draw(seed).settings["max_in_flight"] == width)

    assert max(most_at_once(seed) for seed in islice(drawn, 10)) == width


def test_a_seed_always_tells_the_same_story(seeds: range) -> None:
    calls = [simulate(seeds[0]) for _ in range(2)]

    assert calls[0] == calls[1]
    assert calls[0]
