"""Sandboxes in this process, with a clock that only tests advance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import Clock, Options, Sandbox

if TYPE_CHECKING:
    from support.store import MakeBox

NOW = 1_780_000_000.0  # 2026-05-28T20:26:40Z


@pytest.fixture
def make_box() -> MakeBox:
    """Make sandboxes of 250 members that are not served, by their other options."""

    def make(**options: object) -> Sandbox:
        given = {"members": 250, "quota": 10_000, **options}
        return Sandbox(Options(**given), clock=Clock.still(NOW))  # type: ignore[arg-type]  # Options refuses what it does not know

    return make


@pytest.fixture
def box(make_box: MakeBox) -> Sandbox:
    """A sandbox of 250 members, with quota to spare."""
    return make_box()
