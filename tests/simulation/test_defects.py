"""The simulation can fail: it catches every defect that is put into the target."""

from __future__ import annotations

import pytest

from simulation.defects import DEFECTS
from simulation.simulation import simulate

ENOUGH = 1000


def _live_through(seeds: range) -> None:
    for seed in seeds:
        simulate(seed)


@pytest.mark.parametrize(
    ("defect", "words"),
    [
        ("a state printed before the write", "STATE covers|is .*, not one of"),
        ("a POST retried blindly", "created again|is good, and was rejected"),
        ("a reject dropped", "not rejected"),
        ("an exit applied on an unfinished scan", "is cleared, a member's"),
        ("a broken audience cleared", "values are cleared"),
        ("the signal handler of the stock SDK", "a call begins|after signal"),
    ],
)
def test_the_simulation_catches(defect: str, words: str) -> None:
    with DEFECTS[defect](), pytest.raises(AssertionError, match=words):
        _live_through(range(ENOUGH))
