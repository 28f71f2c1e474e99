"""The seeds to simulate."""

from __future__ import annotations

import pytest

QUICK = range(200)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--seed N`, which replays a single seed."""
    parser.addoption("--seed", type=int, help="replay this seed of the simulation")


@pytest.fixture(scope="session")
def seeds(pytestconfig: pytest.Config) -> range:
    """Return the seed given by `--seed`, or the seeds of a quick run."""
    # pytest does not load this file's option when run from the root.
    seed = pytestconfig.getoption("--seed", default=None)
    return QUICK if seed is None else range(seed, seed + 1)
