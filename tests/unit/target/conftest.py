"""Runs of the target in this process: the real client against a sandbox's store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Clock, Options, Sandbox
from singer_kit.shutdown import ShutdownSignal
from support.customers import member, put_customers
from support.target_job import NOW, Job, MakeJob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from support.store import MakeBox


@pytest.fixture(scope="session")
def make_box() -> MakeBox:
    """Make sandboxes that are not served over HTTP, with a large quota."""

    def make(**options: Any) -> Sandbox:  # noqa: ANN401 - options
        defaults: dict[str, Any] = {
            "members": 0,
            "others": 0,
            "newsletter": 0,
            "quota": 10_000,
        }
        return Sandbox(Options(**{**defaults, **options}), clock=Clock.still(NOW))

    return make


@pytest.fixture
def box(make_box: MakeBox) -> Sandbox:
    """An empty store."""
    return make_box()


@pytest.fixture(scope="session")
def open_job(tmp_path_factory: pytest.TempPathFactory) -> MakeJob:
    """Open jobs in their own folders, for property tests."""

    def open_one(box: Sandbox, **config: object) -> Job:
        return Job(box, tmp_path_factory.mktemp("job"), **config)

    return open_one


@pytest.fixture
def make_job(tmp_path: Path) -> Iterable[MakeJob]:
    """Make jobs by their settings; all are closed when the test ends."""
    jobs: list[Job] = []

    def make(box: Sandbox, **config: object) -> Job:
        jobs.append(Job(box, tmp_path, **config))
        return jobs[-1]

    yield make
    for job in jobs:
        job.close()


@pytest.fixture
def audience(box: Sandbox, make_job: MakeJob) -> Sandbox:
    """A store in which customers 1, 2 and 3 are members and 4 is not."""
    put_customers(box, 1, 2, 3, 4)
    make_job(box, map_standard_fields=[]).write(*map(member, (1, 2, 3)))
    box.journal.clear()
    return box


@pytest.fixture
def shutdown() -> Iterator[ShutdownSignal]:
    """Make a shutdown signal that is not set."""
    made = ShutdownSignal()
    yield made
    made.close()
