"""A few hundred seeds of the simulation; `make simulate` lives through 10,000."""

from __future__ import annotations

import pytest

from simulation.simulation import simulate

PARTS = 6  # So that they can be lived through side by side.


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_whatever_goes_wrong(seeds: range, part: int) -> None:
    for seed in seeds[part::PARTS]:
        simulate(seed)


def test_a_seed_always_tells_the_same_story(seeds: range) -> None:
    stories = [simulate(seeds[0]) for _ in range(2)]

    assert stories[0] == stories[1]
    assert stories[0]
