"""The long runs, as short as they can be."""

from __future__ import annotations

import pytest

from chaos.load import run_load
from chaos.runs import run_chaos
from chaos.soak import run_soak


def quietly(_: str) -> None:
    """Tell nobody."""


@pytest.mark.guarantee("killed-runs-converge")
def test_runs_that_are_hit_end_with_the_store_equal_to_the_audience() -> None:
    wrong = run_chaos(2, seed=23, members=100, tell=quietly)

    assert wrong == []


def test_a_continuous_pair_on_a_bad_day_ends_with_the_store_equal() -> None:
    wrong = run_soak(0.1, seed=7, members=100, tell=quietly)

    assert wrong == []


def test_a_load_ends_with_the_store_equal_and_both_sides_small() -> None:
    wrong = run_load(400, seed=7, tell=quietly)

    assert wrong == []
