"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from sandbox import Clock, Options, Sandbox

MakeSandbox = Callable[..., Sandbox]

# `make test` tries the same examples every time; `make nightly` searches at random.
settings.register_profile(
    "repeatable", max_examples=200, deadline=None, derandomize=True, database=None
)
settings.register_profile("nightly", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--guarantees`, which lists the tests of each guarantee and runs none."""
    parser.addoption("--guarantees", action="store_true", help="list the guarantees")


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Print the tests of each guarantee instead of running any, if asked."""
    if not config.getoption("guarantees"):
        return
    found: dict[str, list[str]] = {}
    for item in items:
        for mark in item.iter_markers("guarantee"):
            name, _, _ = item.nodeid.partition("[")
            found.setdefault(mark.args[0], []).append(name)
    for guarantee, names in sorted(found.items()):
        print(guarantee, *dict.fromkeys(names), sep="\n  ")  # noqa: T201 - a listing
    items.clear()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A listing that runs no test has not failed."""
    if session.config.getoption("guarantees"):
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture
def make_sandbox() -> Iterator[MakeSandbox]:
    """Open sandboxes by their options; all are closed when the test ends."""
    with ExitStack() as stack:

        def make(*, clock: Clock | None = None, **options: object) -> Sandbox:
            box = Sandbox(Options(**options), clock=clock)  # type: ignore[arg-type]  # Options refuses what it does not know
            return stack.enter_context(box)

        yield make


@pytest.fixture
def sandbox(make_sandbox: MakeSandbox) -> Sandbox:
    """A small sandbox of 50 members, one without a customer id among them."""
    return make_sandbox(members=50)
