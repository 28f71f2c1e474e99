"""The seeds that a test run lives through."""

from __future__ import annotations

import pytest

QUICK = range(300)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let one seed be replayed: `python -m pytest tests/simulation --seed N`."""
    parser.addoption("--seed", type=int, help="replay this seed of the simulation")


@pytest.fixture(scope="session")
def seeds(pytestconfig: pytest.Config) -> range:
    """One seed, if it is named."""
    # Run from the root, pytest does not know the option of this folder.
    seed = pytestconfig.getoption("--seed", default=None)
    return QUICK if seed is None else range(seed, seed + 1)
