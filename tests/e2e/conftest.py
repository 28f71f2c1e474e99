"""Fixtures of the tests that run both plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.meltano import MeltanoProject, copy_project, declared_mapping

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox import Sandbox

VIP = "vip_customers"


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[Sandbox], MeltanoProject]:
    """Create Meltano projects, each configured for a sandbox."""

    def make(box: Sandbox) -> MeltanoProject:
        folder = tmp_path / f"project-{box.url.rpartition(':')[2]}"
        folder.mkdir()
        return copy_project(folder, box.env())

    return make


@pytest.fixture
def tap_config(sandbox: Sandbox) -> dict[str, Any]:
    """Configure the tap to export all members of the main audience."""
    return sandbox.tap_config(audiences=[VIP], existing_users=True)


@pytest.fixture
def target_config(sandbox: Sandbox) -> dict[str, Any]:
    """Configure the target with the mapping of meltano.yml."""
    return sandbox.target_config(**declared_mapping())
