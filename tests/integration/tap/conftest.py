"""Settings of the tap, running taps, and jobs that get corrupted responses."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Options, Sandbox
from support.corrupted import CorruptedLytics, Jobs
from support.live_tap import VIP, LiveTap, StartTap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@pytest.fixture
def start_tap() -> Iterator[StartTap]:
    """Start taps, through another command if given; all are killed at the end."""
    running: list[LiveTap] = []
    with tempfile.TemporaryDirectory() as name:

        def start(
            config: Mapping[str, Any],
            state: Mapping[str, Any] | None = None,
            *,
            through: Sequence[str] = (),
        ) -> LiveTap:
            folder = Path(name, str(len(running)))
            folder.mkdir()
            running.append(LiveTap(folder, config, state, through=through))
            return running[-1]

        yield start
        for tap in running:
            tap.process.kill()
            tap.process.wait()
            assert tap.process.stdout is not None
            tap.process.stdout.close()


@pytest.fixture
def config_of() -> Callable[..., dict[str, Any]]:
    """Return the settings that read all members of the main audience, and others."""

    def config(box: Sandbox, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return box.tap_config(
            **{"audiences": [VIP], "existing_users": True, **settings}
        )

    return config


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """Jobs against an account whose responses are corrupted."""
    box = Sandbox(Options(members=25, journal_length=10))
    with CorruptedLytics(box) as lytics:
        jobs = Jobs(lytics, tmp_path_factory.mktemp("corrupted"))
        jobs.prepare()
        yield jobs
