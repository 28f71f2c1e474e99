"""The simulation finds every defect that is patched into a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulation.defects import DEFECTS
from simulation.simulation import simulate
from simulation.tap.simulation import simulate_tap

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = range(1000)  # Enough to find each defect.


def simulate_all(seeds: range, run: Callable[[int], object]) -> None:
    for seed in seeds:
        run(seed)


@pytest.mark.parametrize(
    ("defect", "words", "first"),
    [
        ("a state printed before the write", "STATE covers|is .*, not one of", 0),
        ("a POST retried blindly", "created again|is good, and was rejected", 100),
        ("a reject dropped", "not rejected", 0),
        ("an exit applied on an unfinished scan", "a member, is cleared", 0),
        ("a broken audience cleared", "values are cleared", 0),
        (
            "the signal handler of the stock SDK",
            "after a? ?signal|never ends|of the same thread",
            0,
        ),
        ("the guard forgets between runs", "values are cleared", 300),
        ("a refused value is confirmed", "changes that were not made|, not one of", 0),
        ("a refused list loses a half", "is good, and was rejected|, not one of", 0),
    ],
)
def test_planted_defect_is_found(defect: str, words: str, first: int) -> None:
    with DEFECTS[defect](), pytest.raises(AssertionError, match=words):
        simulate_all(SEEDS[first:], simulate)


@pytest.mark.parametrize(
    ("defect", "words", "first"),
    [
        ("a stateless run takes the ledger", "never sent|no exit|not sent again", 0),
        ("a resumed scan forgets a part", "parts .* are resumed", 150),
        ("an error envelope is an empty audience", "never sent|company of", 100),
    ],
)
def test_planted_defect_of_the_tap_is_found(
    defect: str, words: str, first: int
) -> None:
    with DEFECTS[defect](), pytest.raises(AssertionError, match=words):
        simulate_all(SEEDS[first:], simulate_tap)
