"""Fixtures of the tests that run both plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Options, Sandbox
from support.meltano import MeltanoProject, copy_project, declared_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VIP = "vip_customers"


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[Sandbox], MeltanoProject]:
    """Give a Meltano project of its own, pointed at a sandbox."""

    def make(box: Sandbox) -> MeltanoProject:
        folder = tmp_path / f"project-{box.url.rpartition(':')[2]}"
        folder.mkdir()
        return copy_project(folder, box.env())

    return make


@pytest.fixture(scope="module")
def clean_sandbox() -> Iterator[Sandbox]:
    """Twelve members with whom nothing is wrong, for all tests of a module."""
    wrong = {"without_id": 0, "unknown_id": 0, "refused": 0, "shared_id": 0}
    with Sandbox(Options(members=12, newsletter=5, **wrong)) as box:  # type: ignore[arg-type]  # these are shares
        yield box


@pytest.fixture
def tap_config(sandbox: Sandbox) -> dict[str, Any]:
    """Export everybody in the sandbox's main audience."""
    return sandbox.tap_config(audiences=[VIP], existing_users=True)


@pytest.fixture
def target_config(sandbox: Sandbox) -> dict[str, Any]:
    """Map as meltano.yml does."""
    return sandbox.target_config(**declared_mapping())
