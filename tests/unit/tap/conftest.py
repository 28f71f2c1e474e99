"""A Lytics account in this process, and syncs of it without any HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from singer_kit.shutdown import ShutdownSignal
from support.lytics import ID
from support.tap_job import Collected, Job, MakeJob

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture(scope="session")
def make_job() -> MakeJob:
    """Make jobs by their settings; `options` are the sandbox's."""

    def make(
        *,
        options: Mapping[str, Any] | None = None,
        **config: Any,  # noqa: ANN401 - settings
    ) -> Job:
        return Job(options=options or {}, **config)

    return make


@pytest.fixture(scope="session")
def collected() -> type[Collected]:
    """Give the output that collects, for a test that cuts a run off."""
    return Collected


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Name a file that may become a ledger."""
    return str(tmp_path / "members.ledger")


@pytest.fixture
def job(make_job: MakeJob, path: str) -> Job:
    """A job that reports exits and starts with who enters from now on."""
    return make_job(ledger_path=path, require_fields=[ID], emit_exits=True)


@pytest.fixture
def full_job(job: Job) -> Job:
    """A job that reports exits and sends everybody first."""
    job.config["existing_users"] = True
    return job


@pytest.fixture
def shutdown() -> ShutdownSignal:
    """Take signals as a run does."""
    return ShutdownSignal()
