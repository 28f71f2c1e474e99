"""Jobs with a ledger, over a Lytics account in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from singer_kit.shutdown import ShutdownSignal
from support.tap_job import ID, Job

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def ledger_path(tmp_path: Path) -> str:
    """The path of a ledger that does not exist yet."""
    return str(tmp_path / "members.ledger")


@pytest.fixture
def job(ledger_path: str) -> Job:
    """A job that reports exits and takes the first members as its baseline."""
    return Job(ledger_path=ledger_path, require_fields=[ID], emit_exits=True)


@pytest.fixture
def full_job(job: Job) -> Job:
    """A job that reports exits and sends all members first."""
    job.config["existing_users"] = True
    return job


@pytest.fixture
def shutdown() -> ShutdownSignal:
    """The shutdown signal of a run."""
    return ShutdownSignal()
