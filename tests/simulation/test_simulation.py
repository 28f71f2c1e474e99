"""A few hundred seeds of the simulation; `make simulate` lives through 10,000."""

from __future__ import annotations

from itertools import count, islice

import pytest

from simulation.memory_file import MemoryFile
from simulation.scenario import draw
from simulation.simulation import Simulation, simulate

PARTS = 6  # So that they can be lived through side by side.


def most_at_once(seed: int) -> int:
    """Live through a seed; gives how many calls were under way at once."""
    with MemoryFile() as file:
        simulation = Simulation(seed, file)
        simulation.run()
    return simulation.wire.most_at_once


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_whatever_goes_wrong(seeds: range, part: int) -> None:
    for seed in seeds[part::PARTS]:
        simulate(seed)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_calls_are_under_way_side_by_side(width: int) -> None:
    drawn = (seed for seed in count() if draw(seed).settings["max_in_flight"] == width)

    assert max(most_at_once(seed) for seed in islice(drawn, 10)) == width


def test_a_seed_always_tells_the_same_story(seeds: range) -> None:
    stories = [simulate(seeds[0]) for _ in range(2)]

    assert stories[0] == stories[1]
    assert stories[0]
