"""The simulation finds every defect that is patched into the target."""

from __future__ import annotations

import pytest

from simulation.defects import DEFECTS
from simulation.simulation import simulate

SEEDS = range(1000)  # Enough to find each defect.


def simulate_all(seeds: range) -> None:
    for seed in seeds:
        simulate(seed)


@pytest.mark.parametrize(
    ("defect", "words"),
    [
        ("a state printed before the write", "STATE covers|is .*, not one of"),
        ("a POST retried blindly", "created again|is good, and was rejected"),
        ("a reject dropped", "not rejected"),
        ("an exit applied on an unfinished scan", "a member, is cleared"),
        ("a broken audience cleared", "values are cleared"),
        ("the signal handler of the stock SDK", "a call starts|after signal"),
    ],
)
def test_planted_defect_is_found(defect: str, words: str) -> None:
    with DEFECTS[defect](), pytest.raises(AssertionError, match=words):
        simulate_all(SEEDS)
