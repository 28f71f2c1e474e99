"""A store of thirty customers, and runs of the target against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Clock
from support.plugins import Run, RunTarget, run_target
from support.store_client import START as NOW
from support.store_client import Connect, Edge, connecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox import Sandbox
    from support.singer import Message
    from support.store import MakeBox


@pytest.fixture
def make_box(make_sandbox: Callable[..., Sandbox]) -> MakeBox:
    """Open sandboxes of clean customers alone, with ids from 1001 on."""

    def make(**options: Any) -> Sandbox:  # noqa: ANN401 - the sandbox's own
        clean = dict.fromkeys(("without_id", "unknown_id", "refused", "shared_id"), 0)
        few = {"members": 30, "others": 0, "newsletter": 0}
        return make_sandbox(**{**clean, **few, **options})

    return make


@pytest.fixture
def box(make_box: MakeBox) -> Sandbox:
    """Thirty customers, 1001 to 1030."""
    return make_box()


@pytest.fixture
def config_of(tmp_path: Path) -> Callable[[Sandbox], dict[str, Any]]:
    """Configure the target for a sandbox: the company is mapped, nothing else."""

    def of(box: Sandbox) -> dict[str, Any]:
        return box.target_config(
            id_field="id",
            map_standard_fields=[{"from": "company", "to": "company"}],
            rejects_path=str(tmp_path / "rejects.jsonl"),
            summary_path=str(tmp_path / "summary.json"),
            request_timeout_seconds=5,
        )

    return of


@pytest.fixture
def config(
    box: Sandbox, config_of: Callable[[Sandbox], dict[str, Any]]
) -> dict[str, Any]:
    """Configure the target for the test's sandbox."""
    return config_of(box)


@pytest.fixture
def run(config: dict[str, Any]) -> RunTarget:
    """Run the target over messages, with some settings otherwise."""

    def over(*lines: Message | str, **settings: Any) -> Run:  # noqa: ANN401 - JSON
        return run_target({**config, **settings}, lines)

    return over


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect API clients; all are closed when the test ends."""
    with connecting() as connect:
        yield connect


@pytest.fixture
def edge(make_sandbox: Callable[..., Sandbox], connect: Connect) -> Edge:
    """A store of some thirty customers that works normally."""
    return connect(make_sandbox(members=30, clock=Clock.still(NOW)))


@pytest.fixture
def open_store(
    make_sandbox: Callable[..., Sandbox], connect: Connect
) -> Callable[..., Edge]:
    """A store of a hundred customers and more, with options."""

    def make(**options: object) -> Edge:
        box = make_sandbox(
            **{"members": 120, "quota": 100_000, **options}, clock=Clock.still(NOW)
        )
        return connect(box)

    return make
