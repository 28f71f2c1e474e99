"""Stores, runs of the target against them, and clients connected to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Clock
from support.plugins import Run, RunTarget, run_target
from support.store_client import START as NOW
from support.store_client import Connect, ConnectedClient, connecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox import Sandbox
    from support.singer import Message
    from support.store import MakeBox


@pytest.fixture
def make_box(make_sandbox: MakeBox) -> MakeBox:
    """Open sandboxes whose members all have a customer, with ids from 1001."""

    def make(**options: Any) -> Sandbox:  # noqa: ANN401 - the sandbox's options
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
    """Configure the target for a sandbox; only the company is mapped."""

    def of(box: Sandbox) -> dict[str, Any]:
        return box.target_config(
            id_field="id",
            map_standard_fields=[{"from": "company", "to": "company"}],
            rejects_path=str(tmp_path / "rejects.jsonl"),
            history_path=str(tmp_path / "history.sqlite"),
            summary_path=str(tmp_path / "summary.json"),
            request_timeout_seconds=30,
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
    """Run the target over messages, with changed settings."""

    def over(*lines: Message | str, **settings: Any) -> Run:  # noqa: ANN401 - JSON
        return run_target({**config, **settings}, lines)

    return over


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect API clients; all are closed when the test ends."""
    with connecting() as connect:
        yield connect


@pytest.fixture
def connected(make_sandbox: MakeBox, connect: Connect) -> ConnectedClient:
    """A client of a store with about thirty customers."""
    return connect(make_sandbox(members=30, clock=Clock.still(NOW)))


@pytest.fixture
def connect_store(make_sandbox: MakeBox, connect: Connect) -> Connect:
    """Open a store of over a hundred customers, with options, and connect a client."""

    def make(**options: object) -> ConnectedClient:
        box = make_sandbox(
            **{"members": 120, "quota": 100_000, **options}, clock=Clock.still(NOW)
        )
        return connect(box)

    return make
