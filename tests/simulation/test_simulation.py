"""Some hundred seeds of the simulation; `make simulate` runs 10,000."""

from __future__ import annotations

import pytest

from simulation.simulation import simulate
from simulation.tap.simulation import simulate_tap

PARTS = 6  # To show progress.


@pytest.mark.guarantee("outcomes-add-up")
@pytest.mark.guarantee("state-never-ahead")
@pytest.mark.guarantee("complete-history")
@pytest.mark.guarantee("mass-clear-guard")
@pytest.mark.parametrize("part", range(PARTS))
def test_no_check_fails(seeds: range, part: int) -> None:
    for seed in seeds[part::PARTS]:
        simulate(seed)


@pytest.mark.guarantee("ledger-lineages")
@pytest.mark.guarantee("changed-settings")
@pytest.mark.guarantee("misleading-responses")
@pytest.mark.guarantee("no-false-exit")
@pytest.mark.parametrize("part", range(PARTS))
def test_no_check_of_the_tap_fails(seeds: range, part: int) -> None:
    for seed in seeds[part::PARTS]:
        simulate_tap(seed)
